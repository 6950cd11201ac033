package guard

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

// exchangeOf is one with a form of pairs: name, value, name, value.
func exchangeOf(t testing.TB, pairs ...string) *exchange.Exchange {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, "http://shop.example.com/signup", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table, err := exchange.NewTable(exchange.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := table.Begin()
	if err != nil {
		t.Fatal(err)
	}
	x.Method, x.Host, x.Path, x.Route = "POST", "shop.example.com", "/signup", "POST /signup"
	if x.Inputs, err = parser.Parse(r); err != nil {
		t.Fatal(err)
	}
	return x
}

var (
	postgres = taint.Lexer{Dialect: taint.PostgreSQL}
	sqlite   = taint.Lexer{Dialect: taint.SQLite}
)

func sum[T ~[]byte](d T) string { return hex.EncodeToString(d) }

const secretWord = "Tr0ub4dor&3"

func TestFindStored_PlainAndFastForms_AreFoundWithTableAndColumn(t *testing.T) {
	md, s1, s2, s3 := md5.Sum([]byte(secretWord)), sha1.Sum([]byte(secretWord)), sha256.Sum256([]byte(secretWord)), sha512.Sum512([]byte(secretWord))
	s224, s384 := sha256.Sum224([]byte(secretWord)), sha512.Sum384([]byte(secretWord))
	coded := base64.StdEncoding.EncodeToString([]byte(secretWord))
	for _, c := range []struct {
		name, sql string
		params    []string
		want      string // table.column form
	}{
		{"literal", `INSERT INTO users (email, password) VALUES ('a@b.example', 'Tr0ub4dor&3')`, nil, "users.password plaintext"},
		{"parameter", `INSERT INTO users (email, password) VALUES (?, ?)`, []string{"a@b.example", secretWord}, "users.password plaintext"},
		{"numbered parameter", `INSERT INTO users (password, email) VALUES ($2, $1)`, []string{"a@b.example", secretWord}, "users.password plaintext"},
		{"named parameter", `INSERT INTO users (password) VALUES (:pw)`, []string{secretWord}, "users. plaintext"},
		{"second row", `INSERT INTO public.users (email, pw_hash) VALUES ('a', 'b'), ('c', '` + sum(md[:]) + `')`, nil, "public.users.pw_hash md5"},
		{"update", `update "Users" set "email" = $1, "passwordHash" = $2 where id = $3`, []string{"a", sum(s1[:]), "7"}, "Users.passwordHash sha1"},
		{"upper case", `UPDATE users SET hash = ? WHERE id = 1`, []string{strings.ToUpper(sum(s2[:]))}, "users.hash sha256"},
		{"sha224", `UPDATE users SET hash = ?`, []string{sum(s224[:])}, "users.hash sha224"},
		{"sha384", `UPDATE users SET hash = ?`, []string{sum(s384[:])}, "users.hash sha384"},
		{"sha512 in base64", `UPDATE users SET hash = ?`, []string{base64.StdEncoding.EncodeToString(s3[:])}, "users.hash sha512"},
		{"LDAP's", `UPDATE users SET hash = ?`, []string{"{SHA}" + base64.StdEncoding.EncodeToString(s1[:])}, "users.hash sha1"},
		{"raw bytes", `UPDATE users SET hash = ?`, []string{string(md[:])}, "users.hash md5"},
		{"bytea", `UPDATE users SET hash = '\x` + sum(s2[:]) + `'`, nil, "users.hash sha256"},
		{"blob", `UPDATE users SET hash = x'` + sum(md[:]) + `'`, nil, "users.hash md5"},
		{"base64", `UPDATE users SET pw = ?`, []string{coded}, "users.pw base64"},
		{"no columns told", `INSERT INTO users VALUES (1, 'x', 'Tr0ub4dor&3')`, nil, "users. plaintext"},
		{"selected", `INSERT INTO users (id, password) SELECT max(id)+1, ? FROM users`, []string{secretWord}, "users.password plaintext"},
		{"upsert", `INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET password = ?`, []string{secretWord}, "users.password plaintext"},
		{"in a CTE", `WITH u AS (INSERT INTO users (password) VALUES ($1) RETURNING id) SELECT * FROM u`, []string{secretWord}, "users.password plaintext"},
		{"after a subquery", `UPDATE users SET seen = (SELECT max(at) FROM log WHERE word = 'x'), password = $1`, []string{secretWord}, "users.password plaintext"},
		{"merge", `MERGE INTO users USING v ON v.id = users.id WHEN NOT MATCHED THEN INSERT (id, password) VALUES (v.id, $1)`, []string{secretWord}, "users.password plaintext"},
		{"replace", `REPLACE INTO users (id, password) VALUES (1, ?)`, []string{secretWord}, "users.password plaintext"},
		{"after a comment", "/* app */ -- more\n INSERT INTO users (password) VALUES (?)", []string{secretWord}, "users.password plaintext"},
		{"cast", `INSERT INTO users (password) VALUES (CAST($1 AS text))`, []string{secretWord}, "users.password plaintext"},
		{"hashed fast by the database", `INSERT INTO users (password) VALUES (md5($1))`, []string{secretWord}, "users.password md5"},
		{"pgcrypto's digest", `INSERT INTO users (password) VALUES (encode(digest($1, 'sha256'), 'hex'))`, []string{secretWord}, "users.password digest"},

		{"crypt", `INSERT INTO users (password) VALUES (crypt($1, gen_salt('bf')))`, []string{secretWord}, ""},
		{"crypt of a fast hash", `INSERT INTO users (password) VALUES (crypt(md5($1), gen_salt('bf')))`, []string{secretWord}, ""},
		{"compared in a subquery", `UPDATE users SET seen = (SELECT now() FROM log WHERE word = $1), name = 'x'`, []string{secretWord}, ""},
		{"an unknown function", `INSERT INTO users (password) VALUES (hash_password($1))`, []string{secretWord}, ""},
		{"encrypted", `INSERT INTO users (password) VALUES (pgp_sym_encrypt($1, 'k'))`, []string{secretWord}, ""},
		{"bcrypt", `INSERT INTO users (password) VALUES (?)`, []string{"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"}, ""},
		{"salted", `INSERT INTO users (password) VALUES (?)`, []string{fmt.Sprintf("%x", md5.Sum([]byte("salt"+secretWord)))}, ""},
		{"compared", `UPDATE users SET seen = 1 WHERE password = ?`, []string{secretWord}, ""},
		{"read", `SELECT id FROM users WHERE password = ?`, []string{secretWord}, ""},
		{"part of a text", `INSERT INTO log (line) VALUES (?)`, []string{"password=" + secretWord}, ""},
		{"nothing written", `INSERT INTO users (password) VALUES (`, []string{secretWord}, ""},
	} {
		lexer := sqlite
		if strings.Contains(c.sql, "$") || strings.Contains(c.sql, `\x`) {
			lexer = postgres
		}
		x := exchangeOf(t, "email", "a@b.example", "password", secretWord, "password_confirmation", secretWord)
		s := findStored(x, taint.Statement{Lexer: lexer, SQL: c.sql, Params: c.params})
		got := ""
		if s.form != "" {
			got = s.table + "." + s.column + " " + s.form
			if s.place.String() != "form:password" {
				t.Errorf("%s: found at %s", c.name, s.place)
			}
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFindStored_WhatIsNoPassword_IsNotFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		sql   string
		value string
	}{
		{"a hint", []string{"password_hint", "my first dog's name"}, "UPDATE users SET password = ?", "my first dog's name"},
		{"an identifier", []string{"password_hint_id", "12345678"}, "UPDATE users SET hint = ?", "12345678"},
		{"bypass", []string{"bypass", "everything"}, "UPDATE users SET way = ?", "everything"},
		{"too short", []string{"password", "abc"}, "UPDATE users SET password = ?", "abc"},
		{"the user's name as well", []string{"password", "ingrid.alder", "login", "ingrid.alder"}, "INSERT INTO users (login) VALUES (?)", "ingrid.alder"},
		{"a word of a column that keeps none", []string{"password", "admin"}, "UPDATE users SET role = ?", "admin"},
		{"another request's", []string{"email", "a@b.example"}, "UPDATE users SET password = ?", "hunter2hunter2"},
	} {
		x := exchangeOf(t, c.pairs...)
		if s := findStored(x, taint.Statement{Lexer: sqlite, SQL: c.sql, Params: []string{c.value}}); s.form != "" {
			t.Errorf("%s: found %+v", c.name, s)
		}
	}
}

func TestIsPasswordField(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "Password": true, "passwd": true, "pwd": true, "pass": true, "passwort": true, "new_password": true,
		"password_confirmation": true, "user[password]": true, "user.password": true, "items[].password": true, "newPassword": true,
		"user[password][]": true, "password1": true, "j_password": true, "login-password": true, "kennwort": true,
		"password_hint_id": false, "bypass": false, "compass": false, "password_reset_token": false, "passenger": false, "": false, "p": false,
		strings.Repeat("x", 200) + "password": false,
	} {
		if got := isPasswordField(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestMayWrite(t *testing.T) {
	for sql, want := range map[string]bool{
		"INSERT INTO t": true, " \n( insert": false, "/* x */ update t": true, "-- x\nreplace into t": true, "with x as": true,
		"select 1": false, "": false, "/*": false, "--": false, "  ": false, "delete from t": false,
	} {
		if got := mayWrite(sql); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func TestFirstTable(t *testing.T) {
	for sql, want := range map[string]string{
		`SELECT a FROM users WHERE x`:                "users",
		`SELECT a FROM "Shop"."Users" u`:             "Shop.Users",
		`INSERT INTO public.orders (a) VALUES (1)`:   "public.orders",
		`UPDATE ONLY orders SET a = 1`:               "orders",
		`DELETE FROM orders`:                         "orders",
		`CREATE TABLE IF NOT EXISTS users (id INT)`:  "users",
		`SELECT * FROM (SELECT 1) s JOIN lines ON 1`: "lines",
		`SELECT 1`:                            "",
		`SELECT * FROM`:                       "",
		`INSERT OR REPLACE INTO t VALUES (1)`: "t",
	} {
		if got := firstTable(taint.Statement{Lexer: sqlite, SQL: sql}); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func FuzzTargets(f *testing.F) {
	for _, sql := range []string{
		`INSERT INTO users (a, b) VALUES ('x', $1), (f('y'), ?) ON CONFLICT DO UPDATE SET a = 'z' WHERE b = 'w'`, `UPDATE t SET a = ('b'))`, `)))`, `with (insert into ; update set '`,
		`MERGE INTO t USING u WHEN NOT MATCHED THEN INSERT ("a") VALUES (:x)`,
	} {
		f.Add(sql, true)
		f.Add(sql, false)
	}
	f.Fuzz(func(t *testing.T, sql string, lite bool) {
		lexer := postgres
		if lite {
			lexer = sqlite
		}
		st := taint.Statement{Lexer: lexer, SQL: sql}
		firstTable(st)
		targets(st, func(at target) bool {
			if at.param < -1 || at.token.End > int32(len(sql)) {
				t.Errorf("%+v", at)
			}
			if at.token.Class == taint.String {
				literal(sql, at.token)
			}
			return true
		})
	})
}
