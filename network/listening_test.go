package network

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// As the kernel writes them: IPv4 and IPv6, listening and not.
const (
	procTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0000000000000000 100 0 0 10 0
   1: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 31338 1 0000000000000000 100 0 0 10 0
   2: 0501A8C0:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31339 1 0000000000000000 100 0 0 10 0
   3: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31340 1 0000000000000000 100 0 0 10 0
   4: 0100007F:9C40 0100007F:0BB8 01 00000000:00000000 00:00000000 00000000  1000        0 31341 1 0000000000000000 20 4 30 10 -1
`
	procTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31350 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31351 1 0000000000000000 100 0 0 10 0
   2: B80D0120000000000000000009000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31352 1 0000000000000000 100 0 0 10 0
   3: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31353 1 0000000000000000 100 0 0 10 0
`
)

func fixture(t testing.TB) []Socket {
	t.Helper()
	var all []Socket
	for _, text := range []string{procTCP, procTCP6} {
		sockets, err := parseListeners(strings.NewReader(text), binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sockets...)
	}
	return all
}

func TestParseListeners(t *testing.T) {
	want := []Socket{
		{netip.MustParseAddrPort("127.0.0.1:3000"), 1000, 31337},
		{netip.MustParseAddrPort("0.0.0.0:5432"), 105, 31338},
		{netip.MustParseAddrPort("192.168.1.5:3001"), 1000, 31339},
		{netip.MustParseAddrPort("127.0.0.1:3001"), 1000, 31340},
		{netip.MustParseAddrPort("[::]:8080"), 1000, 31350},
		{netip.MustParseAddrPort("[::1]:8081"), 1000, 31351},
		{netip.MustParseAddrPort("[2001:db8::9]:8082"), 1000, 31352},
		{netip.MustParseAddrPort("[::ffff:127.0.0.1]:8083"), 1000, 31353},
	}
	got := fixture(t)
	if len(got) != len(want) {
		t.Fatalf("%d sockets, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("socket %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestParseListeners_BigEndianMachine(t *testing.T) {
	text := strings.Replace(procTCP, "0100007F:0BB8 00000000:0000 0A", "7F000001:0BB8 00000000:0000 0A", 1)
	got, err := parseListeners(strings.NewReader(text), binary.BigEndian)
	if err != nil || got[0].Addr.String() != "127.0.0.1:3000" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestParseListeners_Garbage_NamesTheLine(t *testing.T) {
	for _, from := range []string{"00000000:1538", " 105 ", " 31338 "} {
		text := strings.Replace(procTCP, from, " zz ", 1)
		if _, err := parseListeners(strings.NewReader(text), binary.LittleEndian); err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%q replaced: error %v, want one that names line 3", from, err)
		}
	}
}

func FuzzParseListeners(f *testing.F) {
	f.Add(procTCP)
	f.Add(procTCP6)
	f.Add("")
	f.Add("\n 0: :0 x 0A 0 0 0 0 0 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		sockets, err := parseListeners(strings.NewReader(text), binary.LittleEndian)
		if err != nil {
			return
		}
		for _, s := range sockets {
			if !s.Addr.IsValid() {
				t.Errorf("%+v of %q", s, text)
			}
		}
	})
}

func TestJudge(t *testing.T) {
	sockets := fixture(t)
	for _, tc := range []struct {
		ask           string
		local, beyond bool
		words         string
	}{
		{"127.0.0.1:3000", true, false, "127.0.0.1:3000 listens on loopback only."},
		{"localhost:3000", true, false, "localhost:3000 listens on loopback only."},
		{"127.0.0.1:5432", true, true, "127.0.0.1:5432 listens on 0.0.0.0 too: other machines may reach it without passing the gate. Make it listen on 127.0.0.1 only, or close port 5432 to them."},
		{"localhost:5432", true, true, "listens on 0.0.0.0"},
		{"127.0.0.1:3001", true, true, "listens on 192.168.1.5"},
		{"127.0.0.1:8080", true, true, "listens on :: too"},
		{"[::1]:8080", true, true, "listens on :: too"},
		{"[::1]:8081", true, false, "loopback only"},
		{"127.0.0.1:8081", false, false, "Nothing listens on 127.0.0.1:8081."},
		{"127.0.0.1:8083", true, false, "loopback only"},
		{"[::1]:5432", false, false, "Nothing listens"},
		{"127.0.0.1:9999", false, false, "Nothing listens"},
		{"shop.localhost:3000", true, false, "loopback only"},
		{"db.internal:5432", false, false, "is not this machine"},
		{"192.0.2.77:5432", false, false, "is not this machine"},
		{"/run/postgresql/.s.PGSQL.5432", false, false, "Unix socket"},
	} {
		target, words, err := parseTarget(tc.ask)
		if err != nil {
			t.Fatal(err)
		}
		f := Finding{Words: words}
		if words == "" {
			f = judge(tc.ask, target, sockets)
		}
		if f.Local != tc.local || f.Beyond != tc.beyond || !strings.Contains(f.Words, tc.words) {
			t.Errorf("%s: %+v, want local %t, beyond %t, %q", tc.ask, f, tc.local, tc.beyond, tc.words)
		}
	}
	for _, bad := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:http", "::1:80"} {
		if _, err := BeyondLoopback(bad); err == nil || !strings.Contains(err.Error(), "no ") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestBeyondLoopback_ThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		if _, err := Listening(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without /proc: error %v, want ErrUnsupported", err)
		}
		return
	}
	narrow := localListener(t)
	f, err := BeyondLoopback(narrow.Addr().String())
	if err != nil || !f.Local || f.Beyond {
		t.Errorf("loopback only: %+v, %v", f, err)
	}
	wide, err := net.Listen("tcp4", ":0") // nothing connects to it
	if err != nil {
		t.Fatal(err)
	}
	defer wide.Close()
	_, port, _ := net.SplitHostPort(wide.Addr().String())
	f, err = BeyondLoopback("127.0.0.1:" + port)
	comm := filepath.Base(os.Args[0])
	if err != nil || !f.Beyond || !strings.Contains(f.Words, "("+comm[:min(len(comm), 15)]+", pid ") {
		t.Errorf("on all addresses: %+v, %v", f, err)
	}
}
