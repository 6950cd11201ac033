//go:build unix

package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// An account is what the server runs as, where that is not what this process
// runs as.
type account struct{ uid, gid int }

// runAs is nil where the server may run as this process does: PostgreSQL
// refuses root.
func runAs() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, fmt.Errorf("the account %s has the id %q: %w", name, u.Uid, err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return nil, fmt.Errorf("the account %s has the group %q: %w", name, u.Gid, err)
		}
		return &account{uid, gid}, nil
	}
	return nil, errors.New("root may not run it, and there is no account postgres or nobody: start this as an ordinary user")
}

// command runs in the folder, as the account, in a group of its own, so that an
// interrupt at the terminal reaches this process and not the server. The end of
// ctx ends the whole group.
func command(ctx context.Context, folder string, as *account, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = attributes()
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(as.uid), Gid: uint32(as.gid)}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// quit asks for an immediate shutdown.
func quit(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }
