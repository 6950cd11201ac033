//go:build !unix

package throwaway

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

type account struct{ uid, gid int }

// runAs refuses: nothing here has been tried on this system.
func runAs() (*account, error) {
	return nil, fmt.Errorf("%w that could be thrown away on %s", ErrMissing, runtime.GOOS)
}

func command(ctx context.Context, folder string, _ *account, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	return cmd
}

func quit(p *os.Process) error { return p.Kill() }
