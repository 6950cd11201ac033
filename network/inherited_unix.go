//go:build unix

package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// firstInherited is SD_LISTEN_FDS_START of sd_listen_fds(3).
const firstInherited = 3

// inherited gives the socket that systemd handed over, by its place from 0 or
// by its FileDescriptorName. The original stays open, so that it can be asked
// for again.
func inherited(which string) (net.Listener, error) {
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || count < 1 || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, errors.New("systemd handed no socket over: start the gate from a .service with a .socket beside it")
	}
	place, err := strconv.Atoi(which)
	if err != nil {
		place = -1
		for i, name := range strings.Split(os.Getenv("LISTEN_FDNAMES"), ":") {
			if name == which && which != "" && i < count {
				place = i
				break
			}
		}
	}
	if place < 0 || place >= count {
		return nil, fmt.Errorf("systemd handed over %d sockets, named %q, and none of them is %q", count, os.Getenv("LISTEN_FDNAMES"), which)
	}
	fd := firstInherited + place
	syscall.CloseOnExec(fd)
	own, err := syscall.Dup(fd)
	if err != nil {
		return nil, fmt.Errorf("taking over descriptor %d: %w", fd, err)
	}
	file := os.NewFile(uintptr(own), "systemd:"+which)
	ln, err := net.FileListener(file) // takes a duplicate of its own
	closed := file.Close()
	if err != nil {
		return nil, fmt.Errorf("descriptor %d is no listening stream socket: %w", fd, err)
	}
	return ln, closed
}
