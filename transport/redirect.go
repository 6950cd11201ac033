package transport

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// RedirectOptions says where port 80 sends browsers.
type RedirectOptions struct {
	// HTTPSPort is the port that HTTPS is reached at from outside. Zero is 443.
	HTTPSPort int
	// Site is the site's URL, such as https://shop.example.com. Its host is
	// ours beside Options.Hosts, and its port goes before HTTPSPort for it.
	// Empty: only Options.Hosts, and where there are none this machine's own
	// names and addresses.
	Site string
}

// Redirect is the handler of the plain HTTP port. It answers ACME's challenges,
// sends a browser that opens a document to HTTPS on the same host, and refuses
// everything else unprocessed: a program that sends its requests in clear would
// otherwise go on doing so, with its credentials, and never be told.
func (t *TLS) Redirect(o RedirectOptions) (http.Handler, error) {
	r := redirect{tls: t, port: o.HTTPSPort}
	if r.port == 0 {
		r.port = 443
	}
	if r.port < 0 || r.port > 65535 {
		return nil, fmt.Errorf("transport: redirect: HTTPSPort %d is not a port", o.HTTPSPort)
	}
	if o.Site != "" {
		u, err := url.Parse(o.Site)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" {
			return nil, fmt.Errorf("transport: redirect: Site %q: want one such as https://shop.example.com", o.Site)
		}
		names, err := normalHosts([]string{u.Hostname()})
		if err != nil {
			return nil, err
		}
		r.site, r.sitePort = names[0], r.port
		if p := u.Port(); p != "" {
			if r.sitePort, err = strconv.Atoi(p); err != nil {
				return nil, fmt.Errorf("transport: redirect: Site %q: %q is not a port", o.Site, p)
			}
		}
	}
	return t.ChallengeHandler(r), nil
}

type redirect struct {
	tls      *TLS
	port     int
	site     string
	sitePort int
}

func (r redirect) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// What follows a refused request on the connection is not read either.
	w.Header().Set("Connection", "close")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	host, ok := r.host(req.Host)
	if !ok {
		refuse(w, http.StatusMisdirectedRequest, "Not this server", "This server does not answer for the host that the request names.")
		return
	}
	base := "https://" + r.authority(host)
	if !isDocument(req) {
		w.Header().Set("Cache-Control", "no-store")
		refuse(w, http.StatusForbidden, "Use HTTPS",
			"The request came unencrypted and was not processed. Send it to "+base+
				" instead. If it carried a password, token or cookie, replace that: whoever was on the way could read it.")
		return
	}
	w.Header().Set("Vary", "Accept, Authorization, Sec-Fetch-Mode")
	if !r.tls.MayHSTS(host) {
		// On a developer's machine ports change, and a browser keeps a
		// permanent redirect for good.
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Location", base+requestURI(req.URL))
	w.WriteHeader(http.StatusPermanentRedirect)
}

// host is the request's host where it is ours. Only such a one may stand in a
// redirect, else the Host header would choose where our users go.
func (r redirect) host(header string) (string, bool) {
	name, _, ok := splitHostPort(header)
	if !ok {
		return "", false
	}
	if (r.site != "" && name == r.site) || r.tls.ours(name) {
		return name, true
	}
	if r.site != "" || len(r.tls.hosts) > 0 {
		return name, r.tls.local != nil && thisMachine(name)
	}
	return name, thisMachine(name)
}

// thisMachine reports whether the name can only mean the machine it is said on.
func thisMachine(name string) bool {
	a, err := netip.ParseAddr(name)
	return (err == nil && a.IsLoopback()) || (isLocalName(name) && validName(name))
}

func validName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	})
}

func (r redirect) authority(host string) string {
	port := r.port
	if host == r.site {
		port = r.sitePort
	}
	if port != 443 {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// requestURI is the path and query, as they came; the host of an absolute URL
// (RFC 9112, 3.2.2) is left out.
func requestURI(u *url.URL) string {
	v := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	path := v.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if v.RawQuery != "" || v.ForceQuery {
		path += "?" + v.RawQuery
	}
	return path
}

// isDocument reports whether a browser opens a page: GET or HEAD without body
// or credentials, that takes HTML, and does not say that it is a script's
// request (Sec-Fetch-Mode, which browsers send to localhost even in clear).
func isDocument(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Header.Get("Upgrade") != "" {
		return false
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "Origin", "X-Requested-With"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return acceptsHTML(r.Header.Values("Accept"))
}

func acceptsHTML(accept []string) bool {
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			kind, params, _ := strings.Cut(part, ";")
			kind = strings.ToLower(strings.TrimSpace(kind))
			if (kind == "text/html" || kind == "application/xhtml+xml") && strings.ReplaceAll(params, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}

// refuse answers as RFC 9457 has it.
func refuse(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail})
}
