package cli

import (
	"os/exec"
	"syscall"
)

// detach gives the backend a process group of its own, so that a Ctrl-C at the
// terminal reaches the gate alone, which drains before it ends the backend. One
// that is left alone, as by a second Ctrl-C, is asked to end by the kernel.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
