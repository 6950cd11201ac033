// Package assertion tells the backend who a request is from: a short JWT that
// the gate signs (Gate-Identity), and the principal's name alone (Gate-User).
// Backends verify it with the keys at /_gate/jwks; examples/identity does so in
// Node, Python and Go.
//
// It stops whoever reaches the backend without the gate, or can make it read a
// header that the gate did not set, from naming himself: of Gate-Identity, not
// of Gate-User, which a backend may believe only where nothing but the gate
// reaches it. Headers of both names that a client sent are always removed.
//
// It trusts the store with the private keys: they are not encrypted there. It
// binds no assertion to a request: whoever reads one can use it for a minute.
// A `sub` is unique together with `idp`, who vouches for it.
package assertion

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/bounded"
	"github.com/gatehousehq/gatehouse/store"
)

// The headers that are set.
const (
	// Header has the signed assertion.
	Header = "Gate-Identity"
	// UserHeader has the principal's ID, where that is printable ASCII: what
	// else it could be is read differently by different backends.
	UserHeader = "Gate-User"
)

// Type is the assertion's `typ`: it keeps one from being taken for a token of
// another kind that the same key or site issues (RFC 8725, 3.11).
const Type = "gate-identity+jwt"

// Names are the headers that only the gate may set: those of a client are to be
// removed, whether there is a principal or not.
func Names() []string { return []string{Header, UserHeader} }

const (
	defaultLife      = time.Minute
	defaultMaxCached = 10_000
	maxSubject       = 255
	// maxAssertion leaves room in the 8 KiB of headers that many servers take.
	maxAssertion = 6 << 10
)

// Options configure Assertions.
type Options struct {
	// Store keeps the keys. It is needed.
	Store store.Store
	// Issuer is `iss`: the site's origin. Audience is `aud`: the backend. Both
	// are needed.
	Issuer, Audience string
	// Life is how long an assertion counts. Zero is a minute; half of it is how
	// long one is used again for the same session.
	Life time.Duration
	// Rotate is how long a key signs (zero: 30 days); Lead is how long its
	// successor is published before it signs, and how long it stays published
	// after (zero: an hour). A backend may keep the key set for Lead less a
	// minute without ever seeing a key that it doesn't know.
	Rotate, Lead time.Duration
	// MaxCached bounds the sessions whose assertion is kept. Zero is 10,000.
	MaxCached int
	// Logger is told when the keys can't be read or rotated. Nil is silent.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Store == nil:
		return o, errors.New("assertion: Options.Store is missing: backends must know the keys after a restart")
	case o.Issuer == "" || o.Audience == "":
		return o, errors.New("assertion: Options.Issuer and Audience are needed")
	case o.Life < 0 || o.Rotate < 0 || o.Lead < 0 || o.MaxCached < 0:
		return o, errors.New("assertion: Options: nothing can be negative")
	}
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	set(&o.Life, defaultLife)
	set(&o.Rotate, defaultRotate)
	set(&o.Lead, defaultLead)
	if o.Life < 2*time.Second || o.Life > time.Hour {
		return o, fmt.Errorf("assertion: Options.Life is %v: want 2 seconds to an hour", o.Life)
	}
	if o.Rotate < 2*o.Lead {
		return o, fmt.Errorf("assertion: Options.Rotate is %v: want at least twice Lead, %v", o.Rotate, o.Lead)
	}
	if o.MaxCached == 0 {
		o.MaxCached = defaultMaxCached
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Assertions signs them. Make it with [New], and close it.
type Assertions struct {
	o      Options
	issued *bounded.Cache[*issued]
	ring   atomic.Pointer[ring]

	mu sync.Mutex // held while the ring is loaded

	stop     context.CancelFunc
	ctx      context.Context
	all      sync.WaitGroup
	starting sync.Mutex // so that nothing starts after Close
	loading  atomic.Bool
}

// issued is an assertion, and what it says.
type issued struct {
	principal gatehouse.Principal
	// header has it as http.Header wants it, so that a hit allocates nothing.
	header []string
	user   []string
}

// New reads the keys from the store, and makes the first where there is none.
func New(o Options) (*Assertions, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	a := &Assertions{o: o}
	if a.issued, err = bounded.New[*issued](bounded.Options{Max: o.MaxCached}); err != nil {
		return nil, fmt.Errorf("assertion: %w", err)
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	if err := a.load(a.ctx, o.Now(), false); err != nil {
		a.stop()
		return nil, fmt.Errorf("assertion: %w", err)
	}
	return a, nil
}

// Close ends what runs.
func (a *Assertions) Close() error {
	a.starting.Lock()
	a.stop()
	a.starting.Unlock()
	a.all.Wait()
	return nil
}

// Set removes from a request's header what only the gate may say of identity,
// and, where the principal is somebody, says who it is. credential names the
// session (source.Found.Credential): the assertion is signed once for it and
// half an assertion's life. With an error the request must not go on; nothing
// is set then.
func (a *Assertions) Set(h http.Header, p gatehouse.Principal, credential [32]byte) error {
	remove(h)
	if !p.Known() {
		return nil
	}
	one, err := a.of(p, credential)
	if err != nil {
		return err
	}
	h[Header] = one.header
	if one.user != nil {
		h[UserHeader] = one.user
	}
	return nil
}

// Sign gives the assertion alone. Nobody has none, which is an error.
func (a *Assertions) Sign(p gatehouse.Principal, credential [32]byte) (string, error) {
	one, err := a.of(p, credential)
	if err != nil {
		return "", err
	}
	return one.header[0], nil
}

func (a *Assertions) of(p gatehouse.Principal, credential [32]byte) (*issued, error) {
	now := a.o.Now()
	keys := a.keys(now)
	// Without a credential there is no session that it would be kept for.
	kept := credential != [32]byte{}
	if kept {
		if one, ok := a.issued.Get(credential, now); ok && same(&one.principal, &p) {
			return one, nil
		}
	}
	text, err := a.sign(p, keys.signer(now), now)
	if err != nil {
		return nil, fmt.Errorf("assertion: telling the backend who the request is from: %w", err)
	}
	one := &issued{principal: p, header: slices.Clip([]string{text})}
	if printable(p.ID) {
		one.user = slices.Clip([]string{p.ID})
	}
	if kept {
		a.issued.Put(credential, one, now.Add(a.o.Life/2), now)
	}
	return one, nil
}

// same reports whether an assertion about one says all of the other. A session
// can change what it is within its half minute: by a second factor, by a role
// taken away.
func same(a, b *gatehouse.Principal) bool {
	return a.ID == b.ID && a.Issuer == b.Issuer && a.Tenant == b.Tenant && a.SecondFactor == b.SecondFactor &&
		a.SignedIn.Equal(b.SignedIn) && slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Scopes, b.Scopes)
}

// claims are what an assertion says (RFC 7519; scope of RFC 9068, auth_time of
// OpenID Connect, amr of RFC 8176).
type claims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub"`
	Provider string   `json:"idp"`
	Tenant   string   `json:"tenant,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	SignedIn int64    `json:"auth_time,omitempty"`
	Methods  []string `json:"amr,omitempty"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

func (a *Assertions) sign(p gatehouse.Principal, by *signingKey, now time.Time) (string, error) {
	for _, text := range slices.Concat([]string{p.ID, p.Issuer, p.Tenant}, p.Roles, p.Scopes) {
		if !utf8.ValidString(text) { // JSON would make two such names one
			return "", errors.New("a name, role or scope of the principal is not UTF-8")
		}
	}
	if !p.Known() || len(p.ID) > maxSubject {
		return "", fmt.Errorf("the principal's ID has %d bytes: want 1 to %d", len(p.ID), maxSubject)
	}
	// A scope with a space in it would be read as two.
	scopes := slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n") })
	c := claims{
		Issuer: a.o.Issuer, Audience: a.o.Audience, Subject: p.ID, Provider: p.Issuer, Tenant: p.Tenant, Roles: p.Roles,
		Scope: strings.Join(scopes, " "), Issued: now.Unix(), Expires: now.Add(a.o.Life).Unix(),
	}
	if !p.SignedIn.IsZero() {
		c.SignedIn = p.SignedIn.Unix()
	}
	if p.SecondFactor {
		c.Methods = []string{"mfa"}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed := by.header + "." + base64.RawURLEncoding.EncodeToString(text)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, by.private, digest[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	signed += "." + base64.RawURLEncoding.EncodeToString(signature[:])
	if len(signed) > maxAssertion {
		return "", fmt.Errorf("it would have %d bytes, %d at most fit beside other headers: the principal has too many roles or scopes", len(signed), maxAssertion)
	}
	return signed, nil
}

// remove takes the gate's names out of a client's header, in every spelling
// that a CGI or WSGI server reads as one of them.
func remove(h http.Header) {
	for name := range h {
		if spells(name, Header) || spells(name, UserHeader) {
			delete(h, name)
		}
	}
}

func spells(name, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range len(name) {
		c, w := name[i], want[i]
		if c != w && (c|0x20 != w|0x20 || w == '-') && (w != '-' || letterOrDigit(c)) {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && s[0] != ' ' && s[len(s)-1] != ' '
}
