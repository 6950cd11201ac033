package privilege_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

func TestParseOwner_Forms_AreTold(t *testing.T) {
	for text, want := range map[string]privilege.Owner{
		"orders.user_id":                     {Table: "orders", Column: "user_id"},
		"app.orders.user_id=users.id":        {Schema: "app", Table: "orders", Column: "user_id", Name: "users.id"},
		"Order Items.Owner=principal@a.b":    {Table: "Order Items", Column: "Owner", Name: "principal@a.b"},
		"order_lines.order_id>app.orders.id": {Table: "order_lines", Column: "order_id", Parent: "app.orders.id"},
	} {
		if got, err := privilege.ParseOwner(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "orders", "orders.", ".user_id", "a.b.c.d", "orders.user_id=", "orders.user_id>", "orders.user_id>orders", "..", "orders." + strings.Repeat("x", 64)} {
		if got, err := privilege.ParseOwner(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestGrants_RowSecurityOfNothingSound_IsRefused(t *testing.T) {
	for want, r := range map[string]privilege.RLS{
		"RLS.Owners is empty":          {},
		"two columns of public.orders": {Owners: []privilege.Owner{{Table: "orders", Column: "a"}, {Schema: "public", Table: "orders", Column: "b"}}},
		"no table or no column":        {Owners: []privilege.Owner{{Table: "orders"}}},
		"nothing says whose":           {Owners: []privilege.Owner{{Table: "lines", Column: "a", Parent: "orders.id"}}},
		"a part of itself":             {Owners: []privilege.Owner{{Table: "a", Column: "x", Parent: "b.id"}, {Table: "b", Column: "x", Parent: "a.id"}}},
		"RLS.Exempt has shop_app":      {Owners: []privilege.Owner{{Table: "orders", Column: "a"}}, Exempt: []string{"shop_app"}},
		"none of its values":           {Owners: []privilege.Owner{{Table: "orders", Column: "a"}}, Unattributed: 9},
		"no name of a principal's":     {Owners: []privilege.Owner{{Table: "orders", Column: "a", Name: "a\x00"}}},
		"an empty name":                {Owners: []privilege.Owner{{Table: "orders", Column: "a"}}, Admins: []string{""}},
	} {
		if _, err := privilege.Grants(factsOf(observed...), privilege.Options{Role: "shop_app", Database: "shop", RLS: &r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestGrants_RowSecurityOfHostileNames_IsOneStatementAfterAnother(t *testing.T) {
	for _, name := range []string{`x"; drop table y; --`, `it's`, `a$gate$b`, "line\nbreak", `back\slash`, `$tables$`, `%s%I`} {
		sql, err := privilege.Grants(factsOf(observed...), privilege.Options{Role: name, Database: name, RLS: &privilege.RLS{
			Owners: []privilege.Owner{{Schema: name, Table: name, Column: name, Name: name}, {Table: "part", Column: name, Parent: "public." + name + "." + name}, {Table: name, Column: name}},
			Admins: []string{name}, Exempt: []string{name + "2"}, Unattributed: privilege.WriteAll,
		}})
		if strings.Contains(name, ".") || err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		for _, st := range outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql).Statements {
			first, _, _ := strings.Cut(st.Object, " ")
			if !pinned(st) && (st.Unsure != "" || st.Verb != outline.Define && st.Verb != outline.Do && st.Verb != outline.Transaction || first == "drop") {
				t.Errorf("with %q there is a statement %+v", name, st)
			}
		}
	}
}

func TestGrants_RowSecurity_GrantsNoTruncate(t *testing.T) {
	f := factsOf("truncate orders", "truncate log", "select 1 from orders")
	sql, err := privilege.Grants(f, privilege.Options{Role: "a", Database: "b", RLS: &privilege.RLS{Owners: []privilege.Owner{{Table: "orders", Column: "user_id"}}}})
	if err != nil || strings.Contains(sql, "TRUNCATE ON TABLE public.orders") || !strings.Contains(sql, "GRANT TRUNCATE ON TABLE public.log TO a;") {
		t.Errorf("%v in\n%s", err, sql)
	}
}

func newSigner(t testing.TB) *privilege.Signer {
	t.Helper()
	s, err := privilege.NewSigner(privilege.SignerOptions{Key: secret.Text(strings.Repeat("0b", 32) + "\n"), Now: func() time.Time { return start }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// claimsOf reads what a signer says.
func claimsOf(t *testing.T, sql string) (c struct {
	At           int64
	Names        map[string]string
	Roles        []string
	Unattributed bool
}) {
	t.Helper()
	text, _, _ := strings.Cut(strings.TrimPrefix(sql, "SELECT gatehouse.enter('"), ".")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	return c
}

func TestSigner_Principal_IsToldByItsNames(t *testing.T) {
	s := newSigner(t)
	c := claimsOf(t, s.Principal(gatehouse.Principal{ID: "it's <ann>", Issuer: "backend", Roles: []string{"clerk"}, Aliases: []gatehouse.Alias{{Name: "users.id", Value: "7"}, {Name: "principal", Value: "bob"}}}))
	if c.At != start.Unix() || len(c.Names) != 3 || c.Names["principal"] != "it's <ann>" || c.Names["principal@backend"] != "it's <ann>" || c.Names["users.id"] != "7" || len(c.Roles) != 1 || c.Unattributed {
		t.Errorf("%+v", c)
	}
	for _, id := range []string{"", "\xff", "a\x00", strings.Repeat("a", 5000)} {
		if c := claimsOf(t, s.Principal(gatehouse.Principal{ID: id, Roles: []string{"admin"}})); len(c.Names) != 0 || len(c.Roles) != 0 || c.Unattributed {
			t.Errorf("%.10q: %+v", id, c)
		}
	}
	if c := claimsOf(t, s.Unattributed()); len(c.Names) != 0 || !c.Unattributed {
		t.Errorf("%+v", c)
	}
}

func TestSigner_WhatItWrites_IsReservedAndOneStatement(t *testing.T) {
	s := newSigner(t)
	for _, sql := range []string{s.Principal(gatehouse.Principal{ID: "'; drop table x; --\\"}), s.Unattributed()} {
		if o := outline.Of(taint.Lexer{Dialect: taint.PostgreSQL, Backslash: true}, sql); !privilege.Reserved(sql) || len(o.Statements) != 1 || strings.ContainsAny(sql, "\\;") {
			t.Errorf("%s", sql)
		}
	}
	for _, sql := range []string{"select * from orders", "", "SELECT gatehouse.principal('x')", "insert into posts values ('SELECT gatehouse.enter(')"} {
		if privilege.Reserved(sql) {
			t.Errorf("%s is reserved", sql)
		}
	}
}

func TestNewSigner_BadKey_IsNotTold(t *testing.T) {
	for _, key := range []string{"", "abcd", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		if _, err := privilege.NewSigner(privilege.SignerOptions{Key: secret.Text(key)}); err == nil || key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func BenchmarkSigner_Principal(b *testing.B) {
	s := newSigner(b)
	p := gatehouse.Principal{ID: "ann@example.com", Issuer: "backend", Roles: []string{"clerk"}, Aliases: []gatehouse.Alias{{Name: "users.id", Value: "7"}}}
	b.ReportAllocs()
	for b.Loop() {
		s.Principal(p)
	}
}
