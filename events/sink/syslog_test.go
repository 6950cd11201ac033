package sink

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// header5424 is the header of RFC 5424 section 6, as we write it.
var header5424 = regexp.MustCompile(`^<(\d{1,3})>1 (\S+) (\S+) gatehouse (\d+) (\S{1,32}) - (\{.*\})$`)

// parse5424 holds a message to RFC 5424 and gives its event.
func parse5424(t *testing.T, message string) gatehouse.Event {
	t.Helper()
	m := header5424.FindStringSubmatch(message)
	if m == nil {
		t.Fatalf("not a message of RFC 5424: %q", message)
	}
	if _, err := time.Parse(time.RFC3339Nano, m[2]); err != nil {
		t.Errorf("time %q: %v", m[2], err)
	}
	var e gatehouse.Event
	if err := json.Unmarshal([]byte(m[6]), &e); err != nil {
		t.Fatalf("body %q: %v", m[6], err)
	}
	if e.Name != m[5] {
		t.Errorf("MSGID %s of %s", m[5], e.Name)
	}
	if e.Level == gatehouse.Warning && m[1] != "84" {
		t.Errorf("PRI %s of a warning; want 84 (authpriv.warning)", m[1])
	}
	return e
}

// collector is a syslog server over a stream.
type collector struct {
	listener net.Listener
	messages chan string
	conns    chan net.Conn
}

func collect(t *testing.T, listener net.Listener) *collector {
	t.Helper()
	c := &collector{listener, make(chan string, 10_000), make(chan net.Conn, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.conns <- conn
			go c.read(conn)
		}
	}()
	t.Cleanup(func() { c.end(); <-done })
	return c
}

func (c *collector) end() {
	c.listener.Close()
	for {
		select {
		case conn := <-c.conns:
			conn.Close()
		default:
			return
		}
	}
}

// read takes octet counted messages (RFC 6587).
func (c *collector) read(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		length, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			c.messages <- "bad length " + length
			return
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		c.messages <- string(b)
	}
}

func next(t *testing.T, messages <-chan string) gatehouse.Event {
	t.Helper()
	select {
	case m := <-messages:
		return parse5424(t, m)
	case <-time.After(10 * time.Second):
		t.Fatal("no message came")
		return gatehouse.Event{}
	}
}

func listenTCP(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSyslog_Streams_GetEveryEvent(t *testing.T) {
	cert, roots := authority(t)
	tcp := listenTCP(t, "127.0.0.1:0")
	tlsListener := tls.NewListener(listenTCP(t, "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{cert}})
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	for scheme, listener := range map[string]net.Listener{"tcp": tcp, "tls": tlsListener, "unix": unix} {
		t.Run(scheme, func(t *testing.T) {
			c := collect(t, listener)
			l := open(t, Options{Syslog: scheme + "://" + listener.Addr().String(), SyslogTLS: &tls.Config{RootCAs: roots}})
			for i := range 100 {
				put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i), fmt.Sprint(i), "x"))
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				if e := next(t, c.messages); e.Request != fmt.Sprint(i) {
					t.Fatalf("message %d is about request %s", i, e.Request)
				}
			}
		})
	}
}

func TestSyslog_TLS_UnknownAuthority_GetsNothing(t *testing.T) {
	t.Parallel()
	cert, _ := authority(t)
	c := collect(t, tls.NewListener(listenTCP(t, "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{cert}}))
	s := memoryStore(t)
	l := open(t, Options{Syslog: "tls://" + c.listener.Addr().String(), Store: s})
	put(t, l, refusal("192.0.2.1", "r", "x"))
	disabled := waitFor(t, s, "sys_monitor_disabled")
	if !strings.Contains(disabled.Detail["error"], "certificate") {
		t.Errorf("told as %v", disabled.Detail)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); err == nil || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("Close: %v", err)
	}
	if len(c.messages) > 0 {
		t.Errorf("got %q", <-c.messages)
	}
}

func TestSyslog_Datagrams(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "log")
	unix, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	for address, conn := range map[string]net.PacketConn{"udp://" + udp.LocalAddr().String(): udp, "unix://" + path: unix} {
		l := open(t, Options{Syslog: address})
		put(t, l, refusal("192.0.2.1", "one", "x"))
		b := make([]byte, 65536)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if e := parse5424(t, string(b[:n])); e.Request != "one" {
			t.Errorf("%s got %+v", address, e)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		conn.Close()
	}
}

// waitFor gives the newest event of that name, once there is one.
func waitFor(t *testing.T, s storeReader, name string) gatehouse.Event {
	t.Helper()
	for range 2000 {
		if list := search(t, s, Filter{Name: name, Reverse: true, Limit: 1}); len(list) == 1 {
			return list[0]
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("no %s was recorded", name)
	return gatehouse.Event{}
}

func TestSyslog_DeadServer_HoldsNothingUpAndIsToldWithExactCounts(t *testing.T) {
	t.Parallel()
	reserved := listenTCP(t, "127.0.0.1:0")
	addr := reserved.Addr().String()
	reserved.Close() // nobody listens there
	s := memoryStore(t)
	l := open(t, Options{Syslog: "tcp://" + addr, Store: s, FloodLimit: 1 << 30})
	const total = syslogBuffer + 500
	start := time.Now()
	put(t, l, refusal("192.0.2.1", "0", "x"))
	waitFor(t, s, "sys_monitor_disabled")
	for i := range total - 1 {
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i+1), "x"))
	}
	// Were each to wait until the server is dialled again, it would take total seconds.
	if took := time.Since(start); took > total*minRedial/20 {
		t.Errorf("%d events took %v with a dead server", total, took)
	}
	c := collect(t, listenTCP(t, addr))
	recovered := waitFor(t, s, "sys_monitor_enabled")
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := 0
	for len(c.messages) > 0 || got < syslogBuffer {
		e := next(t, c.messages)
		got++
		if e.Name == "sys_monitor_enabled" {
			break
		}
	}
	all := len(search(t, s, Filter{}))
	if want := fmt.Sprint(all - got); recovered.Detail["lost"] != want {
		t.Errorf("lost %s; of %d events the server got %d, so %s", recovered.Detail["lost"], all, got, want)
	}
}

func TestSyslog_ServerRestarts_LosesNothingQueued(t *testing.T) {
	t.Parallel()
	first := collect(t, listenTCP(t, "127.0.0.1:0"))
	addr := first.listener.Addr().String()
	s := memoryStore(t)
	l := open(t, Options{Syslog: "tcp://" + addr, Store: s})
	put(t, l, refusal("192.0.2.1", "before", "x"))
	if e := next(t, first.messages); e.Request != "before" {
		t.Fatalf("got %+v", e)
	}
	first.end()
	time.Sleep(50 * time.Millisecond) // for the end to be seen
	put(t, l, refusal("192.0.2.1", "during", "x"))
	waitFor(t, s, "sys_monitor_disabled")
	second := collect(t, listenTCP(t, addr))
	if e := next(t, second.messages); e.Request != "during" {
		t.Errorf("after the restart came %+v", e)
	}
	recovered := waitFor(t, s, "sys_monitor_enabled")
	if recovered.Detail["lost"] != "0" {
		t.Errorf("lost %s; want 0", recovered.Detail["lost"])
	}
}

func TestSyslog_UDPNobodyListens_IsToldOnceNotForEver(t *testing.T) {
	t.Parallel()
	reserved, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := reserved.LocalAddr().String()
	reserved.Close()
	s := memoryStore(t)
	l := open(t, Options{Syslog: "udp://" + addr, Store: s, FloodLimit: 1 << 30})
	for i := range 30 {
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i), "x"))
		time.Sleep(10 * time.Millisecond)
	}
	waitFor(t, s, "sys_monitor_disabled")
	time.Sleep(3 * time.Second)
	if n := len(search(t, s, Filter{})); n != 31 {
		t.Errorf("%d events; want the 30 and one that says that the server is away", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	l.Close(ctx)
}

func TestSyslog_ServerThatReadsNothing_EndsWithClose(t *testing.T) {
	listener := listenTCP(t, "127.0.0.1:0")
	defer listener.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			accepted <- conn
		}
	}()
	l := open(t, Options{Syslog: "tcp://" + listener.Addr().String(), FloodLimit: 1 << 30})
	for i := range 20_000 { // more than the socket's buffers hold
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i), "x"))
	}
	defer (<-accepted).Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := l.Close(ctx); err == nil {
		t.Error("Close gave no error for events that were not sent")
	}
	if took := time.Since(start); took > syslogTimeout { // it waited for the server
		t.Errorf("Close took %v", took)
	}
}

// authority makes a certificate for 127.0.0.1 and the roots that know it.
func authority(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
