package network

import (
	"net/http"
	"testing"
)

func TestClean(t *testing.T) {
	const always, untrusted, never = "always", "unless trusted", "never"
	cases := map[string]string{
		// The reference page's list.
		"Gate-User": always, "Gate-Identity": always, "Gate-Request-Id": always, "Gate-": always,
		"X-Forwarded-For": always, "X-Forwarded-Proto": always, "X-Forwarded-Host": always, "X-Forwarded-Anything": always,
		"X-Forwarded-Client-Cert": always, "Forwarded": always, "X-Real-Ip": always, "True-Client-Ip": always,
		"Cf-Connecting-Ip": always, "X-Original-Url": always, "X-Rewrite-Url": always, "Remote-User": always,
		"X-Remote-User": always, "X-Http-Method-Override": always, "X-Http-Method": always, "X-Method-Override": always, "Proxy": always,
		"Traceparent": untrusted, "Tracestate": untrusted,
		// Names that CGI and WSGI read as another.
		"Gate_User": always, "X_forwarded_for": always, "Remote_user": always, "_": always, "A_b": always, "X-Forwarded_For": always,
		// Keys that net/http would not make canonical.
		"gate-user": always, "GATE-USER": always, "x-forwarded-for": always, "X-REAL-IP": always, "traceparent": untrusted, "TRACESTATE": untrusted,
		"gAtE-iDeNtItY": always, "proxy": always, "PROXY": always, "X-HTTP-Method-Override": always,
		// PHP reads a dot as an underscore, and so a hyphen.
		"Gate.User": always, "X.Forwarded.For": always, "Remote.user": always, "X-Real.Ip": always, "X Real Ip": always,
		// The configuration's.
		"X-Internal-User": always, "x-internal-user": always, "X.Internal.User": always,
		// What stays.
		"Accept": never, "Authorization": never, "Cookie": never, "Content-Type": never, "Host": never, "User-Agent": never,
		"X-Forwarded": never, "Gate": never, "Gated-Community": never, "Proxy-Authorization": never, "Proxy-Connection": never,
		"X-Requested-With": never, "X-Csrf-Token": never, "X-Real-Ip-Country": never, "X-Original-Host": never,
		"Remote-User-Agent": never, "Trace-Id": never, "Traceparents": never, "Forwarded-For": never, "X-Internal-Users": never,
		"Baggage": never, "Grpc-Timeout": never, "Sec-Websocket-Key": never, "Dav.version": never, "Äöü": never, "1-Digit": never,
	}
	for _, trusted := range []bool{false, true} {
		h := http.Header{}
		for name := range cases {
			h[name] = []string{"x", "y"}
		}
		Clean(h, trusted, []string{"X-Internal-User", "", "X-Not-There"})
		for name, when := range cases {
			_, kept := h[name]
			if want := when == never || when == untrusted && trusted; kept != want {
				t.Errorf("trusted %t: %q kept is %t, want %t", trusted, name, kept, want)
			}
		}
	}
}

func TestClean_Trailers_AreTreatedAlike(t *testing.T) {
	trailer := http.Header{"Gate-User": nil, "Grpc-Status": {"0"}, "X_y": {"1"}}
	Clean(trailer, false, nil)
	if len(trailer) != 1 || trailer["Grpc-Status"] == nil {
		t.Errorf("left: %v", trailer)
	}
	Clean(nil, false, nil) // a request without trailers
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"Gate-User", "Gate_User", "x.forwarded.for", "Accept", "TRACEPARENT", "\x80", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		h := http.Header{name: {"x"}}
		Clean(h, false, []string{"X-Internal-User"})
		if _, kept := h[name]; !kept {
			return
		}
		// As CGI sees what was kept, it must not be one of the gate's names.
		cgi := make([]byte, len(name))
		for i := range len(name) {
			cgi[i] = fold(name[i])
		}
		for _, bad := range []string{"gate-", "x-forwarded-"} {
			if len(cgi) >= len(bad) && string(cgi[:len(bad)]) == bad {
				t.Errorf("%q was kept", name)
			}
		}
		for _, bad := range []string{"forwarded", "x-real-ip", "remote-user", "x-internal-user", "proxy", "traceparent"} {
			if string(cgi) == bad {
				t.Errorf("%q was kept", name)
			}
		}
	})
}

func BenchmarkClean(b *testing.B) {
	h := http.Header{}
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Cookie", "Content-Type", "Content-Length",
		"Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Te", "Upgrade-Insecure-Requests", "User-Agent", "X-Requested-With"} {
		h[name] = []string{"x"}
	}
	extra := []string{"X-Internal-User"}
	b.ReportAllocs()
	for b.Loop() {
		Clean(h, false, extra)
	}
}
