//go:build unix && !linux

package cli

import (
	"os/exec"
	"syscall"
)

// detach gives the backend a process group of its own, so that a Ctrl-C at the
// terminal reaches the gate alone, which drains before it ends the backend.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
