//go:build unix

package cli

import (
	"os"
	"os/exec"
	"syscall"
)

// detach gives the backend a process group of its own, so that a Ctrl-C at the
// terminal reaches the gate alone, which drains before it ends the backend.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminate asks the backend's whole group to end: shells and package managers
// start the real server as a child.
func terminate(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGTERM) }
