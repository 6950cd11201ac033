package assertion_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse/identity/assertion"
	"github.com/gatehousehq/gatehouse/store"
)

const (
	kind = "identity-assertion"
	name = "keys"
)

func mustSign(t *testing.T, a *assertion.Assertions) string {
	t.Helper()
	text, err := a.Sign(ann, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// kid is the name of the key that signed an assertion.
func kid(t *testing.T, text string) string {
	t.Helper()
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Header.KeyID
}

func TestKeys_Restart_KeysStay(t *testing.T) {
	s := newStore(t)
	before := open(t, s, atNoon, nil)
	text := mustSign(t, before)
	after := open(t, s, atNoon, nil)
	if _, ok := verify(published(t, after), text); !ok || len(after.Keys()) != 1 {
		t.Errorf("after a restart the key is unknown; there are %d", len(after.Keys()))
	}
}

func TestKeys_SixteenGatesStartAtOnce_OneKey(t *testing.T) {
	s := newStore(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for range 16 {
		all.Go(func() {
			a, err := assertion.New(assertion.Options{Store: s, Issuer: "i", Audience: "a"})
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Close()
			mu.Lock()
			defer mu.Unlock()
			for _, k := range a.Keys() {
				ids[k.ID]++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Errorf("sixteen gates made %d keys: %v", len(ids), ids)
	}
}

// A backend keeps the key set for as long as Lead allows, from either of two
// gates, through three rotations: it never meets a key that it doesn't know.
func TestKeys_Rotated_NoBackendSeesAnUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		gates := []*assertion.Assertions{open(t, s, time.Now, nil), open(t, s, time.Now, nil)}
		type backend struct {
			set jose.JSONWebKeySet
			at  time.Time
		}
		backends := make([]backend, 6)
		ids := map[string]bool{}
		const keeps = time.Hour - time.Minute
		begun := time.Now()
		for n := 0; time.Since(begun) < 100*24*time.Hour; n++ {
			gate := gates[n%2]
			if n%97 == 0 { // one that was not asked for a day
				time.Sleep(26 * time.Hour)
			}
			text := mustSign(t, gate)
			synctest.Wait()
			for i := range backends {
				b := &backends[i]
				if time.Since(b.at) >= keeps {
					*b = backend{published(t, gates[(n+i)%2]), time.Now()}
				}
				ok := len(b.set.Key(kid(t, text))) == 1
				if n%20 == 0 { // what costs most
					_, ok = verify(b.set, text)
				}
				if !ok {
					t.Fatalf("after %v backend %d, whose keys are %v old, does not know the key of %v", time.Since(begun), i, time.Since(b.at), gate.Keys())
				}
			}
			for _, k := range gate.Keys() {
				ids[k.ID] = true
			}
			if len(gate.Keys()) > 2 {
				t.Fatalf("%d keys are published", len(gate.Keys()))
			}
			time.Sleep(time.Duration(3+5*(n%14)) * time.Minute)
		}
		if len(ids) != 4 {
			t.Errorf("in 100 days there were %d keys, want 4", len(ids))
		}
		for _, g := range gates {
			g.Close()
		}
	})
}

func TestRotate_ByHand_NewKeySignsAfterLeadOldOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, newStore(t), time.Now, nil)
		defer a.Close()
		old := mustSign(t, a)
		for range 3 { // a second and third time change nothing
			if err := a.Rotate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		keys := a.Keys()
		if len(keys) != 2 || !keys[1].Signs.Equal(time.Now().Add(time.Hour)) || !keys[0].Ends.Equal(time.Now().Add(2*time.Hour+time.Minute)) || !keys[1].Ends.IsZero() {
			t.Fatalf("the keys are %+v", keys)
		}
		time.Sleep(time.Hour - 1)
		if got := kid(t, mustSign(t, a)); got != keys[0].ID || got != kid(t, old) {
			t.Errorf("before its time %q signs", got)
		}
		time.Sleep(time.Nanosecond)
		if got := kid(t, mustSign(t, a)); got != keys[1].ID {
			t.Errorf("after its time %q signs, want %q", got, keys[1].ID)
		}
		time.Sleep(time.Hour + time.Minute)
		if len(a.Keys()) != 2 {
			t.Error("the old key ended early")
		}
		time.Sleep(2 * time.Minute)
		a.Keys()
		synctest.Wait()
		if got := a.Keys(); len(got) != 1 || got[0].ID != keys[1].ID {
			t.Errorf("at the end the keys are %+v", got)
		}
	})
}

// faulty is a store that fails when it is told to.
type faulty struct {
	store.Store
	failing atomic.Bool
	hanging atomic.Bool
	gets    atomic.Int64
}

var errDown = errors.New("the disk is gone")

func (f *faulty) Get(ctx context.Context, kind, key string) (store.Record, error) {
	f.gets.Add(1)
	if f.hanging.Load() {
		<-ctx.Done()
		return store.Record{}, ctx.Err()
	}
	if f.failing.Load() {
		return store.Record{}, errDown
	}
	return f.Store.Get(ctx, kind, key)
}

func (f *faulty) Batch(ctx context.Context, ops ...store.Op) error {
	if f.failing.Load() {
		return errDown
	}
	return f.Store.Batch(ctx, ops...)
}

func (f *faulty) Scan(ctx context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return f.Store.Scan(ctx, q)
}

func TestKeys_StoreDown_KeysGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{Store: newStore(t)}
		f.failing.Store(true)
		if _, err := assertion.New(assertion.Options{Store: f, Issuer: "i", Audience: "a"}); !errors.Is(err, errDown) {
			t.Errorf("starting without the store: %v", err)
		}
		f.failing.Store(false)
		var said bytes.Buffer
		a := open(t, f, time.Now, func(o *assertion.Options) { o.Logger = slog.New(slog.NewTextHandler(&said, nil)) })
		defer a.Close()
		set := published(t, a)

		f.failing.Store(true)
		asked := f.gets.Load()
		time.Sleep(40 * 24 * time.Hour)
		for range 100 {
			if _, ok := verify(set, mustSign(t, a)); !ok {
				t.Fatal("with the store down it is signed by another key")
			}
			synctest.Wait()
		}
		if n := f.gets.Load() - asked; n != 1 {
			t.Errorf("within one moment the store was asked %d times, want 1", n)
		}
		if n := strings.Count(said.String(), "level=WARN"); n != 1 {
			t.Errorf("it was told %d times, want 1: %s", n, &said)
		}
		if err := a.Rotate(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("rotating without the store: %v", err)
		}

		f.failing.Store(false)
		f.hanging.Store(true)
		time.Sleep(2 * time.Hour)
		begun := time.Now()
		for range 100 {
			mustSign(t, a)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("with a store that hangs, 100 requests took %v", took)
		}
		f.hanging.Store(false)
		time.Sleep(time.Minute)
		mustSign(t, a)
		synctest.Wait()
		if len(a.Keys()) != 2 {
			t.Error("with the store back, the key that is due was not made")
		}
	})
}

func TestNew_DamagedKeys_SaysWhatToDo(t *testing.T) {
	for damage, value := range map[string]string{
		"no JSON": "keys", "empty": "[]", "no key": `[{"private":"AAAA"}]`, "null": "null",
		"another kind of key": `[{"private":"` + base64.StdEncoding.EncodeToString(edKey) + `"}]`,
	} {
		s := newStore(t)
		if err := store.Put(t.Context(), s, store.Record{Kind: kind, Key: name, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
		_, err := assertion.New(assertion.Options{Store: s, Issuer: "i", Audience: "a"})
		if err == nil || !strings.Contains(err.Error(), "restore it") || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", damage, err)
		}
	}
}

// edKey is the beginning of a PKCS #8 Ed25519 key and 32 zeros.
var edKey = append([]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}, make([]byte, 32)...)

func TestServeHTTP_KeySet_PublicHalvesAlone(t *testing.T) {
	a := open(t, newStore(t), atNoon, nil)
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405, "OPTIONS": 405} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(method, "/_gate/jwks", nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
		if want == 200 && (w.Header().Get("Content-Type") != "application/jwk-set+json" || w.Header().Get("Cache-Control") != "public, max-age=300") {
			t.Errorf("%s: the headers are %v", method, w.Header())
		}
		if strings.Contains(w.Body.String(), `"d"`) {
			t.Errorf("%s: the key set has a private key", method)
		}
	}
	if set := published(t, a); len(set.Keys) != 1 || !set.Keys[0].IsPublic() {
		t.Errorf("the key set is %v", set)
	}
}

// However the assertions are printed, no private key comes out.
func TestAssertions_Printed_ShowNoPrivateKey(t *testing.T) {
	s := newStore(t)
	a := open(t, s, atNoon, nil)
	r, err := s.Get(t.Context(), kind, name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(r.Value), `"private":"`)
	encoded, _, _ := strings.Cut(rest, `"`)
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(der) < 68 {
		t.Fatalf("the store has no key: %v", err)
	}
	secret := der[36:68] // of RFC 5915's ECPrivateKey within PKCS #8
	text := fmt.Sprintf("%v %+v %#v %+v %+v %#v", a.Keys(), a.Keys(), a.Keys(), published(t, a), a, a)
	for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), base64.RawURLEncoding.EncodeToString(secret), encoded} {
		if strings.Contains(text, form) {
			t.Error("a private key was printed")
		}
	}
}
