package network

import (
	"net/http"
	"strings"
)

// Clean removes from h what only the gate, or a proxy, may tell a backend, and
// what some backends confuse with it. It also serves for trailers: r.Trailer,
// once the body has been read. A trusted proxy's traceparent and tracestate
// stay; everything else goes whoever sent it, since the gate sets it anew from
// what [Network.Settle] told. extra are further names, in any case.
//
// A name with an underscore goes always: CGI and WSGI read Gate_User as
// Gate-User. PHP does the same with a dot, so names are compared with every
// character that is neither letter nor digit read as "-".
func Clean(h http.Header, trusted bool, extra []string) {
	for name := range h {
		if forbidden(name, trusted) || listed(name, extra) {
			delete(h, name)
		}
	}
}

// removed are the names that go, folded, by their first letter. A "*" at the end
// stands for anything.
var removed = ['z' - 'a' + 1][]string{
	'c' - 'a': {"cf-connecting-ip"},
	'f' - 'a': {"forwarded"},
	'g' - 'a': {"gate-*"},
	'p' - 'a': {"proxy"},
	'r' - 'a': {"remote-user"},
	't' - 'a': {"true-client-ip"},
	'x' - 'a': {"x-forwarded-*", "x-real-ip", "x-original-url", "x-rewrite-url", "x-remote-user", "x-http-method-override", "x-http-method", "x-method-override"},
}

// tracing are the names that go unless a trusted proxy sent them.
var tracing = [...]string{"traceparent", "tracestate"}

func forbidden(name string, trusted bool) bool {
	if strings.IndexByte(name, '_') >= 0 {
		return true
	}
	first := byte(0)
	if name != "" {
		first = fold(name[0])
	}
	if first < 'a' {
		return false
	}
	for _, want := range removed[first-'a'] {
		if matches(name, want) {
			return true
		}
	}
	if first != 't' || trusted {
		return false
	}
	return matches(name, tracing[0]) || matches(name, tracing[1])
}

func listed(name string, extra []string) bool {
	for _, want := range extra {
		if len(want) == len(name) && equalFolded(name, want) {
			return true
		}
	}
	return false
}

func matches(name, want string) bool {
	if prefix := len(want) - 1; want[prefix] == '*' {
		return len(name) >= prefix && equalFolded(name[:prefix], want[:prefix])
	}
	return len(name) == len(want) && equalFolded(name, want)
}

func equalFolded(a, b string) bool {
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

// fold gives the lower-case letter, the digit, or "-".
func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	}
	return '-'
}
