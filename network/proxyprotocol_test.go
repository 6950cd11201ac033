package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// v2 makes a header of version 2.
func v2(command, family byte, addresses []byte, tlvs ...byte) string {
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x20|command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(addresses)+len(tlvs)))
	return string(append(append(b, addresses...), tlvs...))
}

// tcp4 are the addresses of a client of version 4, port 4000.
func tcp4(client string) []byte {
	a := netip.MustParseAddr(client).As4()
	return append(append(a[:], 192, 0, 2, 1), 0x0f, 0xa0, 0x01, 0xbb)
}

func tcp6(client string) []byte {
	a := netip.MustParseAddr(client).As16()
	return append(append(a[:], a[:]...), 0x0f, 0xa0, 0x01, 0xbb)
}

var unixAddresses = append([]byte("/run/client"), make([]byte, 216-11)...)

// headers are what senders write, with the client that they name ("" for
// themselves), or the rule by which the header is refused.
var headers = []struct{ name, header, client, rule string }{
	{"v1 over IPv4", "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\n", "203.0.113.9:4000", ""},
	{"v1 over IPv6", "PROXY TCP6 2001:db8::9 2001:db8::1 4000 443\r\n", "[2001:db8::9]:4000", ""},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
	{"v1 unknown with addresses", "PROXY UNKNOWN ffff:f::f ffff:f::f 65535 65535\r\n", "", ""},
	{"v2 over IPv4", v2(1, 0x11, tcp4("203.0.113.9")), "203.0.113.9:4000", ""},
	{"v2 over IPv6", v2(1, 0x21, tcp6("2001:db8::9")), "[2001:db8::9]:4000", ""},
	{"v2 mapped", v2(1, 0x21, tcp6("::ffff:203.0.113.9")), "203.0.113.9:4000", ""},
	{"v2 local", v2(0, 0x00, nil), "", ""},
	{"v2 local with addresses", v2(0, 0x11, tcp4("203.0.113.9")), "", ""},
	{"v2 unix", v2(1, 0x31, unixAddresses), "", ""},
	{"v2 with TLVs", v2(1, 0x11, tcp4("203.0.113.9"), 0x01, 0, 2, 'h', '2', 0x20, 0, 5, 1, 0, 0, 0, 0), "203.0.113.9:4000", ""},
	{"v2 with TLVs that are none", v2(1, 0x11, tcp4("203.0.113.9"), 0xff, 0xff, 0xff, 7), "203.0.113.9:4000", ""},
	{"v2 with a kilobyte of TLVs", v2(1, 0x11, tcp4("203.0.113.9"), make([]byte, 1000)...), "203.0.113.9:4000", ""},
	{"a client of the sender's machine", "PROXY TCP4 127.0.0.1 127.0.0.1 4000 443\r\n", "", ""},

	{"none", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", RuleNoHeader},
	{"none, TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaa", "", RuleNoHeader},
	{"nearly one", "PROXYTCP4 203.0.113.9 192.0.2.1 4000 443\r\n", "", RuleNoHeader},
	{"lower case", "proxy TCP4 203.0.113.9 192.0.2.1 4000 443\r\n", "", RuleNoHeader},
	{"v1 without CR", "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\n", "", RuleBadHeader},
	{"v1 that never ends", "PROXY TCP4 " + strings.Repeat("1", 5000), "", RuleBadHeader},
	{"v1 with a name", "PROXY TCP4 localhost 192.0.2.1 4000 443\r\n", "", RuleBadHeader},
	{"v1 of another family", "PROXY TCP4 2001:db8::9 192.0.2.1 4000 443\r\n", "", RuleBadHeader},
	{"v1 of UDP", "PROXY UDP4 203.0.113.9 192.0.2.1 4000 443\r\n", "", RuleBadHeader},
	{"v1 with a large port", "PROXY TCP4 203.0.113.9 192.0.2.1 70000 443\r\n", "", RuleBadHeader},
	{"v1 with more", "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443 x\r\n", "", RuleBadHeader},
	{"v1 from nowhere", "PROXY TCP4 0.0.0.0 192.0.2.1 4000 443\r\n", "", RuleBadHeader},
	{"v1 from many", "PROXY TCP4 224.0.0.1 192.0.2.1 4000 443\r\n", "", RuleBadHeader},
	{"v2 of version 3", "\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + string(tcp4("203.0.113.9")), "", RuleBadHeader},
	{"v2 of another command", v2(5, 0x11, tcp4("203.0.113.9")), "", RuleBadHeader},
	{"v2 of another family", v2(1, 0x41, tcp4("203.0.113.9")), "", RuleBadHeader},
	{"v2 of UDP", v2(1, 0x12, tcp4("203.0.113.9")), "", RuleBadHeader},
	{"v2 without family", v2(1, 0x00, nil), "", RuleBadHeader},
	{"v2 too short", v2(1, 0x21, tcp4("203.0.113.9")), "", RuleBadHeader},
	{"v2 too long", v2(1, 0x11, tcp4("203.0.113.9"), make([]byte, 60_000)...), "", RuleBadHeader},
	{"v2 that ends", v2(1, 0x11, tcp4("203.0.113.9"))[:20], "", RuleBadHeader},
	{"half a signature", "\r\n\r\n\x00\r\nQ", "", RuleBadHeader},
}

func proxied(t testing.TB, s *setup, o ProxyProtocolOptions) net.Listener {
	t.Helper()
	return proxiedOn(t, s, localListener(t), o)
}

func proxiedOn(t testing.TB, s *setup, inner net.Listener, o ProxyProtocolOptions) net.Listener {
	t.Helper()
	ln, err := s.ProxyProtocol(inner, o)
	if err != nil {
		t.Fatal(err)
	}
	ln = s.Listener(ln)
	t.Cleanup(func() { ln.Close() })
	return ln
}

// send dials, writes, and ends its side.
func send(t testing.TB, ln net.Listener, text string) net.Conn {
	t.Helper()
	c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		_, _ = io.WriteString(c, text)
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	return c
}

func (s *setup) refusedBy(t testing.TB) string {
	t.Helper()
	for range 4000 { // 20 s
		s.refusals.flush()
		if got := s.notes.named("authz_fail"); len(got) > 0 {
			if got[0].Rung != RungProxyProtocol || got[0].Evidence == "" {
				t.Errorf("event %+v", got[0])
			}
			return got[0].Rule
		}
		time.Sleep(5 * time.Millisecond)
	}
	return ""
}

func TestProxyProtocol_Headers(t *testing.T) {
	for _, tc := range headers {
		t.Run(tc.name, func(t *testing.T) {
			s := newSetup(t, Lists{})
			ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.0/8")})
			follows := "what follows"
			if tc.rule != "" {
				follows = ""
			}
			far := send(t, ln, tc.header+follows)
			if tc.rule != "" {
				go ln.Accept()
				if got := s.refusedBy(t); got != tc.rule {
					t.Errorf("refused by %q, want %q", got, tc.rule)
				}
				if n, err := far.Read(make([]byte, 10)); err == nil {
					t.Errorf("%d bytes came back", n)
				}
				return
			}
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := tc.client
			if want == "" {
				want = far.LocalAddr().String()
			}
			if got := c.RemoteAddr().String(); got != want {
				t.Errorf("the client is %s, want %s", got, want)
			}
			if rest, err := io.ReadAll(c); string(rest) != "what follows" || err != nil {
				t.Errorf("what follows is %q, %v", rest, err)
			}
			if _, ok := c.(interface{ CloseWrite() error }); !ok {
				t.Errorf("%T has no CloseWrite", c)
			}
			if _, ok := c.(io.ReaderFrom); !ok {
				t.Errorf("%T has no ReadFrom", c)
			}
		})
	}
}

func TestProxyProtocol_HeaderInPieces_IsRead(t *testing.T) {
	s := newSetup(t, Lists{})
	ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.1/32")})
	far, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go func() {
		for _, b := range []byte("PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\nx") {
			_, _ = far.Write([]byte{b})
			time.Sleep(time.Millisecond)
		}
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != "203.0.113.9:4000" {
		t.Error(got)
	}
}

func TestProxyProtocol_OthersSendAHeader_AreRefusedAtTheFirstRead(t *testing.T) {
	for _, header := range []string{"PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\nGET / HTTP/1.1\r\n\r\n", v2(1, 0x11, tcp4("203.0.113.9"))} {
		s := newSetup(t, Lists{})
		ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "10.0.0.0/8")})
		send(t, ln, header)
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("the client is %s: a stranger named it", got)
		}
		if n, err := c.Read(make([]byte, 512)); err == nil || n > 0 {
			t.Errorf("%d bytes were read, error %v", n, err)
		}
		if _, err := io.Copy(io.Discard, c); err == nil {
			t.Error("a copy reads past the refusal")
		}
		if got := s.refusedBy(t); got != RuleUndeclaredHeader {
			t.Errorf("refused by %q", got)
		}
		c.Close()
		if got := s.Stats().Open; got != 0 {
			t.Errorf("%d open", got)
		}
	}
}

func TestProxyProtocol_OthersWithoutHeader_PassUnlessOnlySendersMay(t *testing.T) {
	s := newSetup(t, Lists{})
	ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "10.0.0.0/8")})
	far := send(t, ln, "\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got bytes.Buffer
	if _, err := io.Copy(&got, c); err != nil || got.String() != "\r\n\r\nGET / HTTP/1.1\r\n\r\n" {
		t.Errorf("%q, %v", got.String(), err)
	}
	if c.RemoteAddr().String() != far.LocalAddr().String() {
		t.Error("another address")
	}
	ln = proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "10.0.0.0/8"), Only: true})
	go ln.Accept()
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil { // the reset may come first
		defer c.Close()
	}
	if got := s.refusedBy(t); got != RuleNotSender {
		t.Errorf("refused by %q", got)
	}
}

func TestProxyProtocol_SilentSender_HoldsUpNobodyAndIsCut(t *testing.T) {
	const timeout = 2 * time.Second
	s := newSetup(t, Lists{})
	ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.1/32"), Timeout: timeout})
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	send(t, ln, "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\n")
	began := time.Now()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if waited := time.Since(began); waited > timeout*3/4 {
		t.Errorf("waited %s behind a silent sender", waited)
	}
	if got := s.refusedBy(t); got != RuleBadHeader {
		t.Errorf("the silent sender is refused by %q", got)
	}
	// The deadline of the header does not end what follows.
	time.Sleep(timeout + 50*time.Millisecond)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("error %v, want the end", err)
	}
}

func TestProxyProtocol_BansAndListsApplyToTheNamedClient(t *testing.T) {
	s := newSetup(t, Lists{Deny: prefixes(t, "198.51.100.0/24")})
	s.strike(t, "203.0.113.9", 5)
	ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.1/32")})
	for _, client := range []string{"203.0.113.9", "198.51.100.7", "203.0.113.10"} {
		send(t, ln, "PROXY TCP4 "+client+" 192.0.2.1 4000 443\r\n")
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != "203.0.113.10:4000" {
		t.Errorf("accepted %s", got)
	}
}

func TestProxyProtocol_BelowTLSAndHTTP(t *testing.T) {
	s := newSetup(t, Lists{})
	plain := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.1/32")})
	test := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, d := s.Settle(r)
		if d.Verdict != gatehouse.Pass {
			t.Error(d.Evidence)
		}
		io.WriteString(w, c.Addr.String()+" "+r.RemoteAddr)
	}))
	test.Listener.Close()
	test.Listener = plain
	test.StartTLS()
	defer test.Close()
	roots := x509.NewCertPool()
	roots.AddCert(test.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, ForceAttemptHTTP2: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			c, err := net.Dial("tcp", plain.Addr().String())
			if err == nil {
				_, err = io.WriteString(c, v2(1, 0x21, tcp6("2001:db8::9"), 4, 0, 1, 0))
			}
			return c, err
		}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get("https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "2001:db8::9 [2001:db8::9]:4000" {
		t.Errorf("%q", body)
	}
}

func TestProxyProtocol_UnixSocket(t *testing.T) {
	s := newSetup(t, Lists{UnixTrusted: true})
	inner, err := Listen(t.Context(), "unix:"+filepath.Join(t.TempDir(), "gate.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ln := proxiedOn(t, s, inner, ProxyProtocolOptions{Unix: true})
	send(t, ln, "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\nx")
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.RemoteAddr().String(); got != "203.0.113.9:4000" {
		t.Error(got)
	}
	ln = proxiedOn(t, s, localListener(t), ProxyProtocolOptions{Unix: true})
	send(t, ln, "GET")
	if c, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestProxyProtocol_Close_EndsWhatIsBeingRead(t *testing.T) {
	s := newSetup(t, Lists{})
	ln := proxied(t, s, ProxyProtocolOptions{Senders: prefixes(t, "127.0.0.1/32"), Timeout: time.Minute})
	silent, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	done := make(chan error, 1)
	go func() { _, err := ln.Accept(); done <- err }()
	time.Sleep(50 * time.Millisecond)
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("accepted after Close")
	}
}

func TestProxyProtocol_BadOptions_AreRefused(t *testing.T) {
	s := newSetup(t, Lists{})
	for want, o := range map[string]ProxyProtocolOptions{
		"Senders are missing": {},
		"any address":         {Senders: prefixes(t, "0.0.0.0/0")},
		"Senders[0]":          {Senders: make([]netip.Prefix, 1)},
		"Timeout":             {Senders: prefixes(t, "10.0.0.0/8"), Timeout: -1},
		"MaxHeader":           {Senders: prefixes(t, "10.0.0.0/8"), MaxHeader: 10},
	} {
		if _, err := s.ProxyProtocol(&pretend{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzProxyHeader: whatever a sender writes, the client is one address of TCP or
// the sender itself, and what follows the header is left to be read.
func FuzzProxyHeader(f *testing.F) {
	for _, h := range headers {
		f.Add([]byte(h.header))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		defer near.Close()
		written := make(chan int, 1)
		go func() {
			n, _ := far.Write(sent)
			far.Close()
			written <- n
		}()
		client, d := readProxyHeader(near, ProxyProtocolOptions{Timeout: time.Second, MaxHeader: 2048})
		rest, _ := io.ReadAll(near)
		read := <-written - len(rest)
		if d.Verdict != gatehouse.Pass {
			if client.IsValid() || d.Rule == "" || d.Evidence == "" {
				t.Errorf("refused with %v, %q", client, d.Rule)
			}
			return
		}
		if a := client.Addr(); client.IsValid() && (a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.Is4In6()) {
			t.Errorf("the client is %s", a)
		}
		header := sent[:read]
		switch {
		case bytes.HasPrefix(header, []byte("PROXY ")):
			if !bytes.HasSuffix(header, []byte("\r\n")) || bytes.Count(header, []byte("\n")) != 1 || len(header) > maxV1 {
				t.Errorf("header %q", header)
			}
		case bytes.HasPrefix(header, v2Signature):
			if want := v2Fix + int(binary.BigEndian.Uint16(header[14:])); want != len(header) || want > 2048 {
				t.Errorf("read %d bytes of a header of %d", len(header), want)
			}
		default:
			t.Errorf("%q passed for a header", header)
		}
	})
}
