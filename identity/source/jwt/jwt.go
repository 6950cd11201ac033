package jwt

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/bounded"
	"github.com/gatehousehq/gatehouse/identity/source"
)

// A Source finds whose token a request carries. Make it with [New], and close
// it: it may be fetching keys.
type Source struct {
	issuers     map[string]*issuer
	cookies     []string
	headers     []string // canonical
	leaveOthers bool
	maxToken    int
	now         func() time.Time
	known       *bounded.Cache[*verified]
	names       sync.Pool // of *namer

	stop context.CancelFunc
	all  sync.WaitGroup
}

var _ source.Source = (*Source)(nil)

// New checks the options. It fetches nothing yet: an issuer that is down keeps
// no gate from starting.
func New(o Options) (*Source, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Source{issuers: map[string]*issuer{}, cookies: o.Cookies, leaveOthers: o.LeaveOthers, maxToken: o.MaxToken, now: o.Now}
	for _, name := range o.Headers {
		s.headers = append(s.headers, http.CanonicalHeaderKey(name))
	}
	if s.known, err = bounded.New[*verified](bounded.Options{Max: o.MaxCached}); err != nil {
		return nil, fmt.Errorf("jwt: %w", err)
	}
	s.names.New = func() any { return &namer{mac: hmac.New(sha256.New, o.Key[:])} }
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	for n, of := range o.Issuers {
		i, err := s.open(ctx, of, o)
		if err == nil && s.issuers[i.Issuer.Issuer] != nil {
			err = fmt.Errorf("%s is there twice", of.Issuer)
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("jwt: Options.Issuers[%d]: %w", n, err)
		}
		s.issuers[of.Issuer] = i
	}
	return s, nil
}

func (s *Source) open(ctx context.Context, of Issuer, o Options) (*issuer, error) {
	of, err := of.withDefaults()
	if err != nil {
		return nil, err
	}
	i := &issuer{Issuer: of}
	for _, name := range of.Algorithms {
		i.allowed = append(i.allowed, jose.SignatureAlgorithm(name))
	}
	for _, claim := range []struct {
		to              *path
		name, otherwise string
	}{
		{&i.subject, of.Claims.Subject, "sub"}, {&i.tenant, of.Claims.Tenant, ""},
		{&i.roles, of.Claims.Roles, "roles"}, {&i.scopes, of.Claims.Scopes, "scope"},
	} {
		if *claim.to, err = newPath(claim.name, claim.otherwise); err != nil {
			return nil, fmt.Errorf("its Claims: %w", err)
		}
	}
	i.keys = &keySet{
		where: of.JWKS, allowed: i.allowed, refresh: of.Refresh, interval: of.Interval, maxStale: of.MaxStale,
		now: o.Now, log: o.Logger, ctx: ctx, all: &s.all,
	}
	if of.JWKS != "" {
		i.keys.load = fetcher(of.JWKS, o.Transport)
	} else {
		i.keys.where, i.keys.load = of.File, fileReader(of.File)
	}
	return i, nil
}

// Close ends the fetches that run.
func (s *Source) Close() error {
	s.stop()
	for _, i := range s.issuers {
		i.keys.close()
	}
	s.all.Wait()
	return nil
}

// Find verifies every token of the request: they all must be good, and of one
// principal, or a backend that goes by another one than the gate would act for
// somebody else.
func (s *Source) Find(ctx context.Context, r *http.Request) source.Found {
	var all carried
	if !s.collect(r, &all) {
		return source.Found{Outcome: source.Invalid,
			Decision: refuse(RuleSeveral, "the request carries several where one is meant").decision(all.tokens[0].at)}
	}
	var found source.Found
	for _, t := range all.tokens[:all.n] {
		one := s.judge(ctx, t)
		switch {
		case one.Outcome == source.None:
		case one.Outcome != source.Known || found.Outcome == source.None:
			found = one
		case one.Principal.ID != found.Principal.ID || one.Principal.Issuer != found.Principal.Issuer:
			return source.Found{Outcome: source.Invalid, Credential: one.Credential,
				Decision: refuse(RuleSeveral, "another one of the request is somebody else's").decision(t.at)}
		}
		if found.Outcome == source.Invalid {
			break
		}
	}
	return found
}

func (s *Source) judge(ctx context.Context, t placed) source.Found {
	if len(t.text) > s.maxToken {
		// Nothing of it is looked at: not even its hash.
		return source.Found{Outcome: source.Invalid, Decision: refuse(RuleTooLong, fmt.Sprintf("it has %d bytes, %d at most are read", len(t.text), s.maxToken)).decision(t.at)}
	}
	now := s.now()
	name := s.name(t.text)
	if v, ok := s.known.Get(name, now); ok && !v.key.gone.Load() && v.keys.usable(now) {
		v.keys.renew(now)
		return source.Found{Outcome: source.Known, Principal: v.principal, Credential: name}
	}
	v, r := s.verify(ctx, t.text, now)
	if r != nil {
		if r.other && s.leaveOthers {
			return source.Found{}
		}
		return source.Found{Outcome: source.Invalid, Decision: r.decision(t.at), Credential: name}
	}
	s.known.Put(name, v, v.until, now)
	return source.Found{Outcome: source.Known, Principal: v.principal, Credential: name}
}

// A namer hashes tokens without an allocation.
type namer struct {
	mac   hash.Hash
	chunk [512]byte
	sum   [sha256.Size]byte
}

// name is the keyed hash that names a token.
func (s *Source) name(text string) [32]byte {
	n := s.names.Get().(*namer)
	defer s.names.Put(n)
	n.mac.Reset()
	n.mac.Write(append(n.chunk[:0], "jwt:"...))
	for len(text) > 0 {
		read := copy(n.chunk[:], text)
		n.mac.Write(n.chunk[:read])
		text = text[read:]
	}
	n.mac.Sum(n.sum[:0])
	clear(n.chunk[:])
	return n.sum
}

// carried are the tokens that a request carries.
type carried struct {
	tokens [maxTokens]placed
	n      int
}

// maxTokens bounds what one request can make the gate verify.
const maxTokens = 4

type placed struct {
	text string
	at   gatehouse.Place
}

func (c *carried) add(text string, kind gatehouse.PlaceKind, name string) bool {
	if text == "" { // what is left behind by a sign-out
		return true
	}
	if slices.ContainsFunc(c.tokens[:c.n], func(t placed) bool { return t.text == text }) {
		return true
	}
	if c.n == maxTokens {
		return false
	}
	c.tokens[c.n] = placed{text, gatehouse.Place{Kind: kind, Name: name}}
	c.n++
	return true
}
