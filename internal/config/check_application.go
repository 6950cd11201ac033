package config

import "strings"

// checkApplication looks at what answers and preflights are held to.
func (r *reader) checkApplication(a *Application) {
	for i := range a.CORS {
		r.checkCORS(item("application.cors", i), &a.CORS[i])
	}
	for i, o := range a.CSRF.TrustedOrigins {
		if o.Path != "" {
			r.checkPattern(item("application.csrf.trusted_origins", i)+".path", o.Path)
		}
	}
	if strings.ContainsAny(a.Headers.CSP, "\r\n,") {
		r.fail("application.headers.csp", "has a line break or a comma", "write one policy: directives with semicolons between them")
	}
	for i, host := range a.Markup.Redirects {
		if host == "" || strings.ContainsAny(host, "/:@*? ") {
			r.fail(item("application.markup.redirects", i), r.quote(item("application.markup.redirects", i), host)+" is no host", "write a name alone, such as app.example.com")
		}
	}
}

func (r *reader) checkCORS(key string, rule *CORSRule) {
	if rule.Path != "" {
		r.checkPattern(key+".path", rule.Path)
	}
	for i, o := range rule.Origins {
		at := item(key+".origins", i)
		switch u, ok := origin(o); {
		case strings.EqualFold(o, "null"):
			r.fail(at, "is null, which any page becomes by a sandboxed frame", "name the origins")
		case o == "*" && rule.Credentials:
			r.fail(at, "is every origin, with credentials: every site could read every visitor's data", "name the origins")
		case o == "*" && !rule.Reason.Given():
			r.fail(at, "is every origin without a reason", "add reason: beside it and say in one sentence why everybody may read")
		case o != "*" && !ok:
			r.fail(at, r.quote(at, o)+" is not one origin", "write scheme, host and port alone, such as https://app.example.com")
		case o != "*":
			rule.Origins[i] = u.Scheme + "://" + u.Host
		}
	}
}
