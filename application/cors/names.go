package cors

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// hostOf is an origin's host without its port.
func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// registrable is the part of an origin's name that one owner has: example.co.uk
// of www.example.co.uk. Addresses and names without a dot are their own.
func registrable(origin string) string {
	host := hostOf(origin)
	if net.ParseIP(host) != nil {
		return host
	}
	if name, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return name
	}
	return host
}

// sameSite reports whether two origins are one owner's, whatever their ports:
// so a development server on another port of localhost is the site's own.
func sameSite(a, b string) bool { return registrable(a) == registrable(b) }

// lookalike reports whether an origin that is another owner's begins or ends as
// the site's does: what a backend lets in that compares with a prefix, a suffix
// or a pattern with loose dots.
func lookalike(origin, site string) bool {
	host, own := hostOf(origin), hostOf(site)
	name := registrable(site)
	if net.ParseIP(own) != nil || !strings.Contains(name, ".") {
		return false
	}
	if strings.HasPrefix(host, own+".") || strings.HasPrefix(host, name+".") || strings.HasSuffix(host, name) {
		return true
	}
	// shopXexample.com for shop.example.com
	if len(host) == len(own) && host != own {
		for i := range host {
			if host[i] != own[i] && own[i] != '.' {
				return false
			}
		}
		return true
	}
	return false
}
