package signin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse"
)

const tokenIssuer = "https://id.example.com"

// An issuer signs tokens, and is known to the gate by a file of its keys.
type issuer struct {
	t   *testing.T
	ec  *ecdsa.PrivateKey
	rsa *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t}
	var err, err2 error
	i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	i.rsa, err2 = rsa.GenerateKey(rand.Reader, 2048)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return i
}

func (i *issuer) keys() string {
	i.t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: i.ec.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"}, {Key: i.rsa.Public(), KeyID: "rs", Algorithm: "RS256", Use: "sig"},
	}})
	if err != nil {
		i.t.Fatal(err)
	}
	file := filepath.Join(i.t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		i.t.Fatal(err)
	}
	return file
}

// claims are those of a good token, with some replaced; nil takes one away.
func claims(changed map[string]any) string {
	now := time.Now()
	all := map[string]any{"iss": tokenIssuer, "aud": "shop", "sub": "ann", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "roles": []string{"editor"}}
	for name, v := range changed {
		if all[name] = v; v == nil {
			delete(all, name)
		}
	}
	text, _ := json.Marshal(all) // of texts and numbers it never fails
	return string(text)
}

// sign makes a token in compact form, whatever its header says.
func sign(t *testing.T, key any, header, payload string) string {
	t.Helper()
	parts := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(parts))
	var signature []byte
	var err error
	switch key := key.(type) {
	case nil:
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, key, digest[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), failed
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(parts))
		signature = mac.Sum(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return parts + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestForeignJWT_ForgedOnesAreRefused_TheGoodOneArrives has each forgery go
// through the whole gate, and the good token after it.
func TestForeignJWT_ForgedOnesAreRefused_TheGoodOneArrives(t *testing.T) {
	const es, rs = `{"alg":"ES256","kid":"ec"}`, `{"alg":"RS256","kid":"rs"}`
	own, other := newIssuer(t), newIssuer(t)
	var arrived atomic.Int64
	var user atomic.Pointer[string]
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Header.Get("Gate-User")
		user.Store(&name)
		arrived.Add(1)
	}))
	t.Cleanup(backend.Close)
	var asked atomic.Int64
	attacker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	t.Cleanup(attacker.Close)
	s := startSite(t, backend.URL, fmt.Sprintf("identity: {jwt: [{issuer: %q, file: %q, audience: [shop]}]}\n"+
		"application: {access: [{path: /editors/, roles: [editor]}]}\n", tokenIssuer, own.keys()))
	c := &http.Client{Transport: s.transport(), Timeout: patience}
	ask := func(token string) answered {
		t.Helper()
		r, err := http.NewRequest("GET", s.origin+"/editors/news", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return readAll(t, c, r)
	}
	der, err := x509.MarshalPKIXPublicKey(own.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: other.ec.Public(), KeyID: "ec"})
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, own.ec, es, claims(nil))
	parts := strings.Split(good, ".")
	for _, forged := range []struct{ name, token string }{
		{"alg none", sign(t, nil, `{"alg":"none","kid":"ec"}`, claims(nil))},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"HS256 by the public key", sign(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), `{"alg":"HS256","kid":"rs"}`, claims(nil))},
		{"another's key under a known name", sign(t, other.ec, es, claims(nil))},
		{"a kid of a file", sign(t, []byte{}, `{"alg":"HS256","kid":"../../dev/null"}`, claims(nil))},
		{"jku to keys of its own", sign(t, other.ec, `{"alg":"ES256","kid":"ec","jku":"`+attacker.URL+`"}`, claims(nil))},
		{"a key brought along", sign(t, other.ec, `{"alg":"ES256","kid":"ec","jwk":`+string(jwk)+`}`, claims(nil))},
		{"an RSA key for ES256", sign(t, own.rsa, `{"alg":"ES256","kid":"rs"}`, claims(nil))},
		{"claims that were changed", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(claims(map[string]any{"sub": "root"}))) + "." + parts[2]},
		{"expired", sign(t, own.ec, es, claims(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}))},
		{"without an end", sign(t, own.ec, es, claims(map[string]any{"exp": nil}))},
		{"for another site", sign(t, own.rsa, rs, claims(map[string]any{"aud": "office"}))},
		{"of another issuer", sign(t, own.ec, es, claims(map[string]any{"iss": "https://evil.example.com"}))},
		{"an issuer's hour ahead", sign(t, own.ec, es, claims(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}))},
		{"two subjects", sign(t, own.ec, es, strings.Replace(claims(nil), "{", `{"sub":"root",`, 1))},
		{"extensions that nobody knows", sign(t, own.ec, `{"alg":"ES256","kid":"ec","crit":["x"],"x":1}`, claims(nil))},
		{"nested deep", sign(t, own.ec, es, strings.Replace(claims(nil), "{", `{"a":`+strings.Repeat("[", 900)+strings.Repeat("]", 900)+",", 1))},
	} {
		before := arrived.Load()
		a := ask(forged.token)
		told := s.told(a.request(), "")
		if a.StatusCode != http.StatusUnauthorized || arrived.Load() != before {
			t.Errorf("%s: %s, and %d arrived", forged.name, a.Status, arrived.Load()-before)
		}
		if len(told) != 1 || told[0].Outcome != gatehouse.Refused {
			t.Errorf("%s is told as %v", forged.name, told)
		}
		if a := ask(good); a.StatusCode != http.StatusOK || *user.Load() != "ann" {
			t.Errorf("after %s the good token: %s, as %q", forged.name, a.Status, *user.Load())
		}
	}
	if a := ask(sign(t, own.rsa, rs, claims(map[string]any{"sub": "bob"}))); a.StatusCode != http.StatusOK || *user.Load() != "bob" {
		t.Errorf("a good token by RS256: %s, as %q", a.Status, *user.Load())
	}
	if a := ask(sign(t, own.ec, es, claims(map[string]any{"roles": []string{"reader"}}))); a.StatusCode != http.StatusForbidden {
		t.Errorf("a good token without the role: %s", a.Status)
	}
	if asked.Load() > 0 {
		t.Errorf("the attacker's keys were asked for %d times", asked.Load())
	}
}
