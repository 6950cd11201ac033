//go:build unix

package cli

import (
	"os"
	"syscall"
)

// terminate asks the backend's whole group to end: shells and package managers
// start the real server as a child.
func terminate(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGTERM) }
