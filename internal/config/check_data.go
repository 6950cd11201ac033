package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// checkData looks at the SQL gates.
func (r *reader) checkData(c *Config) {
	listeners := r.listenersOf(c)
	names := map[string]int{}
	for i := range c.Data.SQL {
		g, key := &c.Data.SQL[i], item("data.sql", i)
		if g.Name != "" || r.given(key+".name") {
			r.checkName(key+".name", g.Name)
		}
		if first, twice := names[g.Name]; twice && g.Name != "" {
			r.fail(key+".name", "is the name of "+item("data.sql", first)+" too", "give it another")
		} else {
			names[g.Name] = i
		}
		if g.Listen != "" {
			listeners = r.checkListen(key+".listen", g.Listen, listeners)
		}
		r.checkSQLTLS(c, g, key)
		r.checkDatabase(g, key)
		r.checkClients(g, key)
		if g.MaxSessions == 0 && !r.given(key+".max_sessions") {
			g.MaxSessions = 500 // an item of a list begins empty
		}
		if g.MaxSessions < 1 {
			r.fail(key+".max_sessions", "is below 1", "500 suits most sites")
		}
	}
}

// listenersOf are the addresses that other sections listen on.
func (r *reader) listenersOf(c *Config) (all []listener) {
	add := func(key, address string) {
		if l, hint := parseListen(address); hint == "" && address != "" {
			l.key = key
			all = append(all, l)
		}
	}
	for i, address := range c.Network.Listen {
		add(item("network.listen", i), address)
	}
	add("network.redirect", c.Network.Redirect)
	add("network.private.listen", c.Network.Private.Listen)
	return all
}

func (r *reader) checkName(key, name string) {
	if !entryName.MatchString(name) {
		r.fail(key, r.quote(key, name)+" is not a name", "write up to 64 letters, digits, dots, dashes and underscores")
	}
}

// checkSQLTLS settles whether clients from elsewhere can speak TLS.
func (r *reader) checkSQLTLS(c *Config, g *SQLGate, key string) {
	r.checkFile(key+".tls.certificate", g.TLS.Certificate)
	r.checkFile(key+".tls.key", g.TLS.Key)
	l, hint := parseListen(g.Listen)
	local := g.Listen == "" || hint != "" || l.loopback()
	switch {
	case local && g.Plaintext.Reason.Given():
		r.warn(key+".plaintext", "has no effect", "only this machine reaches listen")
	case !local && c.Plain() && g.TLS == (SQLTLS{}) && !g.Plaintext.Reason.Given():
		r.fail(key+".listen", r.quote(key+".listen", g.Listen)+" is reachable from other machines, and there is no certificate", "add tls: {certificate: …, key: …}, listen on 127.0.0.1, or give plaintext a reason")
	}
}

// minSQLPassword is how short a client's password may be. Guessing is throttled,
// so that it need not be a key.
const minSQLPassword = 8

// signingKey is how a key of rls looks.
var signingKey = regexp.MustCompile("^[0-9a-fA-F]{64}$")

func (r *reader) checkClients(g *SQLGate, key string) {
	if len(g.Clients) == 0 && r.given(key+".clients") {
		r.fail(key+".clients", "names nobody", "add {user: app, password: …}")
	}
	users := map[string]int{}
	for i := range g.Clients {
		c, at := &g.Clients[i], item(key+".clients", i)
		if c.User != "" || r.given(at+".user") {
			r.checkName(at+".user", c.User)
		}
		if first, twice := users[c.User]; twice && c.User != "" {
			r.fail(at+".user", "is the user of "+item(key+".clients", first)+" too", "give it another, or keep one")
		} else {
			users[c.User] = i
		}
		if p := c.Password.Reveal(); p != "" && len(p) < minSQLPassword {
			r.fail(at+".password", "is too short to be a secret", "make one with openssl rand -hex 32")
		}
		if c.Background == "" {
			c.Background = "any"
		}
		if k := strings.TrimSpace(c.RLS.Key.Reveal()); k != "" && !signingKey.MatchString(k) {
			r.fail(at+".rls.key", "is not 64 hexadecimal digits", `have the database tell it: psql -Atc "SELECT encode(secret, 'hex') FROM gatehouse.key"`)
		}
		r.checkRole(g, c, key, at)
		r.checkRights(c, at)
	}
}

// checkRole sees to it that the gate knows whom to sign in as.
func (r *reader) checkRole(g *SQLGate, c *SQLClient, key, at string) {
	switch {
	case c.UpstreamUser == "" && c.UpstreamPassword.Reveal() != "":
		r.fail(at+".upstream_password", "is there without upstream_user", "add the role that it is of")
	case r.marks[key+".upstream"].missing, r.marks[key+".upstream_user"].missing, r.marks[at+".upstream_user"].missing:
	case c.UpstreamUser == "" && g.UpstreamUser == "":
		r.fail(at, "has no role at the database", "add upstream_user here or beside upstream")
	}
}

// checkRights looks at what a client may do beyond, or short of, the ordinary.
func (r *reader) checkRights(c *SQLClient, at string) {
	for _, more := range []struct {
		key  string
		more bool
	}{{"ddl", c.DDL}, {"functions", len(c.Functions) > 0}, {"roles", len(c.Roles) > 0}} {
		if more.more && !c.Reason.Given() {
			r.fail(at+"."+more.key, "lets it do what accounts ordinarily may not, without a reason", "add reason: beside it and say in one sentence why")
		}
	}
	if c.Reason.Given() && !c.DDL && len(c.Functions) == 0 && len(c.Roles) == 0 {
		r.fail(at+".reason", "is a reason for nothing", "it stands beside ddl, functions or roles")
	}
	for i, grant := range c.Allow {
		for j, v := range grant.Verbs {
			if key := item(item(at+".allow", i)+".verbs", j); !slices.Contains(sqlVerbs, v) {
				r.fail(key, r.quote(key, v)+" is not one of "+strings.Join(sqlVerbs, ", "), r.suggestValue(key, v, sqlVerbs))
			}
		}
		for j, t := range grant.Tables {
			if key := item(item(at+".allow", i)+".tables", j); t == "" || strings.ContainsAny(t, " ;'()") || strings.Count(t, ".") > 1 {
				r.fail(key, r.quote(key, t)+" is no table's name", "write orders, app.orders, app.* or *")
			}
		}
	}
	for _, rows := range []struct {
		key string
		n   int
	}{{"returned", c.Rows.Returned}, {"affected", c.Rows.Affected}} {
		if rows.n < 0 {
			r.fail(at+".rows."+rows.key, "is below 0", "write 0 for any number")
		}
	}
}

var sqlVerbs = []string{"select", "insert", "update", "delete", "truncate", "all"}

// checkDatabase takes upstream apart. A user and a password that came with it
// from a reference go where their own keys have them.
func (r *reader) checkDatabase(g *SQLGate, key string) {
	at := key + ".upstream"
	if g.Upstream == "" {
		return
	}
	if r.marks[at].missing {
		return
	}
	d, err := ParseDatabase(g.Upstream)
	if err != nil {
		var wrong *DatabaseError
		errors.As(err, &wrong) // ParseDatabase gives no other
		r.fail(at, wrong.Words, wrong.Hint)
		return
	}
	if d.Password.Reveal() != "" {
		if r.given(at) && !r.marks[at].replaced {
			r.fail(at, "holds a password written into the file", "leave it out, and write upstream_password: ${env:NAME} or ${file:/path}")
			return
		}
		if g.UpstreamPassword.Reveal() == "" {
			g.UpstreamPassword = d.Password
		}
	}
	if d.User != "" && g.UpstreamUser == "" {
		g.UpstreamUser = d.User
	}
	if d.User != "" {
		g.Upstream = d.URL()
	}
	if file := r.rootFile(g, &d); file != "" {
		r.checkFile(at, file)
	}
	weak := g.WeakUpstream.Reason.Given()
	switch {
	case d.Mode == SSLDisable && !d.Loopback() && !weak:
		r.fail(at, "speaks to another machine in the clear (sslmode=disable)", "write sslmode=verify-full, or give weak_upstream a reason")
	case d.Mode == SSLRequire && !weak:
		r.fail(at, "does not verify the database (sslmode=require)", "write sslmode=verify-full, with sslrootcert for your own authority, or give weak_upstream a reason")
	}
}

// rootFile is the authority's file, which is beside the configuration.
func (r *reader) rootFile(g *SQLGate, d *Database) string {
	if d.RootFile == "" {
		return ""
	}
	if beside := r.beside(d.RootFile); beside != d.RootFile {
		d.RootFile = beside
		g.Upstream = d.URL()
	}
	return d.RootFile
}
