package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/secret"
)

// oneGate is data.sql with one gate of one client; with stands in place of the
// client's further keys, and beside of the gate's.
func oneGate(beside, with string) string {
	return "data: {sql: [{name: shop, engine: postgres, listen: '127.0.0.1:6432', upstream: 'postgres://127.0.0.1/shop', upstream_user: shop_app" +
		beside + ", clients: [{user: app, password: '${env:TOKEN}'" + with + "}]}]}"
}

func TestParse_SQLGate_IsUnderstood(t *testing.T) {
	c, lines := parse(t, `
data:
  sql:
    - name: shop
      engine: postgres
      listen: 127.0.0.1:6432
      upstream: postgres://db.internal:5433/shop?sslrootcert=/etc/site.pem&application_name=x
      upstream_user: shop_app
      upstream_password: "${file:/run/token}"
      clients:
        - {user: app, password: "${env:TOKEN}", background: none, allow: [{verbs: [select, insert], tables: [orders, app.*]}], rows: {returned: 1000, affected: 10}}
        - {user: migrate, password: "${env:TOKEN}", ddl: true, reason: deployments, upstream_user: shop_owner, upstream_password: "${env:TOKEN}"}
`)
	if lines != nil {
		t.Fatal(strings.Join(lines, "\n"))
	}
	g := c.Data.SQL[0]
	if !reflect.DeepEqual(g.Clients[0].Allow, []SQLGrant{{Verbs: []string{"select", "insert"}, Tables: []string{"orders", "app.*"}}}) ||
		g.Clients[0].Rows != (SQLRows{1000, 10}) || !g.Clients[0].Only() || g.Clients[1].Only() || !g.Clients[1].DDL || g.MaxSessions != 500 {
		t.Errorf("got %+v", g)
	}
	if g.UpstreamPassword.Reveal() != "0123456789abcdef0123456789abcdef" || g.Clients[1].UpstreamUser != "shop_owner" {
		t.Errorf("roles: %+v", g)
	}
	d, err := ParseDatabase(g.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	if network, address := d.Dial(); network != "tcp" || address != "db.internal:5433" || d.Mode != SSLVerify || d.RootFile != "/etc/site.pem" || d.Name != "shop" {
		t.Errorf("database %+v", d)
	}
}

func TestParse_SQLGateWithMistakes_NamesEachWithPlaceAndWhatToDo(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", oneGate("", ", background_jobs: none"), `data.sql[0].clients[0].background_jobs: unknown key; did you mean "background"?`},
		{"no name", "data: {sql: [{engine: postgres, listen: ':1', upstream: 'postgres://h/d'}]}", "data.sql[0].name: is missing; add name: shop"},
		{"other engine", strings.Replace(oneGate("", ""), "engine: postgres", "engine: mysql", 1), `data.sql[0].engine: "mysql" is not one of postgres`},
		{"the HTTP gate's address", strings.Replace(oneGate("", ""), "127.0.0.1:6432", "127.0.0.1:8443", 1), "data.sql[0].listen: is the same address as network.listen[0]; give each listener its own port"},
		{"password in the file", oneGate("", "") + "\n", ""},
		{"password written out", strings.Replace(oneGate("", ""), "${env:TOKEN}", "hunter2", 1), "data.sql[0].clients[0].password: is a secret written into the file; put it in the environment or a file, and write ${env:NAME} or ${file:/path} here"},
		{"short password", strings.Replace(oneGate("", ""), "env:TOKEN", "env:SHORT", 1), "data.sql[0].clients[0].password: is too short to be a secret; make one with openssl rand -hex 32"},
		{"password in the URL", strings.Replace(oneGate("", ""), "postgres://", "postgres://u:hunter2@", 1), "data.sql[0].upstream: holds a password written into the file; leave it out, and write upstream_password: ${env:NAME} or ${file:/path}"},
		{"other URL", strings.Replace(oneGate("", ""), "postgres://", "mysql://", 1), "data.sql[0].upstream: is not a database's address; write one such as postgres://127.0.0.1:5432/shop"},
		{"prefer", strings.Replace(oneGate("", ""), "127.0.0.1/shop", "db/shop?sslmode=prefer", 1), "data.sql[0].upstream: has sslmode=prefer, which anybody on the way can turn off; write sslmode=verify-full"},
		{"in the clear", strings.Replace(oneGate("", ""), "127.0.0.1/shop", "db/shop?sslmode=disable", 1), "data.sql[0].upstream: speaks to another machine in the clear (sslmode=disable); write sslmode=verify-full, or give weak_upstream a reason"},
		{"not verified", strings.Replace(oneGate("", ""), "127.0.0.1/shop", "db/shop?sslmode=require", 1), "data.sql[0].upstream: does not verify the database (sslmode=require); write sslmode=verify-full, with sslrootcert for your own authority, or give weak_upstream a reason"},
		{"with a reason", strings.Replace(oneGate(", weak_upstream: {reason: our own cable}", ""), "127.0.0.1/shop", "db/shop?sslmode=disable", 1), ""},
		{"no authority", strings.Replace(oneGate("", ""), "127.0.0.1/shop", "db/shop?sslrootcert=/none.pem", 1), `data.sql[0].upstream: "postgres://db/shop?sslrootcert=/none.pem" cannot be read: file does not exist; looked for /none.pem`},
		{"ddl without reason", oneGate("", ", ddl: true"), "data.sql[0].clients[0].ddl: lets it do what accounts ordinarily may not, without a reason; add reason: beside it and say in one sentence why"},
		{"functions without reason", oneGate("", ", functions: [pg_sleep]"), "data.sql[0].clients[0].functions: lets it do what accounts ordinarily may not, without a reason; add reason: beside it and say in one sentence why"},
		{"reason for nothing", oneGate("", ", reason: because"), "data.sql[0].clients[0].reason: is a reason for nothing; it stands beside ddl, functions or roles"},
		{"unknown verb", oneGate("", ", allow: [{verbs: [selct], tables: [x]}]"), `data.sql[0].clients[0].allow[0].verbs[0]: "selct" is not one of select, insert, update, delete, truncate, all; did you mean "select"?`},
		{"no table", oneGate("", ", allow: [{verbs: [select], tables: ['a b']}]"), `data.sql[0].clients[0].allow[0].tables[0]: "a b" is no table's name; write orders, app.orders, app.* or *`},
		{"rows below zero", oneGate("", ", rows: {returned: -1}"), "data.sql[0].clients[0].rows.returned: is below 0; write 0 for any number"},
		{"user twice", strings.Replace(oneGate("", ""), "clients: [", "clients: [{user: app, password: '${env:TOKEN}'}, ", 1), "data.sql[0].clients[1].user: is the user of data.sql[0].clients[0] too; give it another, or keep one"},
		{"no role", strings.Replace(oneGate("", ""), ", upstream_user: shop_app", "", 1), "data.sql[0].clients[0]: has no role at the database; add upstream_user here or beside upstream"},
		{"role's password alone", oneGate("", ", upstream_password: '${env:TOKEN}'"), "data.sql[0].clients[0].upstream_password: is there without upstream_user; add the role that it is of"},
		{"no signing key", oneGate("", ", rls: {key: '${env:TOKEN}'}"), `data.sql[0].clients[0].rls.key: is not 64 hexadecimal digits; have the database tell it: psql -Atc "SELECT encode(secret, 'hex') FROM gatehouse.key"`},
		{"signing key missing", oneGate("", ", rls: {}"), "data.sql[0].clients[0].rls.key: is missing; add key: \"${file:/run/secrets/shop_rls}\""},
		{"nobody", "data: {sql: [{name: a, engine: postgres, listen: '127.0.0.1:6432', upstream: 'postgres://127.0.0.1/d', clients: []}]}", "data.sql[0].clients: names nobody; add {user: app, password: …}"},
		{"from elsewhere, behind a proxy", "network: {plaintext: {reason: x}}\n" + strings.Replace(oneGate("", ""), "127.0.0.1:6432", ":6432", 1), `data.sql[0].listen: ":6432" is reachable from other machines, and there is no certificate; add tls: {certificate: …, key: …}, listen on 127.0.0.1, or give plaintext a reason`},
		{"from elsewhere, with the site's certificate", strings.Replace(oneGate("", ""), "127.0.0.1:6432", ":6432", 1), ""},
		{"no sessions", oneGate(", max_sessions: 0", ""), "data.sql[0].max_sessions: is below 1; 500 suits most sites"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, lines := parse(t, test.text)
			var got []string
			for _, l := range lines {
				got = append(got, strings.SplitN(l, " ", 2)[1])
				if strings.Contains(l, "hunter2") {
					t.Errorf("the error holds the password: %s", l)
				}
			}
			if test.name == "no name" { // and its other needs
				if !slices.Contains(got, test.want) {
					t.Errorf("got %q", got)
				}
				return
			}
			if test.want == "" && got != nil || test.want != "" && (len(got) != 1 || got[0] != test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), test.want)
			}
		})
	}
}

func TestParse_SQLUpstreamFromTheEnvironment_GivesUserAndPassword(t *testing.T) {
	o := testOptions()
	lookup := o.LookupEnv
	o.LookupEnv = func(name string) (string, bool) {
		if name == "DATABASE_URL" {
			return "postgresql://owner:hunter2hunter2@127.0.0.1:5432/shop?sslmode=disable", true
		}
		return lookup(name)
	}
	text := "upstream: http://127.0.0.1:3000\ndata: {sql: [{name: shop, engine: postgres, listen: '127.0.0.1:6432', upstream: '${env:DATABASE_URL}', clients: [{user: app, password: '${env:TOKEN}'}]}]}"
	c, err := Parse("f", []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	g := c.Data.SQL[0]
	if g.UpstreamUser != "owner" || g.UpstreamPassword.Reveal() != "hunter2hunter2" || strings.Contains(g.Upstream, "hunter2") {
		t.Errorf("got %q, %q", g.UpstreamUser, g.Upstream)
	}
	if strings.Contains(fmt.Sprintf("%+v", c), "hunter2") {
		t.Error("the configuration prints the password")
	}
	c, err = Parse("f", []byte(text), Options{AllowMissingSecrets: true, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Errorf("where secrets may be missing: %v", err)
	} else if len(c.Data.SQL) != 1 {
		t.Errorf("got %+v", c.Data)
	}
}

func TestParseDatabase(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://127.0.0.1:5432/shop":                         "tcp 127.0.0.1:5432 shop disable",
		"postgresql://u:p@localhost/shop":                        "tcp localhost:5432 shop disable",
		"postgres:///shop?host=/run/postgresql&port=5433":        "unix /run/postgresql/.s.PGSQL.5433 shop disable",
		"postgres://%2Frun%2Fpostgresql/shop":                    "unix /run/postgresql/.s.PGSQL.5432 shop disable",
		"postgres://db/shop":                                     "tcp db:5432 shop verify-full",
		"postgres://db/shop?sslmode=verify-ca":                   "tcp db:5432 shop verify-full",
		"postgres://db/shop?sslmode=require":                     "tcp db:5432 shop require",
		"postgres://[::1]:6000/x?sslmode=prefer":                 "tcp [::1]:6000 x disable",
		"postgres://127.0.0.1/x?sslrootcert=/etc/ca.pem":         "tcp 127.0.0.1:5432 x verify-full",
		"postgres://db/shop?sslmode=verify-full&user=u&dbname=y": "tcp db:5432 y verify-full",
		"postgres://a,b/shop":                                    "error",
		"postgres://db:99999/shop":                               "error",
		"postgres://db/shop?sslmode=sometimes":                   "error",
		"db:5432/shop":                                           "error",
		"host=db dbname=shop":                                    "error",
		"postgres://db/%zz":                                      "error",
	} {
		d, err := ParseDatabase(in)
		got := "error"
		if err == nil {
			network, address := d.Dial()
			got = fmt.Sprintf("%s %s %s %s", network, address, d.Name, d.Mode)
			again, err := ParseDatabase(d.URL())
			d.User, d.Password = "", ""
			if err != nil || !reflect.DeepEqual(again, d) {
				t.Errorf("%s: written as %s it is %+v (%v), not %+v", in, d.URL(), again, err, d)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	d, _ := ParseDatabase("postgres://u:hunter2@db/shop?password=hunter3")
	if d.Password != secret.Text("hunter3") || strings.Contains(d.URL(), "hunter") {
		t.Errorf("%s", d.URL())
	}
}

func TestDiff_OfSQLGates_NamesWhatNeedsARestart(t *testing.T) {
	fresh := func() *Config {
		c := Default()
		c.Data.SQL = []SQLGate{{Name: "shop", Listen: "127.0.0.1:6432", Clients: []SQLClient{{User: "app"}}}}
		return c
	}
	for _, test := range []struct {
		name   string
		change func(*SQLGate)
		want   []string
	}{
		{"what the account may", func(g *SQLGate) {
			g.Clients[0].Allow = []SQLGrant{{Verbs: []string{"select"}}}
			g.Clients[0].Rows.Returned, g.Clients[0].DDL = 7, true
		}, nil},
		{"where it listens", func(g *SQLGate) { g.Listen = "127.0.0.1:6433" }, []string{"data.sql[0].listen"}},
		{"a password", func(g *SQLGate) { g.Clients[0].Password = "x" }, []string{"data.sql[0].clients[0].password"}},
		{"one client more", func(g *SQLGate) { g.Clients = append(g.Clients, SQLClient{}) }, []string{"data.sql[0].clients"}},
	} {
		old, changed := fresh(), fresh()
		test.change(&changed.Data.SQL[0])
		if got := Diff(old, changed); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
	if got := Diff(Default(), fresh()); !slices.Equal(got, []string{"data.sql"}) {
		t.Errorf("a gate more: %v", got)
	}
}

func TestParse_RungThatOthersNeedIsOff_IsAWarning(t *testing.T) {
	c, errs := parse(t, "modes: {input: {mode: off, reason: tried}}")
	if len(errs) > 0 || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), "modes.input: is off: nothing is seen") {
		t.Errorf("%v, warnings %v", errs, c)
	}
	if c, _ := parse(t, "modes: {input: observe, application/csrf: {mode: off, reason: tried}}"); len(c.Warnings) != 0 {
		t.Errorf("warnings %v", c.Warnings)
	}
}
