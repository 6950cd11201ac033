package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const site = "https://shop.example.com"

// noon is when the tests take place, where they choose.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// An idp is an identity provider on loopback.
type idp struct {
	*httptest.Server
	asked atomic.Int64

	mu     sync.Mutex
	set    jose.JSONWebKeySet
	answer http.HandlerFunc // in place of the set
}

func newIDP(t testing.TB, keys ...jose.JSONWebKey) *idp {
	t.Helper()
	p := &idp{set: jose.JSONWebKeySet{Keys: keys}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	p.mu.Lock()
	set, answer := p.set, p.answer
	p.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	if err := json.NewEncoder(w).Encode(set); err != nil {
		panic(err)
	}
}

func (p *idp) publish(keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.answer = jose.JSONWebKeySet{Keys: keys}, nil
}

func (p *idp) answerWith(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// A clock is one that a test turns.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// open makes a source with an issuer of the shop's at p, changed by change.
func open(t testing.TB, p *idp, now func() time.Time, change func(*jwt.Options)) *jwt.Source {
	t.Helper()
	o := jwt.Options{
		Issuers: []jwt.Issuer{{Issuer: "https://id.example.com", JWKS: p.URL, Audiences: []string{site}}},
		Now:     now,
	}
	if change != nil {
		change(&o)
	}
	s, err := jwt.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(id string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{KeyID: id, Key: key.Public(), Use: "sig"}
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// sign makes a token of exactly this header and these claims.
func sign(t testing.TB, key any, header, claims string) string {
	t.Helper()
	return signParts(t, key, b64(header)+"."+b64(claims))
}

// signParts signs what may be no two parts of a token.
func signParts(t testing.TB, key any, parts string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(parts))
	var signature []byte
	var err error
	switch key := key.(type) {
	case nil:
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, key, digest[:])
		size := (key.Params().BitSize + 7) / 8
		signature, err = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), failed
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(parts))
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(parts))
		signature = mac.Sum(nil)
	default:
		t.Fatalf("no signing with a %T", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return parts + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// claims are those of a good token at noon, with more or others.
func claims(more ...string) string {
	all := map[string]json.RawMessage{}
	base := fmt.Sprintf(`{"iss":"https://id.example.com","sub":"ann","aud":%q,"exp":%d,"iat":%d}`, site, noon.Add(10*time.Minute).Unix(), noon.Add(-time.Minute).Unix())
	for _, text := range append([]string{base}, more...) {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			panic(err)
		}
	}
	for name, value := range all {
		if string(value) == `"-"` {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// with is a request with this bearer token.
func with(token string) *http.Request {
	r := httptest.NewRequest("GET", site+"/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func wantKnown(t testing.TB, found source.Found, id string) {
	t.Helper()
	if found.Outcome != source.Known || found.Principal.ID != id || found.Principal.Issuer != "https://id.example.com" {
		t.Errorf("found %v %q of %q (%s: %s), want known %q", found.Outcome, found.Principal.ID, found.Principal.Issuer,
			found.Decision.Rule, found.Decision.Evidence, id)
	}
	if found.Credential == [32]byte{} {
		t.Error("a known credential has no name")
	}
}

func wantInvalid(t testing.TB, found source.Found, rule string) {
	t.Helper()
	if found.Outcome != source.Invalid || found.Decision.Rule != rule {
		t.Errorf("found %v by rule %q (%s), want invalid by %q", found.Outcome, found.Decision.Rule, found.Decision.Evidence, rule)
	}
	if found.Principal.Known() {
		t.Errorf("an invalid token is %q's", found.Principal.ID)
	}
	want := http.StatusUnauthorized
	if rule == jwt.RuleKeys {
		want = http.StatusServiceUnavailable
	}
	if got := found.Decision.HTTPStatus(); found.Decision.Verdict != 0 || got != want {
		t.Errorf("the decision is %v with status %d, want a denial with %d", found.Decision.Verdict, got, want)
	}
}

func repeat(text string, n int) string { return strings.Repeat(text, n) }
