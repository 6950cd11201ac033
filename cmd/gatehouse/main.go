// Command gatehouse puts a security gate in front of any backend.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehousehq/gatehouse/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.System()))
}
