package network

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// A Socket is a local TCP socket that listens.
type Socket struct {
	Addr netip.AddrPort
	// UID is the user that opened it.
	UID uint32
	// inode finds its process in /proc.
	inode uint64
}

// maxSockets bounds how many listeners are read.
const maxSockets = 1 << 16

// Listening gives the TCP sockets of this machine (of this network namespace)
// that listen. On systems without /proc/net/tcp the error is an
// [errors.ErrUnsupported].
func Listening() ([]Socket, error) {
	var out []Socket
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(path, "6") {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, cause{fmt.Sprintf("the table of listeners can't be read on %s: %v", runtime.GOOS, err), errors.ErrUnsupported}
		}
		sockets, err := parseListeners(f, binary.NativeEndian)
		_ = f.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		out = append(out, sockets...)
	}
	return out, nil
}

// stateListen is TCP_LISTEN of the kernel's include/net/tcp_states.h.
const stateListen = "0A"

// parseListeners reads the lines of /proc/net/tcp or tcp6 (proc_net_tcp in the
// kernel's documentation) that are of listening sockets.
func parseListeners(r io.Reader, order binary.ByteOrder) ([]Socket, error) {
	var out []Socket
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if number == 1 || len(fields) < 10 || fields[3] != stateListen {
			continue
		}
		s, err := parseSocket(fields, order)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if len(out) == maxSockets {
			return nil, fmt.Errorf("more than %d listeners", maxSockets)
		}
		out = append(out, s)
	}
	return out, lines.Err()
}

// parseSocket reads local_address (field 1), uid (7) and inode (9).
func parseSocket(fields []string, order binary.ByteOrder) (Socket, error) {
	host, port, ok := strings.Cut(fields[1], ":")
	raw, err := hex.DecodeString(host)
	if !ok || err != nil || len(raw) != 4 && len(raw) != 16 {
		return Socket{}, fmt.Errorf("%q is no address", fields[1])
	}
	// Each 32 bits of the address are printed as a number of the machine's order.
	for i := 0; i < len(raw); i += 4 {
		order.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, _ := netip.AddrFromSlice(raw) // its length was checked
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return Socket{}, fmt.Errorf("%q is no port", port)
	}
	uid, err := strconv.ParseUint(fields[7], 10, 32)
	if err != nil {
		return Socket{}, fmt.Errorf("%q is no user", fields[7])
	}
	inode, err := strconv.ParseUint(fields[9], 10, 64)
	if err != nil {
		return Socket{}, fmt.Errorf("%q is no inode", fields[9])
	}
	return Socket{Addr: netip.AddrPortFrom(a, uint16(p)), UID: uint32(uid), inode: inode}, nil
}

// A Finding is what is known about how far a backend or database can be reached.
type Finding struct {
	// Address is the one asked about.
	Address string
	// Local is set where something listens there on this machine.
	Local bool
	// Beyond is set where its port is also open on addresses other than loopback.
	Beyond bool
	// Sockets are those of its port that are not loopback's.
	Sockets []Socket
	// Words is one sentence for a person.
	Words string
}

// BeyondLoopback states whether a backend or database, given as "host:port",
// can be reached from other machines without passing the gate, because it
// listens beyond loopback. A name other than localhost is not resolved, and an
// address that is not this machine's can't be told about: Local is false.
func BeyondLoopback(hostport string) (Finding, error) {
	target, words, err := parseTarget(hostport)
	if err != nil {
		return Finding{}, err
	}
	if words != "" {
		return Finding{Address: hostport, Words: words}, nil
	}
	sockets, err := Listening()
	if err != nil {
		return Finding{}, err
	}
	f := judge(hostport, target, sockets)
	if f.Beyond {
		if name := process(f.Sockets[0].inode); name != "" {
			f.Words = strings.Replace(f.Words, " listens", " ("+name+") listens", 1)
		}
	}
	return f, nil
}

// target is an address on this machine, or localhost where addr is invalid.
type target struct {
	addr netip.Addr
	port uint16
}

// parseTarget gives words where there is nothing to look up.
func parseTarget(hostport string) (target, string, error) {
	if strings.HasPrefix(hostport, "/") || strings.HasPrefix(hostport, "unix:") {
		return target{}, hostport + " is a Unix socket: no other machine reaches it.", nil
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return target{}, "", fmt.Errorf("network: %q is no host:port", hostport)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return target{}, "", fmt.Errorf("network: %q: %q is no port", hostport, port)
	}
	t := target{port: uint16(number)}
	if name := strings.TrimSuffix(strings.ToLower(host), "."); name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return t, "", nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !ours(normal(a)) {
		return t, hostport + " is not this machine: whether others reach it past the gate can't be told from here.", nil
	}
	t.addr = normal(a)
	return t, "", nil
}

func ours(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, own := range addrs {
		if n, ok := own.(*net.IPNet); ok {
			if b, ok := netip.AddrFromSlice(n.IP); ok && normal(b) == a {
				return true
			}
		}
	}
	return false
}

// judge finds the sockets that answer at t, and those of its port that other
// machines reach.
func judge(hostport string, t target, sockets []Socket) Finding {
	f := Finding{Address: hostport}
	var on []string
	for _, s := range sockets {
		if s.Addr.Port() != t.port {
			continue
		}
		f.Local = f.Local || answers(s.Addr.Addr(), t.addr)
		if !normal(s.Addr.Addr()).IsLoopback() {
			f.Sockets = append(f.Sockets, s)
			on = append(on, s.Addr.Addr().String())
		}
	}
	switch f.Beyond = f.Local && len(f.Sockets) > 0; {
	case !f.Local:
		f.Sockets = nil
		f.Words = fmt.Sprintf("Nothing listens on %s.", hostport)
	case f.Beyond:
		f.Words = fmt.Sprintf("%s listens on %s too: other machines may reach it without passing the gate. Make it listen on 127.0.0.1 only, or close port %d to them.", hostport, strings.Join(on, " and "), t.port)
	default:
		f.Words = hostport + " listens on loopback only."
	}
	return f
}

// answers reports whether a socket bound to bound takes connections to a. An
// IPv6 wildcard is taken to serve IPv4 too, as it does unless told otherwise.
func answers(bound, a netip.Addr) bool {
	switch {
	case !a.IsValid(): // localhost
		return bound.IsUnspecified() || normal(bound).IsLoopback()
	case bound.IsUnspecified():
		return bound.Is6() || a.Is4()
	case a.IsUnspecified():
		return true
	}
	return normal(bound) == a
}

// holder says which process listens on a port, as " by nginx, pid 7", or "".
func holder(port uint16) string {
	sockets, err := Listening()
	if err != nil {
		return "" // who holds the port is a courtesy
	}
	for _, s := range sockets {
		if s.Addr.Port() == port {
			if name := process(s.inode); name != "" {
				return " by " + name
			}
		}
	}
	return ""
}

// maxDescriptors bounds how many descriptors are looked at for one socket.
const maxDescriptors = 1 << 18

// process names whose descriptor a socket is, as "nginx, pid 7"; "" where that
// can't be told, as of other users' processes.
func process(inode uint64) string {
	want := fmt.Sprintf("socket:[%d]", inode)
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	seen := 0
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		folder := filepath.Join("/proc", p.Name(), "fd")
		descriptors, err := os.ReadDir(folder)
		if err != nil {
			continue // another user's, or gone
		}
		for _, d := range descriptors {
			if seen++; seen > maxDescriptors {
				return ""
			}
			if to, err := os.Readlink(filepath.Join(folder, d.Name())); err == nil && to == want {
				name, err := os.ReadFile(filepath.Join("/proc", p.Name(), "comm"))
				if err != nil {
					return "pid " + p.Name()
				}
				return fmt.Sprintf("%s, pid %s", strings.TrimSpace(string(name)), p.Name())
			}
		}
	}
	return ""
}
