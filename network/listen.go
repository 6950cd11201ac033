package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ListenConfig says how to listen. The zero value is ready to use.
type ListenConfig struct {
	// UnixMode are the permissions of a Unix socket's file; zero means 0660.
	UnixMode fs.FileMode
}

// Listen is [ListenConfig.Listen] with the defaults.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	return ListenConfig{}.Listen(ctx, addr)
}

// Listen opens "host:port", ":443", "unix:/path.sock", or a socket that systemd
// handed over: "systemd:0", the first, or "systemd:NAME". A Unix socket that a
// dead process left behind is replaced. Its errors are one line that says what
// to do; [errors.Is] finds the system's cause in them.
func (c ListenConfig) Listen(ctx context.Context, addr string) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	var ln net.Listener
	var err error
	kind, rest, _ := strings.Cut(addr, ":")
	switch kind {
	case "unix":
		ln, err = c.listenUnix(ctx, rest)
	case "systemd":
		ln, err = inherited(rest)
	default:
		ln, err = listenTCP(ctx, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return ln, nil
}

var errAddress = errors.New(`want "host:port", ":port", "unix:/path" or "systemd:0"`)

func listenTCP(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errAddress
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q is no port: want a number up to 65535", port)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		return ln, nil
	}
	return nil, tcpError(host, uint16(number), err)
}

// tcpError says what to do about err.
func tcpError(host string, port uint16, err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return cause{fmt.Sprintf("port %d is in use%s: stop that process, or choose another port", port, holder(port)), err}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return cause{fmt.Sprintf("no permission for port %d: ports under 1024 need `sudo setcap cap_net_bind_service=+ep` on the gatehouse binary, or a socket from systemd (systemd:0)", port), err}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return cause{fmt.Sprintf("%s is not an address of this machine: use one that is, or :%d for all", host, port), err}
	case errors.As(err, &dns):
		return cause{fmt.Sprintf("%q is neither an address nor a known name", host), err}
	}
	return err
}

// cause is a line for a person in place of the system's, which Is still finds.
type cause struct {
	line string
	err  error
}

func (c cause) Error() string { return c.line }
func (c cause) Unwrap() error { return c.err }

// maxUnixPath is what sockaddr_un holds on Linux, less the closing zero.
const maxUnixPath = 107

func (c ListenConfig) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return nil, errAddress
	}
	if len(path) > maxUnixPath {
		return nil, fmt.Errorf("the path is longer than %d bytes, the most for a Unix socket", maxUnixPath)
	}
	if err := clearStale(ctx, path); err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cause{"its folder does not exist: create it", err}
	case errors.Is(err, fs.ErrPermission):
		return nil, cause{"no permission to create the socket in its folder", err}
	case err != nil:
		return nil, err
	}
	mode := c.UnixMode
	if mode == 0 {
		mode = 0o660
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the socket's permissions: %w", err), ln.Close())
	}
	return ln, nil
}

// clearStale removes the socket of a dead process: one that refuses.
func clearStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("the file exists and is not a socket: move it away, or choose another path")
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	c, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = c.Close() // nothing was said on it
		return cause{"another process listens on it: stop that process, or choose another path", syscall.EADDRINUSE}
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("asking whether a process still listens on it: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing the socket that a dead process left: %w", err)
	}
	return nil
}
