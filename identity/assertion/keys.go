package assertion

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/store"
)

const (
	keyKind = "identity-assertion"
	keyName = "keys"

	defaultRotate = 30 * 24 * time.Hour
	defaultLead   = time.Hour
	// reload is how often the store is asked whether another gate has rotated.
	reload = time.Minute
	// loadTimeout bounds one asking.
	loadTimeout = 2 * time.Second
	// conflicts bounds how often another gate may be faster.
	conflicts = 8
	// maxAge is how long a backend may keep the key set, in seconds: far less
	// than Lead.
	maxAge = 300
)

// A signingKey is one key pair. It prints as nothing.
type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
	// published is when it was made, signs when it begins to sign.
	published, signs time.Time
	header           string // the token's, encoded
	public           jwk
}

// Format keeps a private key out of whatever it is printed into.
func (k *signingKey) Format(f fmt.State, _ rune) { io.WriteString(f, secret.Mark) }

// jwk is a public key of RFC 7517.
type jwk struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Y   string `json:"y"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
}

// storedKey is a key as the store keeps it: PKCS #8.
type storedKey struct {
	Private   []byte    `json:"private"`
	Published time.Time `json:"published"`
	Signs     time.Time `json:"signs"`
}

// A ring is the keys as of one reading of the store, oldest first. Nobody
// changes it.
type ring struct {
	keys    []*signingKey
	version uint64
	at      time.Time
	set     []byte // the public halves, as backends read them
}

// signer is the newest key that has begun to sign. Where a clock was set back
// before all of them it is the oldest.
func (r *ring) signer(now time.Time) *signingKey {
	for _, k := range slices.Backward(r.keys) {
		if !now.Before(k.signs) {
			return k
		}
	}
	return r.keys[0]
}

func newSigningKey(private *ecdsa.PrivateKey, published, signs time.Time) (*signingKey, error) {
	point, err := private.PublicKey.Bytes()
	if err != nil || private.Curve != elliptic.P256() {
		return nil, errors.New("a key of the assertions is none of P-256")
	}
	encode := base64.RawURLEncoding.EncodeToString
	public := jwk{Kty: "EC", Crv: "P-256", X: encode(point[1:33]), Y: encode(point[33:]), Alg: "ES256", Use: "sig"}
	// The key's name is its thumbprint (RFC 7638).
	print := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, public.X, public.Y))
	public.Kid = encode(print[:])
	return &signingKey{
		id: public.Kid, private: private, published: published, signs: signs, public: public,
		header: encode(fmt.Appendf(nil, `{"alg":"ES256","kid":%q,"typ":%q}`, public.Kid, Type)),
	}, nil
}

func drawKey(published, signs time.Time) (*signingKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newSigningKey(private, published, signs)
}

// keys gives the ring, and has it read again where it is old: in passing, or,
// where another gate may have rotated in the meantime, before anything else.
func (a *Assertions) keys(now time.Time) *ring {
	r := a.ring.Load()
	switch {
	case a.fresh(r, now):
	case now.Sub(r.at).Abs() < a.o.Lead/2:
		a.inPassing(now)
	default:
		a.again(now)
		r = a.ring.Load()
	}
	return r
}

// fresh reports whether a ring need not be read again. A clock that was set
// back makes one old, too.
func (a *Assertions) fresh(r *ring, now time.Time) bool {
	return now.Sub(r.at).Abs() < min(reload, a.o.Lead/4)
}

func (a *Assertions) inPassing(now time.Time) {
	if !a.loading.CompareAndSwap(false, true) {
		return
	}
	a.starting.Lock()
	defer a.starting.Unlock()
	if a.ctx.Err() == nil {
		a.all.Go(func() {
			defer a.loading.Store(false)
			a.again(now)
		})
	}
}

// again reads the ring again. Where that fails the keys that are there go on.
func (a *Assertions) again(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.ring.Load()
	if a.fresh(r, now) || a.ctx.Err() != nil {
		return // another was faster
	}
	if err := a.load(a.ctx, now, false); err != nil && a.ctx.Err() == nil {
		a.o.Logger.Warn("the keys of Gate-Identity can't be read or rotated; those that are there go on", "error", err)
		failed := *r
		failed.at = now
		a.ring.Store(&failed)
	}
}

// Rotate makes a new key now, which signs after Lead; `keys rotate` calls it.
// Where one waits already it does nothing.
func (a *Assertions) Rotate(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(ctx, a.o.Now(), true); err != nil {
		return fmt.Errorf("assertion: rotating the keys: %w", err)
	}
	return nil
}

// load reads the keys, makes and removes what is due, and takes the result.
func (a *Assertions) load(ctx context.Context, now time.Time, rotate bool) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	for range conflicts {
		stored, err := a.read(ctx)
		if err != nil {
			return err
		}
		keys, changed, err := a.due(stored.keys, now, rotate)
		if err != nil {
			return err
		}
		r := &ring{keys: keys, version: stored.version, at: now}
		if changed {
			err = a.write(ctx, r)
		}
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			err = r.publish()
		}
		if err != nil {
			return err
		}
		a.ring.Store(r)
		return nil
	}
	return errors.New("other gates change the keys all the time")
}

// due says which keys there should be: the one that signs, those before it for
// as long as anybody may hold what they signed, and the next once it is time.
func (a *Assertions) due(keys []*signingKey, now time.Time, rotate bool) (_ []*signingKey, changed bool, err error) {
	var kept []*signingKey
	for i, k := range keys {
		if i+1 < len(keys) && now.After(a.ends(keys[i+1])) {
			changed = true
			continue
		}
		kept = append(kept, k)
	}
	signs := now
	if len(kept) > 0 {
		newest := kept[len(kept)-1]
		if now.Before(newest.signs) || !rotate && now.Sub(newest.signs) < a.o.Rotate {
			return kept, changed, nil
		}
		signs = now.Add(a.o.Lead)
	}
	next, err := drawKey(now, signs)
	return append(kept, next), true, err
}

// ends is when a key is published no longer whose successor this is.
func (a *Assertions) ends(successor *signingKey) time.Time {
	return successor.signs.Add(a.o.Lead + a.o.Life)
}

func (a *Assertions) read(ctx context.Context) (ring, error) {
	record, err := a.o.Store.Get(ctx, keyKind, keyName)
	if errors.Is(err, store.ErrNotFound) {
		return ring{}, nil
	}
	if err != nil {
		return ring{}, fmt.Errorf("reading the keys: %w", err)
	}
	var stored []storedKey
	damaged := errors.New("the keys of Gate-Identity are damaged in the store: restore it, or remove its record keys of kind " + keyKind)
	if json.Unmarshal(record.Value, &stored) != nil || len(stored) == 0 {
		return ring{}, damaged
	}
	r := ring{version: record.Version}
	for _, s := range stored {
		parsed, err := x509.ParsePKCS8PrivateKey(s.Private)
		private, ok := parsed.(*ecdsa.PrivateKey)
		if err != nil || !ok { // the error could quote the key
			return ring{}, damaged
		}
		k, err := newSigningKey(private, s.Published, s.Signs)
		if err != nil {
			return ring{}, damaged
		}
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// write keeps the ring's keys, unless another gate has changed them since.
func (a *Assertions) write(ctx context.Context, r *ring) error {
	stored := make([]storedKey, len(r.keys))
	for i, k := range r.keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return errors.New("encoding a key")
		}
		stored[i] = storedKey{der, k.published, k.signs}
	}
	value, err := json.Marshal(stored)
	if err != nil {
		return errors.New("encoding the keys")
	}
	if err := store.Swap(ctx, a.o.Store, store.Record{Kind: keyKind, Key: keyName, Version: r.version, Value: value}); err != nil {
		return fmt.Errorf("writing the keys: %w", err)
	}
	return nil
}

func (r *ring) publish() (err error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, k := range r.keys {
		set.Keys = append(set.Keys, k.public)
	}
	r.set, err = json.Marshal(set)
	return err
}

// A Key is what may be told of one.
type Key struct {
	// ID is its `kid`.
	ID string
	// Published is when it was made, Signs when it begins to sign.
	Published, Signs time.Time
	// Ends is when it is published no longer; zero where it has no successor.
	Ends time.Time
}

// Keys are those that are published, oldest first.
func (a *Assertions) Keys() []Key {
	r := a.keys(a.o.Now())
	all := make([]Key, len(r.keys))
	for i, k := range r.keys {
		all[i] = Key{ID: k.id, Published: k.published, Signs: k.signs}
		if i+1 < len(r.keys) {
			all[i].Ends = a.ends(r.keys[i+1])
		}
	}
	return all
}

// ServeHTTP answers with the key set (RFC 7517); it belongs at /_gate/jwks.
func (a *Assertions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", min(maxAge, int(a.o.Lead/time.Second)/2)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(a.keys(a.o.Now()).set) // HEAD's is left out by net/http; a client that is gone needs none
}
