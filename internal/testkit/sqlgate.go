package testkit

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An SQLGate is the SQL gate of a configuration that a test writes: the
// accounts app, which nothing but requests uses, and migrate, which may define
// tables, and say that it is the database's role.
type SQLGate struct {
	// Listen is where it will listen, as 127.0.0.1:PORT.
	Listen   string
	database string
	section  string
}

// passwordOf is what the tests' accounts sign in to the SQL gate with.
func passwordOf(user string) string { return "the password of " + user + "; it's long" }

// NewSQLGate plans an SQL gate before a database that a postgres:// URL names,
// with the role that it names. Secrets go to files of the test's.
func NewSQLGate(t testing.TB, upstream string) *SQLGate {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatalf("the database's URL: %v", err)
	}
	role := u.User.Username()
	u.User = nil
	g := &SQLGate{Listen: "127.0.0.1:" + FreePort(t), database: strings.Trim(u.Path, "/")}
	var clients strings.Builder
	for user, more := range map[string]string{"app": "background: none", "migrate": "ddl: true, roles: [" + role + "], reason: the test's installer defines the tables by it"} {
		file := filepath.Join(t.TempDir(), user)
		if err := os.WriteFile(file, []byte(passwordOf(user)), 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&clients, "        - {user: %s, password: \"${file:%s}\", %s}\n", user, file, more)
	}
	g.section = fmt.Sprintf("data:\n  sql:\n    - name: test\n      engine: postgres\n      listen: %s\n      upstream: %q\n      upstream_user: %s\n      clients:\n%s",
		g.Listen, u.String(), role, clients.String())
	return g
}

// Section is the configuration's section data.
func (g *SQLGate) Section() string { return g.section }

// Host, Port and Database are what a client is told, and Password what an
// account is asked for.
func (g *SQLGate) Host() string { return "127.0.0.1" }

// Port is where it will listen.
func (g *SQLGate) Port() string { return g.Listen[strings.LastIndexByte(g.Listen, ':')+1:] }

// Database is the database's name.
func (g *SQLGate) Database() string { return g.database }

// Password is what an account signs in with.
func (g *SQLGate) Password(user string) string { return passwordOf(user) }

// DSN is how an account, app or migrate, connects.
func (g *SQLGate) DSN(user string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, passwordOf(user)), Host: g.Listen, Path: "/" + g.database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Settings writes a configuration to a file of the test's, and gives its name.
func Settings(t testing.TB, sections ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(sections, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
