// Command record makes the recordings of package benign: it starts a throwaway
// PostgreSQL and a program that uses it, sends the program ordinary requests,
// one after the other, and writes what package input finds in each request
// beside the statements that the program sent for it.
//
// It trusts the programs that it starts and refuses nothing. All of it is on
// loopback, and what it starts ends with it. The requests are the same for the
// same seed; keys, times and tokens that the programs draw are not.
//
//	go run ./tests/attacks/benign/record [-app NAME] [-requests N] [-seed N] [-out FOLDER]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

func main() {
	app := flag.String("app", "", "the one program to record; all without it")
	requests := flag.Int("requests", 0, "about how many requests to send each program; 0: as many as the committed recordings have")
	seed := flag.Uint64("seed", 1, "what the requests are drawn from")
	out := flag.String("out", "tests/attacks/benign/testdata", "folder for the recordings")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, p := range programs {
		if *app != "" && *app != p.name {
			continue
		}
		if err := write(ctx, p, *requests, *seed, *out); err != nil {
			fmt.Fprintf(os.Stderr, "record: %s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}

// write records one program to its file.
func write(ctx context.Context, p program, requests int, seed uint64, folder string) error {
	began := time.Now()
	exchanges, err := record(ctx, p, cmp.Or(requests, p.requests), seed)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(folder, p.name+".jsonl.zst"))
	if err != nil {
		return err
	}
	if err := benign.Write(f, exchanges); err != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	statements := 0
	for _, x := range exchanges {
		statements += len(x.Statements)
	}
	fmt.Printf("%s: %d exchanges, %d statements in %v\n", p.name, len(exchanges), statements, time.Since(began).Round(time.Second))
	return nil
}
