package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// checkPlain settles who ends TLS.
func (r *reader) checkPlain(c *Config) {
	const endedBy = "transport.ended_by"
	plaintext := c.Network.Plaintext.Reason.Given()
	switch {
	case c.Transport.EndedBy != "" && plaintext:
		r.fail("network.plaintext", "contradicts transport.ended_by: either a trusted proxy speaks TLS, or nobody does", "remove one of the two")
	case c.Transport.EndedBy != "" && len(c.Network.TrustedProxies) == 0 && !r.given("network.trusted_proxies"):
		r.warn(endedBy, "is trusted_proxy, but network.trusted_proxies names none", "every client will seem to come from the proxy's address")
	}
	if c.Plain() && c.Network.Redirect != "" {
		r.fail("network.redirect", "redirects to HTTPS, which nobody speaks here", "remove it: the proxy that ends TLS redirects")
	}
}

// checkCertificates settles which of the ways to a certificate holds.
func (r *reader) checkCertificates(c *Config) {
	const key = "transport.certificates"
	certs := &c.Transport.Certificates
	var ways []string
	if len(certs.Files) > 0 || r.given(key+".files") {
		ways = append(ways, "files")
	}
	if certs.ACME != nil {
		ways = append(ways, "acme")
	}
	// Local is true by default, so it counts only where somebody chose it.
	if certs.Local && r.given(key+".local") {
		ways = append(ways, "local")
	}
	switch {
	case len(ways) > 1:
		r.fail(key, "has "+strings.Join(ways, " and "), "keep one of them")
	case len(ways) == 1 && c.Plain():
		r.fail(key+"."+ways[0], "is never used: "+plainBecause(c), "remove one of the two")
	case len(ways) == 0 && !c.Plain() && !certs.Local:
		r.fail(key+".local", "is false, and there is no other certificate", "add files or acme, or remove the line")
	}
	if len(ways) > 0 && ways[0] != "local" || c.Plain() {
		certs.Local = false
	}
	r.checkCertificateFiles(certs.Files)
	if certs.ACME != nil {
		r.checkACME(c, certs.ACME)
	}
}

func plainBecause(c *Config) string {
	if c.Transport.EndedBy != "" {
		return "transport.ended_by says that a trusted proxy speaks TLS"
	}
	return "network.plaintext says that nobody speaks TLS"
}

func (r *reader) checkCertificateFiles(files []CertificateFile) {
	const list = "transport.certificates.files"
	if len(files) == 0 && r.given(list) {
		r.fail(list, "is an empty list", "add {certificate: site.pem, key: site.key}, or remove the line")
	}
	seen := map[string]int{}
	for i, f := range files {
		key := item(list, i)
		r.checkFile(key+".certificate", f.Certificate)
		r.checkFile(key+".key", f.Key)
		if first, twice := seen[f.Certificate]; twice && f.Certificate != "" {
			r.fail(key+".certificate", "is given twice, first in "+item(list, first), "keep one")
		} else {
			seen[f.Certificate] = i
		}
	}
}

// checkFile sees to it that a file that a key names can be read.
func (r *reader) checkFile(key, path string) {
	switch {
	case path == "" && r.given(key):
		r.fail(key, "is empty", "name a file")
	case path == "" || r.options.AllowMissingSecrets:
	default:
		if _, err := r.options.ReadFile(path); err != nil {
			hint := ""
			if m := r.marks[key]; m.raw != path && !m.replaced && m.raw != "" {
				hint = "looked for " + path
			}
			r.fail(key, r.quote(key, path)+" cannot be read: "+reason(err), hint)
		}
	}
}

func (r *reader) checkACME(c *Config, a *ACME) {
	const key = "transport.certificates.acme"
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		r.fail(key+".directory", r.quote(key+".directory", a.Directory)+" is not an https URL", "write the directory that the authority names")
	}
	if a.Email != "" && (strings.Count(a.Email, "@") != 1 || strings.ContainsAny(a.Email, " <>,;:") || a.Email[0] == '@' || strings.HasSuffix(a.Email, "@")) {
		r.fail(key+".email", r.quote(key+".email", a.Email)+" is not an e-mail address", "write one such as ops@example.com")
	}
	if (a.EABKeyID != "" || r.given(key+".eab_key_id")) != (a.EABKey.Reveal() != "" || r.given(key+".eab_key")) {
		r.fail(key, "has one of eab_key_id and eab_key without the other", "give both or neither")
	}
	r.checkFile(key+".ca", a.CA)
	if c.Network.Redirect == "" {
		r.fail(key, "needs network.redirect, where the authority looks (HTTP-01)", `add redirect: ":80" under network`)
	}
	r.checkACMEHosts(c, a)
}

func (r *reader) checkACMEHosts(c *Config, a *ACME) {
	const key = "transport.certificates.acme"
	if len(a.Hosts) == 0 {
		if u, ok := origin(c.Site); ok {
			if hint := certifiable(u.Hostname()); hint != "" {
				r.fail(key, "can't get a certificate for the site's host "+r.quote("site", u.Hostname()), hint)
			} else {
				a.Hosts = []string{u.Hostname()}
			}
		} else if !r.given("site") {
			r.fail(key, "does not know which names to ask for", "add site: https://… or hosts: […]")
		}
		return
	}
	seen := map[string]bool{}
	for i, host := range a.Hosts {
		at := item(key+".hosts", i)
		if hint := certifiable(host); hint != "" {
			r.fail(at, r.quote(at, host)+" can't have a certificate by HTTP-01", hint)
		} else if host = strings.ToLower(host); seen[host] {
			r.fail(at, "is given twice", "keep one")
		}
		seen[host] = true
	}
}

// certifiable says why an authority can't certify a host by HTTP-01. Whether a
// name exists in the DNS, or is one of a private authority, is not known here.
func certifiable(host string) string {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "an address needs certificate files or the local authority"
	}
	switch {
	case strings.HasPrefix(host, "*."):
		return "a wildcard needs DNS-01; name each host"
	case host == "" || len(host) > 253 || strings.ContainsAny(host, "/:@ *_\\") || strings.Trim(host, ".") != host:
		return "write a host's name alone, such as shop.example.com"
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return "localhost needs the local authority"
	}
	return ""
}

func (r *reader) checkRest(c *Config) {
	const least, most = Size(1 << 10), Size(1 << 30)
	if c.Input.Limit < least || c.Input.Limit > most {
		r.fail("input.limit", r.quote("input.limit", c.Input.Limit.String())+" is not between "+least.String()+" and "+most.String(), "1MiB suits most sites")
	}
	r.checkCache(c.Store.Cache)
	e := c.Events
	if e.Keep <= 0 {
		r.fail("events.keep", "must be above 0: explain reads what is kept", "write one such as 30d")
	}
	if e.MaxSize < 64<<10 {
		r.fail("events.max_size", r.quote("events.max_size", e.MaxSize.String())+" is below 64KiB", "100MiB suits most sites")
	}
	if e.Files < 1 || e.Files > 1000 {
		r.fail("events.files", "is not between 1 and 1000", "10 suits most sites")
	}
	if e.Syslog != "" && !validSyslog(e.Syslog) {
		r.fail("events.syslog", r.quote("events.syslog", e.Syslog)+" is not a syslog receiver", "write udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log")
	}
}

func (r *reader) checkCache(s string) {
	if s == "" {
		return
	}
	const key = "store.cache"
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "unix" && u.Host == "" || u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix" {
		r.fail(key, "is no address of a Redis", "write redis://host:port, rediss://host:port or unix:///path")
		return
	}
	if _, has := u.User.Password(); has && !r.marks[key].replaced {
		r.fail(key, "holds a password that is written into the file", "put the address into the environment or a file, and write ${env:NAME} or ${file:/path} here")
	}
}

func validSyslog(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	switch u.Scheme {
	case "unix":
		return u.Host == "" && strings.HasPrefix(u.Path, "/")
	case "udp", "tcp", "tls":
		return u.Hostname() != "" && validPort(u.Port()) && strings.Trim(u.Path, "/") == ""
	}
	return false
}
