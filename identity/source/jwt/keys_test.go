package jwt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// lasting are claims that hold through every turn of the clock here.
func lasting(more ...string) string {
	return claims(append([]string{`{"exp":` + at(1000*time.Hour) + `}`}, more...)...)
}

func TestKeys_RotatedWithoutNotice_NewOneCountsAtOnceOldOneNoMore(t *testing.T) {
	old, next := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	p, now := newIDP(t, public("old", old)), &clock{at: noon}
	s := open(t, p, now.now, nil)
	byOld := sign(t, old, `{"alg":"ES256","kid":"old"}`, lasting())
	byNext := sign(t, next, `{"alg":"ES256","kid":"next"}`, lasting())
	wantKnown(t, s.Find(t.Context(), with(byOld)), "ann")
	wantInvalid(t, s.Find(t.Context(), with(byNext)), jwt.RuleKey)
	p.publish(public("next", next))
	now.turn(10 * time.Second)
	wantKnown(t, s.Find(t.Context(), with(byNext)), "ann")
	// What the key signed that was taken back had been verified before.
	wantInvalid(t, s.Find(t.Context(), with(byOld)), jwt.RuleKey)
}

func TestKeys_SameNameAnotherKey_OldSignaturesCountNoMore(t *testing.T) {
	old, next := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	p, now := newIDP(t, public("ec", old)), &clock{at: noon}
	s := open(t, p, now.now, nil)
	byOld, byNext := sign(t, old, header, lasting()), sign(t, next, header, lasting())
	wantKnown(t, s.Find(t.Context(), with(byOld)), "ann")
	p.publish(public("ec", next))
	now.turn(time.Hour)
	s.Find(t.Context(), with(byOld)) // begins to fetch
	waitFor(t, "the new key", func() bool { return s.Find(t.Context(), with(byNext)).Outcome == source.Known })
	wantInvalid(t, s.Find(t.Context(), with(byOld)), jwt.RuleSignature)
}

func TestKeys_NamesMadeUp_CostTheIssuerOneFetchAnInterval(t *testing.T) {
	ec, own := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	p, now := newIDP(t, public("ec", ec)), &clock{at: noon}
	s := open(t, p, now.now, nil)
	good := sign(t, ec, header, lasting())
	for minute := range 3 {
		for n := range 200 {
			token := sign(t, own, fmt.Sprintf(`{"alg":"ES256","kid":"%d-%d"}`, minute, n), lasting())
			wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKey)
			wantKnown(t, s.Find(t.Context(), with(good)), "ann")
		}
		now.turn(10 * time.Second)
	}
	if n := p.asked.Load(); n != 3 {
		t.Errorf("600 names made up in three intervals cost %d fetches, want 3", n)
	}
}

func TestKeys_ManyAtOnce_OneFetch(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	p := newIDP(t, public("ec", ec))
	s := open(t, p, atNoon, nil)
	var all sync.WaitGroup
	for n := range 50 {
		token := sign(t, ec, header, lasting(fmt.Sprintf(`{"jti":"%d"}`, n)))
		all.Go(func() { wantKnown(t, s.Find(t.Context(), with(token)), "ann") })
	}
	all.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("50 requests at once cost %d fetches, want 1", n)
	}
}

// broken are answers that hold no keys.
var broken = map[string]http.HandlerFunc{
	"HTML": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Maintenance</title>")
	},
	"error":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) },
	"empty":       func(http.ResponseWriter, *http.Request) {},
	"empty set":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) },
	"another set": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":"none"}`) },
	"too long": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[`)
		fmt.Fprint(w, strings.Repeat(" ", 1<<20), "]}")
	},
	"too many": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[{}`+strings.Repeat(",{}", 64)+`]}`)
	},
	"cut": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"keys":[`)
	},
}

func TestKeys_IssuerBroken_NothingCountsUntilItIsMended(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	token := sign(t, ec, header, lasting())
	for name, answer := range broken {
		t.Run(name, func(t *testing.T) {
			p, now := newIDP(t, public("ec", ec)), &clock{at: noon}
			s := open(t, p, now.now, nil)
			p.answerWith(answer)
			wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKeys)
			p.publish(public("ec", ec))
			wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKeys) // within the interval
			now.turn(10 * time.Second)
			wantKnown(t, s.Find(t.Context(), with(token)), "ann")
		})
	}
}

func TestKeys_IssuerBreaksLater_KeysGoOnForADay(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	for name, answer := range broken {
		t.Run(name, func(t *testing.T) {
			p, now, said := newIDP(t, public("ec", ec)), &clock{at: noon}, new(testkit.Output)
			s := open(t, p, now.now, func(o *jwt.Options) { o.Logger = slog.New(slog.NewTextHandler(said, nil)) })
			cached, fresh := sign(t, ec, header, lasting()), sign(t, ec, header, lasting(`{"sub":"bob"}`))
			wantKnown(t, s.Find(t.Context(), with(cached)), "ann")
			p.answerWith(answer)
			now.turn(time.Hour)
			wantKnown(t, s.Find(t.Context(), with(cached)), "ann")
			waitFor(t, "a second fetch that is told", func() bool { return p.asked.Load() == 2 && strings.Count(said.String(), "level=WARN") == 1 })
			now.turn(22*time.Hour + 59*time.Minute)
			wantKnown(t, s.Find(t.Context(), with(cached)), "ann")
			wantKnown(t, s.Find(t.Context(), with(fresh)), "bob")
			waitFor(t, "a third fetch", func() bool { return p.asked.Load() == 3 })
			now.turn(time.Minute)
			wantInvalid(t, s.Find(t.Context(), with(cached)), jwt.RuleKeys)
			wantInvalid(t, s.Find(t.Context(), with(fresh)), jwt.RuleKeys)
			p.publish(public("ec", ec))
			now.turn(10 * time.Second)
			wantKnown(t, s.Find(t.Context(), with(cached)), "ann")
			waitFor(t, "what is told", func() bool {
				return strings.Count(said.String(), "level=WARN") == 1 && strings.Count(said.String(), "level=INFO") == 1
			})
		})
	}
}

func TestKeys_IssuerRedirects_NotFollowed(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	elsewhere := newIDP(t, public("ec", ec))
	p := newIDP(t)
	p.answerWith(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) })
	s := open(t, p, atNoon, nil)
	wantInvalid(t, s.Find(t.Context(), with(sign(t, ec, header, claims()))), jwt.RuleKeys)
	if elsewhere.asked.Load() != 0 {
		t.Error("a redirect of the key set's address was followed")
	}
}

// transport is an issuer in a bubble of synctest.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestKeys_IssuerNeverAnswers_RequestsWaitFiveSecondsAtMost(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	token := sign(t, ec, header, claims())
	synctest.Test(t, func(t *testing.T) {
		s, err := jwt.New(jwt.Options{
			Issuers: []jwt.Issuer{{Issuer: "https://id.example.com", JWKS: "https://id.example.com/keys", Audiences: []string{site}}},
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKeys)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("the first request waited %v, want 5s", took)
		}
		begun = time.Now()
		wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKeys)
		if took := time.Since(begun); took != 0 {
			t.Errorf("the next request waited %v, want no time", took)
		}
		time.Sleep(10 * time.Second)

		// A client that hangs up waits no longer, and of a crowd most don't wait at all.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		wantInvalid(t, s.Find(ctx, with(token)), jwt.RuleKeys)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("a request that ends after a second waited %v", took)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		waited := 0
		for range 1000 {
			all.Go(func() {
				begun := time.Now()
				wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKeys)
				mu.Lock()
				defer mu.Unlock()
				if time.Since(begun) > 0 {
					waited++
				}
			})
		}
		all.Wait()
		if waited > 256 {
			t.Errorf("%d of 1000 requests waited, want 256 at most", waited)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestKeys_Close_EndsTheFetchThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := jwt.New(jwt.Options{
			Issuers: []jwt.Issuer{{Issuer: "https://id.example.com", JWKS: "https://id.example.com/keys", Audiences: []string{site}}},
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}),
			Now: atNoon,
		})
		if err != nil {
			t.Fatal(err)
		}
		ec := ecKey(t, elliptic.P256())
		done := make(chan source.Found, 1)
		go func() { done <- s.Find(t.Context(), with(sign(t, ec, header, claims()))) }()
		synctest.Wait()
		begun := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, <-done, jwt.RuleKeys)
		if took := time.Since(begun); took != 0 {
			t.Errorf("closing took %v", took)
		}
	})
}

func TestKeys_File_ReadAgainWithinAMinute(t *testing.T) {
	old, next := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	file, now := filepath.Join(t.TempDir(), "keys.json"), &clock{at: noon}
	write := func(keys ...jose.JSONWebKey) {
		text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, newIDP(t), now.now, func(o *jwt.Options) { o.Issuers[0].JWKS, o.Issuers[0].File = "", file })
	byOld, byNext := sign(t, old, `{"alg":"ES256","kid":"old"}`, lasting()), sign(t, next, `{"alg":"ES256","kid":"next"}`, lasting())
	wantInvalid(t, s.Find(t.Context(), with(byOld)), jwt.RuleKeys)
	write(public("old", old))
	now.turn(10 * time.Second)
	wantKnown(t, s.Find(t.Context(), with(byOld)), "ann")
	write(public("next", next))
	now.turn(10 * time.Second)
	wantKnown(t, s.Find(t.Context(), with(byNext)), "ann")
	wantInvalid(t, s.Find(t.Context(), with(byOld)), jwt.RuleKey)

	folder := open(t, newIDP(t), now.now, func(o *jwt.Options) { o.Issuers[0].JWKS, o.Issuers[0].File = "", filepath.Dir(file) })
	wantInvalid(t, folder.Find(t.Context(), with(byOld)), jwt.RuleKeys)
}

// Of a set, keys that are not usable are left out, and don't spoil the others.
func TestKeys_SetOfManyKinds_UsableOnesCount(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	weak, own := rsaKey(t, 1024), rsaKey(t, 2048)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := func(key any) string {
		text, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	change := func(key any, members string) string {
		all := map[string]any{}
		for _, text := range []string{jwk(key), members} {
			if err := json.Unmarshal([]byte(text), &all); err != nil {
				t.Fatal(err)
			}
		}
		return jwk(all)
	}
	curve := elliptic.P256().Params()
	set := []string{
		change(public("good", ec), `{"x5c":["not a certificate"],"x5t":"?"}`),
		change(public("enc", ec), `{"use":"enc"}`),
		change(public("ops", ec), `{"key_ops":["encrypt"]}`),
		change(public("alg", ec), `{"alg":"ES384"}`),
		change(public("off-curve", &ecdsa.PrivateKey{PublicKey: ec.PublicKey}), `{"y":"`+b64(string(curve.Gy.FillBytes(make([]byte, 32))))+`"}`),
		jwk(jose.JSONWebKey{KeyID: "private", Key: ec}),
		jwk(jose.JSONWebKey{KeyID: "shared", Key: []byte("a shared secret of 32 bytes length")}),
		jwk(public("weak", weak)),
		change(public("exponent", own), `{"e":"`+b64(string(big.NewInt(1).Bytes()))+`"}`),
		change(public("short", ed), `{"x":"AAAA"}`),
		`{"kty":"OKP","crv":"X25519","kid":"x","x":"AAAA"}`, `{"kty":"EC","crv":"secp256k1","kid":"k","x":"AAAA","y":"AAAA"}`, `{"kty":"new"}`, `{}`, `7`,
	}
	p := newIDP(t)
	p.answerWith(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[`+strings.Join(set, ",")+`]}`) })
	s := open(t, p, atNoon, nil)
	wantKnown(t, s.Find(t.Context(), with(sign(t, ec, `{"alg":"ES256","kid":"good"}`, claims()))), "ann")
	for kid, token := range map[string]string{
		"enc": sign(t, ec, `{"alg":"ES256","kid":"enc"}`, claims()), "ops": sign(t, ec, `{"alg":"ES256","kid":"ops"}`, claims()),
		"alg": sign(t, ec, `{"alg":"ES256","kid":"alg"}`, claims()), "private": sign(t, ec, `{"alg":"ES256","kid":"private"}`, claims()),
		"off-curve": sign(t, ec, `{"alg":"ES256","kid":"off-curve"}`, claims()), "weak": sign(t, weak, `{"alg":"RS256","kid":"weak"}`, claims()),
		"exponent": sign(t, own, `{"alg":"RS256","kid":"exponent"}`, claims()), "short": sign(t, ed, `{"alg":"EdDSA","kid":"short"}`, claims()),
	} {
		t.Run(kid, func(t *testing.T) { wantInvalid(t, s.Find(t.Context(), with(token)), jwt.RuleKey) })
	}
	wantInvalid(t, s.Find(t.Context(), with(sign(t, []byte("a shared secret of 32 bytes length"), `{"alg":"HS256","kid":"shared"}`, claims()))), jwt.RuleAlgorithm)
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within 5 s", what)
		}
	}
}
