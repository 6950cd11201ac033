package assertion_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/assertion"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

var ann = gatehouse.Principal{
	ID: "ann", Issuer: "backend", Tenant: "acme", Roles: []string{"clerk", "admin"}, Scopes: []string{"read", "write all", "orders:write"},
	SignedIn: noon.Add(-time.Hour), SecondFactor: true,
}

func newStore(t testing.TB) store.Store {
	t.Helper()
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// open makes assertions of the shop's for its backend, changed by change.
func open(t testing.TB, s store.Store, now func() time.Time, change func(*assertion.Options)) *assertion.Assertions {
	t.Helper()
	o := assertion.Options{Store: s, Issuer: "https://shop.example.com", Audience: "http://127.0.0.1:3000", Now: now}
	if change != nil {
		change(&o)
	}
	a, err := assertion.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func atNoon() time.Time { return noon }

func published(t testing.TB, a *assertion.Assertions) jose.JSONWebKeySet {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/_gate/jwks", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatalf("the key set %q: %v", w.Body, err)
	}
	return set
}

// verify reads an assertion as a backend does that has this key set.
func verify(set jose.JSONWebKeySet, text string) (map[string]any, bool) {
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, false
	}
	keys := set.Key(signed.Signatures[0].Header.KeyID)
	if len(keys) != 1 || keys[0].Algorithm != "ES256" || keys[0].Use != "sig" || !keys[0].IsPublic() {
		return nil, false
	}
	payload, err := signed.Verify(keys[0])
	var claims map[string]any
	if err != nil || json.Unmarshal(payload, &claims) != nil || signed.Signatures[0].Header.ExtraHeaders["typ"] != assertion.Type {
		return nil, false
	}
	return claims, true
}

func TestNew_BadOptions_NamedInError(t *testing.T) {
	for name, change := range map[string]func(*assertion.Options){
		"Store":        func(o *assertion.Options) { o.Store = nil },
		"Issuer":       func(o *assertion.Options) { o.Issuer = "" },
		"Audience":     func(o *assertion.Options) { o.Audience = "" },
		"negative":     func(o *assertion.Options) { o.Lead = -1 },
		"Options.Life": func(o *assertion.Options) { o.Life = 2 * time.Hour },
		"Rotate":       func(o *assertion.Options) { o.Rotate = time.Hour },
	} {
		o := assertion.Options{Store: newStore(t), Issuer: "i", Audience: "a"}
		change(&o)
		if _, err := assertion.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("the error is %v, want one that says %q", err, name)
		}
	}
}

func TestSet_Principal_ToldInSignedClaims(t *testing.T) {
	a := open(t, newStore(t), atNoon, nil)
	h := http.Header{"Accept": {"*/*"}}
	if err := a.Set(h, ann, [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	if got := h["Gate-User"]; len(got) != 1 || got[0] != "ann" {
		t.Errorf("Gate-User is %q, want ann", got)
	}
	claims, ok := verify(published(t, a), h.Get("Gate-Identity"))
	want := map[string]any{
		"iss": "https://shop.example.com", "aud": "http://127.0.0.1:3000", "sub": "ann", "idp": "backend", "tenant": "acme",
		"roles": []any{"clerk", "admin"}, "scope": "read orders:write", "auth_time": float64(noon.Add(-time.Hour).Unix()), "amr": []any{"mfa"},
		"iat": float64(noon.Unix()), "exp": float64(noon.Unix() + 60),
	}
	if !ok || !reflect.DeepEqual(claims, want) {
		t.Errorf("the claims are %v (verified %v), want %v", claims, ok, want)
	}
	h = http.Header{}
	if err := a.Set(h, gatehouse.Principal{ID: "bob", Issuer: "backend"}, [32]byte{2}); err != nil {
		t.Fatal(err)
	}
	if claims, ok = verify(published(t, a), h.Get("Gate-Identity")); !ok || len(claims) != 6 {
		t.Errorf("of a principal without more, the claims are %v, want six", claims)
	}
}

func TestSet_ClientsOwnHeaders_AlwaysRemoved(t *testing.T) {
	a := open(t, newStore(t), atNoon, nil)
	spoofed := func() http.Header {
		return http.Header{"Gate-Identity": {"forged", "twice"}, "Gate-User": {"root"}, "Gate_User": {"root"}, "gate-user": {"root"},
			"GATE.IDENTITY": {"x"}, "Gate-Users": {"kept"}, "Gateauser": {"kept"}, "X-Gate-User": {"kept"}}
	}
	kept := []string{"Gate-Users", "Gateauser", "X-Gate-User"}
	for name, p := range map[string]gatehouse.Principal{"somebody": ann, "nobody": {}, "of a name that can't be told": {ID: "a\xff", Issuer: "backend"}} {
		h := spoofed()
		err := a.Set(h, p, [32]byte{3})
		want := slices.Clone(kept)
		switch name {
		case "somebody":
			want = append(want, "Gate-Identity", "Gate-User")
			if err != nil || h.Get("Gate-User") != "ann" || len(h["Gate-Identity"]) != 1 {
				t.Errorf("%s: %v, %v", name, err, h)
			}
		case "nobody":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		default:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		for _, n := range want {
			if h[n] == nil {
				t.Errorf("%s: %s is missing", name, n)
			}
		}
		if len(h) != len(want) {
			t.Errorf("%s: the headers are %v, want %v alone", name, h, want)
		}
	}
	if got := assertion.Names(); !slices.Equal(got, []string{"Gate-Identity", "Gate-User"}) {
		t.Errorf("the names are %v", got)
	}
}

func TestSet_NamesThatBackendsReadDifferently_InTheAssertionAlone(t *testing.T) {
	a := open(t, newStore(t), atNoon, nil)
	for id, want := range map[string]bool{
		"ann": true, "ann@example.com": true, "Ann B.": true, "100%": true,
		"josé": false, "ann\r\nX-Admin: 1": false, " ann": false, "ann ": false, "ann\x00": false, "\u202enna": false,
	} {
		h := http.Header{}
		if err := a.Set(h, gatehouse.Principal{ID: id, Issuer: "backend"}, [32]byte{}); err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		if _, there := h["Gate-User"]; there != want {
			t.Errorf("%q: Gate-User is there: %v, want %v", id, there, want)
		}
		if claims, ok := verify(published(t, a), h.Get("Gate-Identity")); !ok || claims["sub"] != id {
			t.Errorf("%q: the assertion says %q", id, claims["sub"])
		}
	}
}

func TestSign_SameSession_SignedOnceInThirtySeconds(t *testing.T) {
	now := noon
	a := open(t, newStore(t), func() time.Time { return now }, nil)
	sign := func(p gatehouse.Principal, credential byte) string {
		t.Helper()
		text, err := a.Sign(p, [32]byte{credential})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := sign(ann, 1)
	now = noon.Add(30*time.Second - 1)
	if sign(ann, 1) != first {
		t.Error("it was signed again within 30 s")
	}
	if sign(ann, 2) == first {
		t.Error("two sessions have one assertion")
	}
	if unnamed := sign(ann, 0); sign(ann, 0) == unnamed {
		t.Error("without a session's name it is kept all the same")
	}
	now = noon.Add(30 * time.Second)
	second := sign(ann, 1)
	claims, ok := verify(published(t, a), second)
	if second == first || !ok || claims["exp"] != float64(now.Unix()+60) {
		t.Errorf("after 30 s it is the same, or ends at %v", claims["exp"])
	}

	// What the session is now is told at once.
	for name, change := range map[string]func(*gatehouse.Principal){
		"a role less":         func(p *gatehouse.Principal) { p.Roles = p.Roles[:1] },
		"no second factor":    func(p *gatehouse.Principal) { p.SecondFactor = false },
		"a scope less":        func(p *gatehouse.Principal) { p.Scopes = nil },
		"another tenant":      func(p *gatehouse.Principal) { p.Tenant = "other" },
		"somebody else":       func(p *gatehouse.Principal) { p.ID = "bob" },
		"by somebody else":    func(p *gatehouse.Principal) { p.Issuer = "https://id.example.com" },
		"signed in once more": func(p *gatehouse.Principal) { p.SignedIn = noon },
	} {
		changed := ann
		change(&changed)
		before := sign(ann, 3)
		if sign(changed, 3) == before {
			t.Errorf("%s: the old assertion is told", name)
		}
	}
}

func TestSign_WhatCannotBeTold_IsAnError(t *testing.T) {
	a := open(t, newStore(t), atNoon, nil)
	many := make([]string, 1000)
	for i := range many {
		many[i] = "role-of-some-length"
	}
	for name, p := range map[string]gatehouse.Principal{
		"nobody": {}, "a long name": {ID: strings.Repeat("a", 256)}, "too many roles": {ID: "ann", Roles: many},
		"a name that is not UTF-8": {ID: "ann\xff"}, "a role that is not UTF-8": {ID: "ann", Roles: []string{"\xc0\xaf"}},
	} {
		if text, err := a.Sign(p, [32]byte{9}); err == nil || text != "" {
			t.Errorf("%s: %q, %v, want an error", name, text, err)
		}
	}
	if text, err := a.Sign(gatehouse.Principal{ID: "ann", Roles: many[:100]}, [32]byte{9}); err != nil || len(text) > 8<<10 {
		t.Errorf("a hundred roles: %d bytes, %v", len(text), err)
	}
}

func TestSign_ManySessions_Bounded(t *testing.T) {
	a := open(t, newStore(t), atNoon, func(o *assertion.Options) { o.MaxCached = 16 })
	first, err := a.Sign(ann, [32]byte{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		if _, err := a.Sign(ann, [32]byte{byte(n), 2}); err != nil {
			t.Fatal(err)
		}
	}
	if again, err := a.Sign(ann, [32]byte{0, 1}); err != nil || again == first {
		t.Errorf("of 16 places one is held through 200 sessions (%v)", err)
	}
}

func BenchmarkSet_Kept(b *testing.B) {
	a := open(b, newStore(b), time.Now, nil)
	credential := [32]byte{1, 2, 3}
	h := http.Header{"Accept": {"*/*"}, "Cookie": {"a=b"}, "User-Agent": {"x"}, "Accept-Encoding": {"gzip"}, "Accept-Language": {"en"}, "Host": {"x"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Set(h, ann, credential); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign_New(b *testing.B) {
	a := open(b, newStore(b), time.Now, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Sign(ann, [32]byte{}); err != nil {
			b.Fatal(err)
		}
	}
}
