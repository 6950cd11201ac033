package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/backend"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/store/memory"
)

const (
	audience  = "shop"
	tokenLife = time.Hour
)

// A world is an issuer, what a gate knows people by, and a middleware of one's own.
type world struct {
	issuer   *httptest.Server
	ec       *ecdsa.PrivateKey
	rsa      *rsa.PrivateKey
	tokens   map[string]string // by algorithm
	sessions *backend.Source
	foreign  *jwt.Source
	access   *access.Access
	verifier *oidc.IDTokenVerifier
	store    *memory.Store
	// trusted are the issuers that count, and more what else is to be closed.
	trusted []jwt.Issuer
	more    []*jwt.Source
}

// recorder has events go nowhere: a request that passes makes none.
type recorder struct{}

func (recorder) Record(context.Context, gatehouse.Event) error { return nil }

func newWorld(dir string) (w *world, err error) {
	w = &world{tokens: map[string]string{}}
	if w.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if w.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: w.ec.Public(), KeyID: "ES256", Algorithm: "ES256", Use: "sig"}, {Key: w.rsa.Public(), KeyID: "RS256", Algorithm: "RS256", Use: "sig"},
	}}
	set, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		return nil, err
	}
	w.serveIssuer(set)
	for algorithm, key := range map[string]any{"ES256": w.ec, "RS256": w.rsa} {
		if w.tokens[algorithm], err = w.sign(algorithm, key, "ann"); err != nil {
			return nil, err
		}
	}
	w.verifier = oidc.NewVerifier(w.issuer.URL, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{w.ec.Public(), w.rsa.Public()}},
		&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256", "RS256"}})
	return w, w.build(file)
}

// serveIssuer is discovery and keys, as oauth2-proxy wants them.
func (w *world) serveIssuer(set []byte) {
	mux := http.NewServeMux()
	w.issuer = httptest.NewServer(mux)
	mux.HandleFunc("/keys", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write(set) // who went away needs none
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["ES256","RS256"],"response_types_supported":["code"],"subject_types_supported":["public"]}`,
			w.issuer.URL, w.issuer.URL+"/authorize", w.issuer.URL+"/token", w.issuer.URL+"/keys")
	})
}

func (w *world) sign(algorithm string, key any, subject string) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: jose.JSONWebKey{Key: key, KeyID: algorithm}}, nil)
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": w.issuer.URL, "aud": audience, "sub": subject, "email": subject + "@example.com", "email_verified": true,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "roles": []string{"editor"}, "scope": "orders:read orders:write",
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// build makes what the gate's rungs are made of.
func (w *world) build(keys string) (err error) {
	if w.store, err = memory.New(memory.Options{}); err != nil {
		return err
	}
	if w.sessions, err = backend.New(backend.Options{Store: w.store}); err != nil {
		return err
	}
	w.trusted = []jwt.Issuer{{Issuer: w.issuer.URL, File: keys, Audiences: []string{audience}}}
	if w.foreign, err = jwt.New(jwt.Options{LeaveOthers: true, Issuers: w.trusted}); err != nil {
		return err
	}
	w.access, err = access.New(access.Options{Recorder: recorder{}, DefaultDeny: []string{"/internal/"}, Rules: []access.Rule{
		{Path: "/admin/", Roles: []string{"admin"}}, {Path: "/orders/", SignedIn: true, Methods: []string{"GET"}}, {Path: "/status", Public: true},
	}})
	if err != nil {
		return err
	}
	return w.signIn()
}

const sessionCookie = "k3v9x0q27bz5m1w8r4t6y2c7d5f0hg1j"

// signIn binds a session, as the answer to a sign-in does.
func (w *world) signIn() error {
	r := httptest.NewRequest("POST", "/login", nil)
	answer := signin.Answer{Status: http.StatusSeeOther, Header: http.Header{"Set-Cookie": {"sid=" + sessionCookie + "; Path=/; HttpOnly"}}}
	b, err := w.sessions.Bind(context.Background(), backend.SignIn{Request: r, Answer: answer, Account: "ann"})
	if err == nil && b.Credentials != 1 {
		err = fmt.Errorf("%d credentials of the sign-in are bound, want 1", b.Credentials)
	}
	return err
}

func (w *world) close() {
	_ = w.sessions.Close()
	for _, s := range append(w.more, w.foreign) {
		_ = s.Close()
	}
	_ = w.store.Close()
	w.issuer.Close()
}

// A gate is what one request passes: who it is from, whether they may, and how
// often they asked.
type gate struct {
	source source.Source
	access *access.Access
	limits *ratelimit.Limits
}

// often allows more than a benchmark asks.
var often = limit.Rate{Count: 10_000, Per: time.Second}

func (w *world) gate(l, local limit.Limiter) (*gate, error) {
	limits, err := ratelimit.New(ratelimit.Options{Limiter: l, Local: local, Default: often, Loopback: true})
	return &gate{source.First(w.foreign, w.sessions), w.access, limits}, err
}

var client = netip.MustParseAddr("198.51.100.7")

// pass reports whether the request passes.
func (g *gate) pass(ctx context.Context, r *http.Request) bool {
	path := r.URL.EscapedPath()
	q := ratelimit.Request{Method: r.Method, Path: path, Addr: client}
	d, standing := g.limits.CheckAddress(ctx, q)
	if d.Verdict != gatehouse.Pass {
		return false
	}
	found := g.source.Find(ctx, r)
	if found.Outcome != source.Known {
		return false
	}
	q.Principal = found.Principal
	if d, _ = g.limits.CheckPrincipal(ctx, q, standing); d.Verdict != gatehouse.Pass {
		return false
	}
	return g.access.Check(access.Request{Method: r.Method, Path: path, Principal: found.Principal, Addr: client}, time.Now()).Verdict == gatehouse.Pass
}
