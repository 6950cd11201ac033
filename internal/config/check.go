package config

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// check reports what each value alone can't show.
func (r *reader) check(c *Config) {
	r.checkSite(c)
	r.checkUpstream(c)
	r.checkModes(c)
	r.checkNetwork(&c.Network)
	r.checkPlain(c)
	r.checkCertificates(c)
	r.checkRoutes(c)
	r.checkOrigins(c.Application.CSRF.TrustedOrigins)
	r.checkApplication(&c.Application)
	r.checkIdentity(c)
	r.checkData(c)
	r.checkAllow(c.Allow)
	r.checkRest(c)
}

func (r *reader) checkSite(c *Config) {
	const key = "site"
	if c.Site == "" {
		return
	}
	u, ok := origin(c.Site)
	switch {
	case !ok:
		r.fail(key, r.quote(key, c.Site)+" is not an origin", "write scheme, host and port alone, such as https://shop.example.com")
	case u.Scheme == "http" && c.Network.Plaintext.Reason == "":
		r.fail(key, "begins with http, but clients speak TLS to the gate or to the proxy before it", "write https, or give network.plaintext a reason")
	default:
		c.Site = u.Scheme + "://" + u.Host
	}
}

// origin is a URL of scheme, host and perhaps port alone, in lower case.
func origin(s string) (*url.URL, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "/"))
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		// Nothing else may stand in it: no user, path, query or fragment.
		u.Scheme+"://"+u.Host != s ||
		!validPort(u.Port()) || strings.ContainsAny(u.Host, "*%\\ ") || strings.HasSuffix(u.Host, ":") {
		return nil, false
	}
	return u, true
}

func validPort(port string) bool {
	return port == "" || len(port) <= 5 && port != "0" && atMost(port, 65535)
}

// upstreamOption puts what a flag said in place of the key.
func (r *reader) upstreamOption(c *Config) {
	if r.options.Upstream != "" {
		delete(r.marks, "upstream")
		c.Upstream = r.options.Upstream
	}
}

func (r *reader) checkUpstream(c *Config) {
	const key = "upstream"
	if c.Upstream == "" {
		if !r.given(key) {
			r.fail(key, "is missing", "name the backend, such as upstream: http://127.0.0.1:3000")
		} else {
			r.fail(key, "is empty", "name the backend, such as http://127.0.0.1:3000")
		}
		return
	}
	u, err := url.Parse(c.Upstream)
	if err == nil && u.User != nil {
		r.fail(key, "holds a user or a password", "leave them out: the client's own Authorization reaches the backend")
		return
	}
	switch {
	case err != nil, !validPort(u.Port()), u.RawQuery != "", u.Fragment != "":
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		r.checkUpstreamTLS(c, false)
		return
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.HasSuffix(u.Host, ":"):
		if u.Path != "" && u.Path != "/" {
			r.fail(key, r.quote(key, c.Upstream)+" has a path", "the backend gets the client's path as it is; write scheme, host and port alone")
			return
		}
		r.checkUpstreamTLS(c, u.Scheme == "https")
		return
	}
	r.fail(key, r.quote(key, c.Upstream)+" is not a backend's address", "write http://host:port, https://host:port or unix:/path")
}

// checkUpstreamTLS looks at transport.upstream.
func (r *reader) checkUpstreamTLS(c *Config, tls bool) {
	const key = "transport.upstream"
	u := c.Transport.Upstream
	if !tls && u != (TransportUpstream{}) {
		r.warn(key, "has no effect", "upstream does not begin with https")
	}
	if u.Insecure.Reason.Given() && u.CA != "" {
		r.fail(key+".insecure", "contradicts ca: one says not to verify, the other how to", "remove one of the two")
	}
	r.checkFile(key+".ca", u.CA)
	r.checkFile(key+".client_certificate.certificate", u.ClientCertificate.Certificate)
	r.checkFile(key+".client_certificate.key", u.ClientCertificate.Key)
}

func (r *reader) checkModes(c *Config) {
	for name, setting := range c.Modes {
		key := under("modes", name)
		if r.options.Rungs != nil && !knownMode(name, r.options.Rungs) {
			r.fail(key, "is no rung", suggestOr(name, r.options.Rungs, "gatehouse layers names them"))
			continue
		}
		if setting.Mode == Strict && r.options.Rungs != nil && !slices.Contains(r.options.Strict, name) {
			r.fail(key, "has no mode strict", "write enforce; strict is for "+strings.Join(r.options.Strict, ", "))
		}
		if setting.Mode == gatehouse.Off && !setting.Reason.Given() {
			r.fail(key, "is off without a reason", "write {mode: off, reason: why}")
		}
		if missed := r.options.Needed[name]; missed != "" && setting.Mode == gatehouse.Off {
			r.warn(key, "is off: "+missed, "observe refuses nothing and keeps that")
		}
	}
}

// knownMode reports whether name is a rung, or rung/rule.
func knownMode(name string, rungs []string) bool {
	for _, rung := range rungs {
		if rule, ok := strings.CutPrefix(name, rung); ok && (rule == "" || len(rule) > 1 && rule[0] == '/') {
			return true
		}
	}
	return false
}

func suggestOr(word string, known []string, otherwise string) string {
	if near, ok := nearest(word, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return otherwise
}

func (r *reader) checkRoutes(c *Config) {
	seen := map[string]int{}
	for i := range c.Routes {
		route, key := &c.Routes[i], item("routes", i)
		if route.Path != "" {
			r.checkPattern(key+".path", route.Path)
			if first, twice := seen[route.Path]; twice {
				r.fail(key+".path", fmt.Sprintf("is the path of %s too", item("routes", first)), "put both into one route")
			} else {
				seen[route.Path] = i
			}
		}
		switch {
		case route.Body != "" && !route.Reason.Given():
			route.Reason = route.CSRF.Reason
			if !route.Reason.Given() {
				r.fail(key+".body", "passes unread without a reason", "add reason: beside it and say in one sentence why")
			}
		case route.Body == "" && route.Reason.Given() && !r.given(key+".body"):
			r.fail(key+".reason", "is a reason for nothing", "the reason of csrf stands inside csrf")
		}
	}
}

func (r *reader) checkPattern(key, pattern string) {
	if _, err := input.ParsePattern(pattern); err != nil {
		words := strings.TrimPrefix(err.Error(), fmt.Sprintf("pattern %q: ", pattern))
		if r.marks[key].replaced {
			words = "write one such as /orders/{id}"
		}
		r.fail(key, r.quote(key, pattern)+" is not a path", shorten(words, 120))
	}
}

func (r *reader) checkOrigins(origins []TrustedOrigin) {
	const list = "application.csrf.trusted_origins"
	seen := map[string]int{}
	for i := range origins {
		key := item(list, i) + ".origin"
		if origins[i].Origin == "" {
			if r.given(key) {
				r.fail(key, "is empty", "write one such as https://app.example.com")
			}
			continue
		}
		u, ok := origin(origins[i].Origin)
		if !ok {
			r.fail(key, r.quote(key, origins[i].Origin)+" is not one origin", "write scheme, host and port alone, such as https://app.example.com; * and null can't be trusted")
			continue
		}
		origins[i].Origin = u.Scheme + "://" + u.Host
		if first, twice := seen[origins[i].Origin]; twice {
			r.fail(key, "is given twice, first as "+item(list, first), "keep one")
			continue
		}
		seen[origins[i].Origin] = i
	}
}

var (
	entryName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	methodName = regexp.MustCompile(`^[A-Z]{1,32}$`)
)

func (r *reader) checkAllow(entries []AllowEntry) {
	seen := map[string]int{}
	for i, e := range entries {
		key := item("allow", i)
		r.checkAllowNames(key, e)
		if e.ID != "" {
			if first, twice := seen[e.ID]; twice {
				r.fail(key+".id", "is the id of "+item("allow", first)+" too", "give it another")
			} else {
				seen[e.ID] = i
			}
		}
		path := e.Path
		if method, rest, ok := strings.Cut(path, " "); ok {
			if path = strings.TrimSpace(rest); !methodName.MatchString(method) {
				r.fail(key+".path", r.quote(key+".path", e.Path)+" does not begin with a method", "write one such as POST /comments")
			}
		}
		if path != "" && e.Path != Background {
			r.checkPattern(key+".path", path)
		}
		if e.Expired(r.options.Now()) {
			r.warn(key, fmt.Sprintf("(%s) has expired and lets nothing pass", shorten(e.ID, 64)), "remove it, or give it another date")
		}
	}
}

// Background is the path of an allow entry for what no request caused, such as
// the statements of a job.
const Background = "background"

func (r *reader) checkAllowNames(key string, e AllowEntry) {
	if (e.ID != "" || r.given(key+".id")) && !entryName.MatchString(e.ID) {
		r.fail(key+".id", r.quote(key+".id", e.ID)+" is not a name", "write up to 64 letters, digits, dots, dashes and underscores")
	}
	for _, f := range []struct{ key, value string }{{"rung", e.Rung}, {"rule", e.Rule}, {"path", e.Path}} {
		if f.value == "" && r.given(key+"."+f.key) {
			r.fail(key+"."+f.key, "is empty", "gatehouse allow prints the right one")
		}
	}
	if rungs := r.options.Rungs; rungs != nil && e.Rung != "" && !slices.Contains(rungs, e.Rung) {
		r.fail(key+".rung", r.quote(key+".rung", e.Rung)+" is no rung", suggestOr(e.Rung, rungs, "gatehouse layers names them"))
	}
	if e.Field == "" {
		return
	}
	if _, err := gatehouse.ParsePlace(e.Field); err != nil {
		r.fail(key+".field", r.quote(key+".field", e.Field)+" is not a place in a request", "write one such as form:body; gatehouse allow prints the right one")
	}
}

// neededValues reports what a configuration made by code leaves out that its
// sections can't be without. Where a file was read, needed did that.
func (r *reader) neededValues(key string, v reflect.Value) {
	switch {
	case leafOf(v.Type()) != nil, v.Type() == reflect.TypeFor[ModeSetting]():
	case v.Kind() == reflect.Pointer && !v.IsNil():
		r.neededValues(key, v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			r.neededSection(item(key, i), v.Index(i))
		}
	case v.Kind() == reflect.Struct && !v.IsZero():
		r.neededSection(key, v)
	}
}

func (r *reader) neededSection(key string, v reflect.Value) {
	if v.Kind() != reflect.Struct || leafOf(v.Type()) != nil {
		return
	}
	for _, f := range fieldsOf(v.Type()) {
		if at := v.FieldByIndex(f.index); f.need && at.IsZero() {
			r.fail(under(key, f.key), "is missing", needHint(f))
		} else {
			r.neededValues(under(key, f.key), at)
		}
	}
}
