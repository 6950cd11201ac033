package gateway

import (
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse/network"
)

// ownCookies are the prefixes of the gate's cookies' names.
var ownCookies = [...]string{"__Host-gate-", "__Secure-gate-", "gate-"}

func isOwnCookie(name string) bool {
	for _, prefix := range ownCookies {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// withoutOwnCookies takes the gate's cookies out of a request; the others stay
// as they were sent, byte for byte.
func withoutOwnCookies(h http.Header) {
	lines := h["Cookie"]
	left := lines[:0]
	for _, line := range lines {
		if mayNameOwn(line) {
			if line = withoutOwn(line); line == "" {
				continue
			}
		}
		left = append(left, line)
	}
	if len(left) == 0 {
		delete(h, "Cookie")
	} else {
		h["Cookie"] = left
	}
}

// mayNameOwn reports whether a line of cookies holds the beginning of the gate's names,
// in any case.
func mayNameOwn(line string) bool {
	for at := 0; ; {
		i := strings.IndexByte(line[at:], '-')
		if i < 0 {
			return false
		}
		if at += i + 1; at >= len("gate-") && strings.EqualFold(line[at-len("gate-"):at], "gate-") {
			return true
		}
	}
}

func withoutOwn(line string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		name, _, _ := strings.Cut(pair, "=")
		if !isOwnCookie(strings.TrimSpace(name)) {
			kept = append(kept, pair)
		}
	}
	return strings.TrimSpace(strings.Join(kept, ";"))
}

// cleanAnswer takes out of a backend's answer what only the gate may say.
func cleanAnswer(h http.Header) {
	for name := range h {
		if isOwnHeader(name) {
			delete(h, name)
		}
	}
	cookies := h["Set-Cookie"]
	kept := cookies[:0]
	for _, line := range cookies {
		name, _, _ := strings.Cut(line, "=")
		if !isOwnCookie(strings.TrimSpace(name)) {
			kept = append(kept, line)
		}
	}
	switch {
	case len(kept) == 0:
		delete(h, "Set-Cookie")
	case len(kept) < len(cookies):
		h["Set-Cookie"] = kept
	}
}

func isOwnHeader(name string) bool {
	return len(name) > 5 && strings.EqualFold(name[:5], "Gate-")
}

// cleanTrailers does the same for what follows the answer's body, once its head
// was sent: h then holds nothing else that is still to be written.
func cleanTrailers(h http.Header) {
	for name := range h {
		if isOwnHeader(strings.TrimPrefix(name, http.TrailerPrefix)) {
			delete(h, name)
		}
	}
}

// passTrailers hands on the trailers that the client announced, which came with
// the body's end, less the names that a client must not set. ReverseProxy's copy
// of the request was made before they came. The transport reads them after the
// body's end, on the goroutine that this is called on.
func (t *transit) passTrailers() {
	if len(t.r.Trailer) == 0 || t.out == nil {
		return
	}
	network.Clean(t.r.Trailer, false, t.asm.config.Network.RemoveHeaders)
	for name := range t.out.Trailer {
		if values, ok := t.r.Trailer[name]; ok {
			t.out.Trailer[name] = values
		} else {
			delete(t.out.Trailer, name)
		}
	}
}
