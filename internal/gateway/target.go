package gateway

import (
	"fmt"
	"net/http"
	"strings"
)

// The backend gets the path as the client wrote it, since signatures cover it,
// and the rungs judge the same path. net/url alone does neither where a byte
// stands in it that no URL may have, such as | or bare UTF-8: it then spells the
// whole path anew from its decoded form, in which "a%2Fb" has become "a/b".

// sentPath is the path as the client wrote it; "" where the target has none.
func sentPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	if _, rest, ok := strings.Cut(path, "://"); ok { // the absolute form
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:]
		}
	}
	return ""
}

// settlePath has r.URL spell the path as it was sent but for the bytes that no
// URL may have, which alone are escaped. It returns that path.
func settlePath(r *http.Request) string {
	path, sent := r.URL.EscapedPath(), sentPath(r)
	if path == sent || sent == "" {
		return path
	}
	var b strings.Builder
	for i := range len(sent) {
		if c := sent[i]; isPathByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	r.URL.RawPath = b.String()
	return r.URL.EscapedPath()
}

// isPathByte reports whether a path may have c (RFC 3986 section 3.3), or "[" and
// "]", which net/url lets stand.
func isPathByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@/%[]", c) >= 0
}

// opaque is what the backend must be sent in place of the path that r.URL
// spells; "" where they are the same. A path with "#" stays escaped, or the
// backend might end it there; one with "//" in front would be read as a host.
func opaque(r *http.Request) string {
	sent := sentPath(r)
	if sent == r.URL.EscapedPath() || strings.Contains(sent, "#") || strings.HasPrefix(sent, "//") {
		return ""
	}
	return sent
}
