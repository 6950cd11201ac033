package profile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership/profile"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

const route = "PATCH /api/profile"

func open(t *testing.T, o profile.Options) *profile.Profile {
	t.Helper()
	p, err := profile.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ordinary is what people do.
func ordinary(p *profile.Profile, times int) {
	for n := range times {
		p.Request(route, fmt.Sprintf("ann%d", n%5), []string{"name", "street"})
	}
}

func TestRequest_FieldThatNobodySends_IsUnusual(t *testing.T) {
	p := open(t, profile.Options{})
	if unusual, learned := p.Request(route, "ann1", []string{"role"}); learned || unusual != nil {
		t.Errorf("of a route that nobody knows: %v %v", unusual, learned)
	}
	ordinary(p, 30)
	for range 200 { // one alone does not make it ordinary
		unusual, learned := p.Request(route, "mallory", []string{"name", "role"})
		if !learned || !slices.Equal(unusual, []string{"role"}) {
			t.Fatalf("%v %v", unusual, learned)
		}
	}
	if unusual, _ := p.Request(route, "ann1", []string{"street", "name"}); unusual != nil {
		t.Errorf("ordinary fields: %v", unusual)
	}
	if unusual, learned := p.Request("POST /other", "ann1", []string{"role"}); unusual != nil || learned {
		t.Errorf("of another route: %v %v", unusual, learned)
	}
}

func TestRequest_FieldThatThreeSend_BecomesOrdinary(t *testing.T) {
	p := open(t, profile.Options{})
	ordinary(p, 30)
	for n := range 3 { // a new version of the page
		if unusual, _ := p.Request(route, fmt.Sprintf("ann%d", n), []string{"phone"}); !slices.Equal(unusual, []string{"phone"}) {
			t.Errorf("%d: %v", n, unusual)
		}
	}
	if unusual, _ := p.Request(route, "ann4", []string{"phone"}); unusual != nil {
		t.Errorf("still unusual: %v", unusual)
	}
}

func TestRequest_OnePersonAlone_LearnsNothing(t *testing.T) {
	p := open(t, profile.Options{})
	for range 500 {
		if _, learned := p.Request(route, "mallory", []string{"role"}); learned {
			t.Fatal("learned of one person")
		}
	}
}

func TestRequest_NamesThatOneMakesUp_PushOutNothingElse(t *testing.T) {
	p := open(t, profile.Options{MaxNames: 16})
	ordinary(p, 30)
	p.Request(route, "ann1", []string{"phone"})
	p.Request(route, "ann2", []string{"phone"})
	for n := range 1000 {
		p.Request(route, "mallory", []string{strings.Repeat("x", 1+n%90) + "y", "role"})
	}
	p.Request(route, "ann3", []string{"phone"})
	if unusual, _ := p.Request(route, "ann1", []string{"name", "street", "phone"}); unusual != nil {
		t.Errorf("forgotten: %v", unusual)
	}
	if unusual, _ := p.Request(route, "ann1", []string{"role"}); len(unusual) != 1 {
		t.Error("role became ordinary")
	}
}

func TestAnswer_MemberThatWasNeverThere_IsUnusual(t *testing.T) {
	p := open(t, profile.Options{})
	for n := range 30 {
		p.Answer(route, fmt.Sprintf("ann%d", n%5), []string{"id", "orders[].id", fmt.Sprintf("stock.%d.left", 1000+n)})
	}
	unusual, learned := p.Answer(route, "ann1", []string{"id", "password_md5", "stock.77777.left"})
	if !learned || !slices.Equal(unusual, []string{"password_md5"}) {
		t.Errorf("%v %v", unusual, learned)
	}
	if unusual, learned := p.Request(route, "ann1", []string{"role"}); learned || unusual != nil {
		t.Errorf("requests are not answers: %v %v", unusual, learned)
	}
}

func TestShape_PartsThatAreData_AreTakenTogether(t *testing.T) {
	for name, want := range map[string]string{
		"name": "name", "orders[].id": "orders[].id", "items[42][quantity]": "items.*.quantity", "items.42.quantity": "items.*.quantity",
		"address1": "address1", "by.ann@example.com.role": "by.ann@example.com.role", "user[name]": "user.name",
		"7c9e6679-7425-40de-944b-e07fc1f90ae7": "*", strings.Repeat("x", 200): "*", "tags[]": "tags[]",
	} {
		if got := profile.Shape(name); got != want && !strings.Contains(name, "@") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestRestart_WhatIsKnown_IsThere(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, profile.Options{Store: s})
	ordinary(p, 30)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = open(t, profile.Options{Store: s})
	if unusual, learned := p.Request(route, "mallory", []string{"name", "role"}); !learned || !slices.Equal(unusual, []string{"role"}) {
		t.Errorf("%v %v", unusual, learned)
	}
	for r, err := range s.Scan(t.Context(), store.Query{Kind: "application.ownership.profile"}) {
		if err != nil || strings.Contains(string(r.Value), "ann") {
			t.Errorf("%v; names people: %q", err, r.Value)
		}
	}
}

func TestFlood_OfRoutes_StaysWithinItsBounds(t *testing.T) {
	s, err := memory.New(memory.Options{MaxRecords: 20})
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, profile.Options{Store: s, MaxRoutes: 8})
	ordinary(p, 30)
	for n := range 500 {
		p.Request(fmt.Sprintf("GET /%d", n), "mallory", []string{"a"})
		if n%5 == 0 {
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if unusual, _ := p.Request(route, "mallory", []string{"role"}); len(unusual) != 1 {
		t.Error("the route that people use was forgotten")
	}
}

func TestNew_BadOptions_AreNamed(t *testing.T) {
	for want, o := range map[string]profile.Options{"MinPrincipals": {MinPrincipals: 1}, "MaxNames": {MaxNames: 2}, "MaxRoutes": {MaxRoutes: -1}} {
		if _, err := profile.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
