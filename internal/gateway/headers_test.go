package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/config"
)

// removedNames are those of the documented list, in the spellings that reach a
// backend as the same name.
var removedNames = []string{
	"Gate-User", "gate-identity", "GATE-REQUEST-ID", "Gate_User", "gate_user", "X-Forwarded-For", "x-forwarded-proto",
	"X-FORWARDED-HOST", "X-Forwarded-Port", "X-Forwarded-Anything", "X_Forwarded_For", "Forwarded", "forwarded", "X-Real-IP",
	"x-real-ip", "True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "x-rewrite-url", "Remote-User", "remote_user",
	"X-Remote-User", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "Proxy", "proxy", "traceparent", "Tracestate", "any_underscore", "X-Internal-User",
}

var keptNames = []string{
	"Authorization", "X-Requested-With", "X-Api-Key", "Accept-Language", "X-Forward", "Proxyx", "Xproxy", "Investigate-Me",
	"X-Gate", "Referer", "Sec-Fetch-Mode", "If-None-Match", "X-Amz-Date", "Gatekeeper",
}

func removeInternal(c *config.Config) { c.Network.RemoveHeaders = []string{"x-internal-user"} }

// headBackend answers with the head of the request as it came over the wire.
func headBackend(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in, head := bufio.NewReader(c), ""
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == "\r\n" {
					break
				}
				head += line
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(head), head)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

// values gives what the backend got under a name, compared without case.
func values(head, name string) (all []string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			all = append(all, v)
		}
	}
	return all
}

func TestHeaders_OfTheClient_RemovedAsDocumented(t *testing.T) {
	g := gateTo(t, headBackend(t), with(removeInternal))
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%v", http2), func(t *testing.T) {
			var a answered
			if http2 {
				r := g.request("GET", "/", nil)
				for _, name := range append(removedNames, keptNames...) {
					r.Header[name] = []string{"spoofed-" + strings.ToLower(name)}
				}
				a = g.do(r)
			} else {
				text := "GET / HTTP/1.1\r\nHost: localhost\r\n"
				for _, name := range append(removedNames, keptNames...) {
					text += name + ": spoofed-" + strings.ToLower(name) + "\r\n"
				}
				var err error
				if a, err = g.raw(text + "\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range removedNames {
				if strings.Contains(a.text, "spoofed-"+strings.ToLower(name)+"\r") {
					t.Errorf("%s reached the backend", name)
				}
			}
			for _, name := range keptNames {
				if !strings.Contains(a.text, "spoofed-"+strings.ToLower(name)+"\r") {
					t.Errorf("%s did not reach the backend", name)
				}
			}
		})
	}
}

// Connection may name headers that end at the gate; what the gate itself sets
// must not be among them.
func TestHeaders_NamedByConnection_TheGatesStay(t *testing.T) {
	g := gateTo(t, headBackend(t))
	a, err := g.raw("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: X-Forwarded-For, Gate-Request-Id, Traceparent, X-Forwarded-Proto, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nProxy-Authorization: x\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Forwarded-For", "Gate-Request-Id", "Traceparent", "X-Forwarded-Proto"} {
		if len(values(a.text, name)) != 1 {
			t.Errorf("%s: %q", name, values(a.text, name))
		}
	}
	for _, name := range []string{"X-Mine", "Keep-Alive", "Proxy-Authorization", "Connection"} {
		if len(values(a.text, name)) != 0 {
			t.Errorf("%s reached the backend", name)
		}
	}
}

func TestHeaders_SetForTheBackend(t *testing.T) {
	g := gateTo(t, headBackend(t))
	a := g.get("/", "Host: shop.example:8443")
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example:8443",
		"Host": "shop.example:8443", RequestIDHeader: a.Header.Get(RequestIDHeader),
	} {
		if got := values(a.text, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	trace := values(a.text, "Traceparent")
	if len(trace) != 1 || !regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(trace[0]) ||
		strings.Contains(trace[0], a.Header.Get(RequestIDHeader)) || strings.Contains(fmt.Sprint(a.Header), trace[0][3:35]) {
		t.Errorf("Traceparent %q must be one that the client does not know", trace)
	}
	for _, name := range []string{"User-Agent", "Accept-Encoding"} {
		r := g.request("GET", "/", nil)
		r.Header["User-Agent"] = []string{""} // Go's own would be sent otherwise
		if got := values(g.do(r).text, name); len(got) != 0 && got[0] != "" {
			t.Errorf("%s was not sent, the backend got %q", name, got)
		}
	}
}

func TestHeaders_BehindATrustedProxy(t *testing.T) {
	g := gateTo(t, headBackend(t), with(func(c *config.Config) {
		c.Network.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Transport.EndedBy, c.Transport.Certificates = "trusted_proxy", config.Certificates{}
	}))
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	a := g.get("/", "X-Forwarded-For: 10.9.9.9, 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example",
		"Gate-User: admin", "X-Real-IP: 10.0.0.1", "Tracestate: a=b", "Traceparent: "+trace)
	for name, want := range map[string]string{
		"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "Tracestate": "a=b",
	} {
		if got := values(a.text, name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"Gate-User", "X-Real-IP"} {
		if got := values(a.text, name); len(got) != 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := values(a.text, "Traceparent"); len(got) != 1 || got[0] == trace {
		t.Errorf("Traceparent: %q", got)
	}
}

func TestCookies_OfTheGate_NeverReachTheBackend(t *testing.T) {
	g := gateTo(t, headBackend(t))
	for sent, want := range map[string]string{
		"sid=1; __Host-gate-session=x; theme=a%20b": "sid=1; theme=a%20b",
		"gate-x=1":                            "",
		"GATE-X=1;__secure-Gate-y=2":          "",
		"a=\"q;u\"; b":                        "a=\"q;u\"; b",
		"  spaced = 1 ;other=2":               "spaced = 1 ;other=2",
		"investigate-me=1; mygate-x=2":        "investigate-me=1; mygate-x=2",
		"a=gate-session; __Host-gate-s=v":     "a=gate-session",
		"dup=1; dup=2; =empty; novalue; x==;": "dup=1; dup=2; =empty; novalue; x==;",
	} {
		a, err := g.raw("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: " + sent + "\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		got := values(a.text, "Cookie")
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("%q: the backend got %q, want %q", sent, got, want)
		}
	}
}

func TestHeaders_OfTheBackend_InTheGatesName_AreDropped(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Gate-Request-Id"] = []string{"forged"}
		h["GATE-USER"] = []string{"admin"}
		h["Set-Cookie"] = []string{"b=2; Path=/", "__Host-gate-session=evil; Secure", "a=1", "gate-x=1", "A=3; Expires=Wed, 21 Oct 2065 07:28:00 GMT"}
		h["Gatekeeper"] = []string{"stays"}
		h.Set("Trailer", "Gate-User, Checksum")
		io.WriteString(w, "x")
		h.Set("Gate-User", "admin")
		h.Set("Checksum", "1")
		h.Set(http.TrailerPrefix+"Gate-Identity", "admin")
	}))
	for _, http2 := range []bool{false, true} {
		g.client = g.newClient(http2)
		a := g.get("/")
		if id := a.Header.Values(RequestIDHeader); len(id) != 1 || len(id[0]) != 32 {
			t.Errorf("%s: %q", RequestIDHeader, id)
		}
		if got := a.Header.Values("Set-Cookie"); fmt.Sprint(got) != "[b=2; Path=/; Secure; SameSite=Lax a=1; Secure; SameSite=Lax A=3; Expires=Wed, 21 Oct 2065 07:28:00 GMT; Secure; SameSite=Lax]" {
			t.Errorf("Set-Cookie: %q", got)
		}
		if a.Header.Get("Gate-User") != "" || a.Header.Get("Gatekeeper") != "stays" {
			t.Errorf("%v", a.Header)
		}
		if a.Trailer.Get("Gate-User") != "" || a.Trailer.Get("Gate-Identity") != "" || a.Trailer.Get("Checksum") != "1" {
			t.Errorf("http2=%v: trailers %v", http2, a.Trailer)
		}
	}
}

func TestLocation_IsMendedOnlyForTheSiteItself(t *testing.T) {
	location := ""
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{location}
		w.WriteHeader(http.StatusFound)
	}))
	own := strings.TrimPrefix(g.url, "https://")
	backend := strings.TrimPrefix(g.current.Load().config.Upstream, "http://")
	for sent, want := range map[string]string{
		"http://" + own + "/a?b#c":             g.url + "/a?b#c",
		"http://" + strings.ToUpper(own) + "/": g.url + "/",
		"http://" + backend + "/login":         g.url + "/login",
		g.url + "/same":                        g.url + "/same",
		"/relative?next=http://" + own:         "/relative?next=http://" + own,
		"//" + own + "/x":                      "//" + own + "/x",
		"http://elsewhere.example/" + own:      "http://elsewhere.example/" + own,
		"https://localhost/other-port":         "https://localhost/other-port",
		"app://" + own + "/deep":               "app://" + own + "/deep",
		"http://" + own + "/a%2Fb|c?x=é y":     g.url + "/a%2Fb|c?x=é y",
		"http://" + own + "@evil.example/":     "http://" + own + "@evil.example/",
		"http://" + own:                        g.url,
	} {
		location = sent
		if got := g.get("/").Header.Get("Location"); got != want {
			t.Errorf("%q became %q, want %q", sent, got, want)
		}
	}
}
