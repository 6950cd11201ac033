package wire

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/secret"
)

// childVariable has the test's own binary be a gate, and nothing else: what the
// gate uses of memory, goroutines and descriptors can then be told from what
// the test does.
const childVariable = "GATEHOUSE_WIRE_CHILD"

// childOptions is what the child is told, and usage what it says of itself.
type childOptions struct {
	Clients []childClient
}

type childClient struct{ User, Password, Address, UpstreamUser, UpstreamPassword string }

type usage struct {
	Address     string
	Goroutines  int
	Descriptors int
	Sessions    int
	HeapBytes   uint64 // live, after a collection
}

// serveChild serves until its standard input ends. Each line of that is
// answered by a line of usage.
func serveChild() int {
	var told childOptions
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &told); err != nil {
		fmt.Fprintln(os.Stderr, "the child's options:", err)
		return 2
	}
	j, err := newJudge()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	g, address, stop, err := serve(pgwire.Options{Name: "wire", Clients: told.clients(), Judge: j})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		out, err := json.Marshal(measure(g, address))
		if err != nil {
			panic(err) // plain numbers
		}
		fmt.Println(string(out))
	}
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func measure(g *pgwire.Gate, address string) usage {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd") // none where there is no /proc: all counts are then equal
	return usage{Address: address, Goroutines: runtime.NumGoroutine(), Descriptors: len(fds), Sessions: g.Stats().Sessions, HeapBytes: m.HeapAlloc}
}

// A child is a gate that is a process of its own.
type child struct {
	target
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// child starts a gate before the server in a process of its own.
func (d *database) child(t testing.TB, name string) *child {
	t.Helper()
	var o childOptions
	for _, role := range roles {
		o.Clients = append(o.Clients, childClient{User: role, Password: gatePassword(role), Address: d.Addr(), UpstreamUser: role, UpstreamPassword: upstreamPassword(role)})
	}
	return startChild(t, o, target{gated: true, database: name, server: d}.as(owner))
}

func startChild(t testing.TB, o childOptions, to target) *child {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{target: to, cmd: exec.Command(os.Args[0], "-test.run=^$")}
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.in.Close() // the child ends by it
		late := time.AfterFunc(20*time.Second, func() { _ = c.cmd.Process.Kill() })
		defer late.Stop()
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the gate in a process of its own: %v", err)
		}
	})
	c.lines = bufio.NewScanner(out)
	c.host, c.port, err = net.SplitHostPort(c.usage(t).Address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// usage asks the child.
func (c *child) usage(t testing.TB) usage {
	t.Helper()
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		t.Fatal(err)
	}
	if !c.lines.Scan() {
		t.Fatalf("the gate in a process of its own says nothing: %v", c.lines.Err())
	}
	var u usage
	if err := json.Unmarshal(c.lines.Bytes(), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

// settled asks until the child has no session, and no more goroutines and
// descriptors than before: sessions end a moment after their clients have.
func (c *child) settled(t testing.TB, before usage) usage {
	t.Helper()
	var u usage
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		u = c.usage(t)
		if u.Sessions == 0 && u.Goroutines <= before.Goroutines && u.Descriptors <= before.Descriptors {
			return u
		}
	}
	t.Errorf("the gate keeps what sessions used: before %+v, now %+v", before, u)
	return u
}

// resident is the memory of a process that the system counts: now, and at most.
func resident(t testing.TB, pid int) (now, most int64) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Skipf("the system does not say what a process uses: %v", err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		var kB int64
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kB); n == 1 {
			now = kB << 10
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kB); n == 1 {
			most = kB << 10
		}
	}
	return now, most
}

// forgetMost has the system begin anew to note the most that a process uses.
func forgetMost(t testing.TB, pid int) {
	t.Helper()
	if err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0); err != nil {
		t.Skipf("the system does not say what a process uses at most: %v", err)
	}
}

func (o childOptions) clients() []pgwire.Client {
	var clients []pgwire.Client
	for _, c := range o.Clients {
		clients = append(clients, pgwire.Client{User: c.User, Password: secret.Text(c.Password), Upstream: pgwire.Upstream{
			Network: "tcp", Address: c.Address, User: c.UpstreamUser, Password: secret.Text(c.UpstreamPassword), Weak: "the test has a server that asks so",
		}})
	}
	return clients
}
