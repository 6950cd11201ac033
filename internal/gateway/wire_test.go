package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

func counting(n *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		_, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "backend ", err == nil)
	})
}

func TestProtocol_BadHead_IsAnsweredAndRecorded(t *testing.T) {
	var asked atomic.Int32
	g := newGate(t, counting(&asked))
	for text, rule := range map[string]string{
		"POST /a?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "framing",
		"GET /a HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n":                                                            "syntax",
		"GET /a HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n":                                            "host",
		"GET /a/..%2f..%2fetc HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                    "path",
		"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                                 "method",
	} {
		a, err := g.raw(text)
		if err != nil || a.StatusCode < 400 || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %v %v", text, a.Response, err)
			continue
		}
		events := g.told(a.Header.Get(RequestIDHeader))
		if len(events) != 1 || events[0].Rung != "application/protocol" || events[0].Rule != rule || events[0].Name != "input_validation_fail" || events[0].Client != "127.0.0.1" {
			t.Errorf("%q: %+v", text, events)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the backend was asked %d times", asked.Load())
	}
}

func TestProtocol_BadChunk_ReachesNobodyWhole(t *testing.T) {
	whole := make(chan bool, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err == nil
	}))
	a, err := g.raw("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if err != nil || a.StatusCode != http.StatusBadRequest {
		t.Errorf("%v %v", a.Response, err)
	}
	select {
	case w := <-whole:
		if w {
			t.Error("the backend read a whole request")
		}
	default: // it was not asked
	}
}

func TestProtocol_Modes(t *testing.T) {
	var asked atomic.Int32
	text := "GET /a HTTP/1.1\nHost: localhost\nConnection: close\n\n"
	for mode, passes := range map[string]bool{
		"modes: {application/protocol: observe}":                          true,
		"modes: {application/protocol: {mode: off, reason: measured}}":    true,
		"modes: {application/protocol/syntax: observe}":                   true,
		"modes: {application/protocol/framing: observe}":                  false,
		"application: {protocol: {hosts: [shop.example.com]}}":            false,
		"application: {protocol: {hosts: [shop.example.com, localhost]}}": false,
		"application: {protocol: {url: 10B}}":                             false,
	} {
		g := newGate(t, counting(&asked), written(t, mode))
		a, err := g.raw(text)
		if err != nil || (a.StatusCode == 200) != passes {
			t.Errorf("%s: %v %v", mode, a.Response, err)
		}
	}
}

func TestProtocol_HostsAndBodies_AreBounded(t *testing.T) {
	var asked atomic.Int32
	g := newGate(t, counting(&asked), written(t, "application: {protocol: {hosts: [shop.example.com], body: 100B}}"))
	for text, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n":                                                                                                                               http.StatusMisdirectedRequest,
		"GET / HTTP/1.1\r\nHost: Shop.example.com:8443\r\n\r\n":                                                                                                                      200,
		"POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 101\r\n\r\n" + strings.Repeat("a", 101):                                                                        http.StatusRequestEntityTooLarge,
		"POST / HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("a", 100):                                                                        200,
		"POST / HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + strings.Repeat("a", 64) + "\r\n40\r\n" + strings.Repeat("a", 64) + "\r\n0\r\n\r\n": http.StatusRequestEntityTooLarge,
	} {
		a, err := g.raw(text)
		if err != nil || a.StatusCode != want {
			t.Errorf("%.60q: %v, want %d, %v", text, a.Response, want, err)
		}
	}
}

func TestProtocol_SiteOfAnotherHost_IsRecorded(t *testing.T) {
	var asked atomic.Int32
	g := newGate(t, counting(&asked), written(t, "site: https://shop.example.com"))
	a, err := g.raw("GET / HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n")
	if err != nil || a.StatusCode != 200 {
		t.Fatal(a.Response, err)
	}
	if e := g.told(a.Header.Get(RequestIDHeader)); len(e) != 1 || e[0].Rule != "site-host" || e[0].Outcome != gatehouse.Observed {
		t.Errorf("%+v", e)
	}
}

func TestProtocol_PlainHTTP2Upgrade_IsNotOffered(t *testing.T) {
	seen := make(chan string, 1)
	g := newGate(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Upgrade") + r.Header.Get("Connection") + r.Header.Get("HTTP2-Settings")
	}))
	if _, err := g.raw("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "the backend is asked", seen); got != "" {
		t.Errorf("the backend was offered %q", got)
	}
}
