package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/keyed"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store"
)

// Issuer is a principal's where nothing else is said.
const Issuer = "backend"

// Options configure a Source. The zero value of each but Store means its default.
type Options struct {
	// Store keeps the sessions and the key of their hashes. Required.
	Store store.Store
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Cookies are the names of the session's cookies. Empty: they are learned.
	Cookies []string
	// Idle is how long a session lasts that is not used, where the backend says
	// nothing else: default 30 days. Absolute is how long any lasts: default 400
	// days, the longest that browsers keep a cookie. A credential that the backend
	// no longer takes opens nothing there, so long ones cost only memory.
	Idle, Absolute time.Duration
	// MaxSessions bounds the sessions: default 250,000, which take some 200 MB;
	// MaxPerAccount those of one account: default 32.
	MaxSessions, MaxPerAccount int
	// Accounts are what the configuration says of people.
	Accounts []Account
	// Me are routes that tell who is signed in.
	Me []Me
	// Roles are columns of the person's row that hold roles, such as "users.role".
	Roles []string
}

// An Account is what the configuration says of one.
type Account struct {
	Name    string
	Tenant  string
	Roles   []string
	Aliases []gatehouse.Alias
}

// A Me is a route whose JSON describes who is signed in.
type Me struct {
	// Path is a pattern of package input.
	Path string
	// Aliases are members of its JSON ("id", "user.id") by the alias that each is
	// ("users.id").
	Aliases map[string]string
}

// A Source finds the principals of the backend's own sessions. Make it with
// [New], and Close it at the end.
type Source struct {
	o        Options
	hashes   *keyed.Hasher
	accounts map[string]Account
	me       []me
	declared map[string]bool

	mu        sync.RWMutex
	bound     map[credential]*session
	byAccount map[string][]*session
	// names are the cookies that were seen to hold sessions, with how many do.
	names map[string]int
	// shared are cookies that were seen to be no session's.
	shared map[string]bool
	// strangers are cookies that visitors were given who are nobody in particular.
	strangers map[string]bool
	count     int
	// fixed is how many credentials are held that a sign-in did not renew.
	fixed atomic.Int64
	// dirty are sessions whose last change is not written down yet.
	dirty map[*session]struct{}
	swept time.Time
}

var _ source.Source = (*Source)(nil)

type me struct {
	pattern input.Pattern
	aliases map[string]string // by the member's path
}

// New checks the options, and reads the sessions that the store has.
func New(o Options) (*Source, error) {
	if o.Store == nil {
		return nil, errors.New("backend: Options.Store is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Idle, o.Absolute = cmp.Or(o.Idle, 30*24*time.Hour), cmp.Or(o.Absolute, 400*24*time.Hour)
	o.MaxSessions, o.MaxPerAccount = cmp.Or(o.MaxSessions, 250_000), cmp.Or(o.MaxPerAccount, 32)
	if o.Idle < time.Minute || o.Absolute < o.Idle {
		return nil, fmt.Errorf("backend: Options.Idle is %s and Absolute %s: want a minute at least, and Absolute not below Idle", o.Idle, o.Absolute)
	}
	if o.MaxSessions < 1 || o.MaxPerAccount < 1 {
		return nil, fmt.Errorf("backend: Options.MaxSessions is %d and MaxPerAccount %d: want positive ones", o.MaxSessions, o.MaxPerAccount)
	}
	s := &Source{
		o: o, accounts: map[string]Account{}, declared: map[string]bool{}, bound: map[credential]*session{},
		byAccount: map[string][]*session{}, names: map[string]int{}, shared: map[string]bool{}, strangers: map[string]bool{}, dirty: map[*session]struct{}{},
	}
	if err := s.configure(); err != nil {
		return nil, err
	}
	var err error
	if s.hashes, err = keyed.New(keyed.Options{Store: o.Store, Purpose: "backend"}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	return s, s.load(ctx)
}

// loadTimeout bounds what New waits for the store.
const loadTimeout = time.Minute

func (s *Source) configure() error {
	for i, name := range s.o.Cookies {
		if name == "" {
			return fmt.Errorf("backend: Options.Cookies[%d] is empty", i)
		}
		s.declared[name] = true
	}
	for i, a := range s.o.Accounts {
		if a.Name == "" {
			return fmt.Errorf("backend: Options.Accounts[%d] has no name", i)
		}
		a.Aliases = append([]gatehouse.Alias(nil), a.Aliases...)
		for j := range a.Aliases {
			a.Aliases[j].Provenance = "configuration"
		}
		s.accounts[signin.Account(a.Name)] = a
	}
	for i, m := range s.o.Me {
		p, err := input.ParsePattern(m.Path)
		if err != nil {
			return fmt.Errorf("backend: Options.Me[%d]: %w", i, err)
		}
		if len(m.Aliases) == 0 {
			return fmt.Errorf("backend: Options.Me[%d] (%s) names no member", i, m.Path)
		}
		byMember := map[string]string{}
		for member, alias := range m.Aliases {
			byMember[member] = alias
		}
		s.me = append(s.me, me{p, byMember})
	}
	return nil
}

// Find says whose session the request's cookie or token is.
func (s *Source) Find(_ context.Context, r *http.Request) (found source.Found) {
	now := s.o.Now()
	var of *session
	conflict := false
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.presented(r, func(p presented) {
		h := s.hash(p.value)
		if found.Outcome == source.None {
			found.Outcome, found.Credential = source.Unknown, h
		}
		one := s.bound[h]
		switch {
		case one == nil || !one.lives(h, now, s.o.Idle):
		case of == nil:
			of, found.Credential = one, h
		case of != one && of.account != one.account:
			conflict = true
		}
	})
	if found.Outcome == source.None || of == nil || conflict || of.halfway {
		return found
	}
	of.use(now)
	found.Outcome, found.Principal = source.Known, *of.principal.Load()
	return found
}

// Halfway is the account whose password the request's session has proved, where
// a second factor is still asked for.
func (s *Source) Halfway(r *http.Request) (account string, ok bool) {
	now := s.o.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.presented(r, func(p presented) {
		h := s.hash(p.value)
		if one := s.bound[h]; one != nil && one.halfway && one.lives(h, now, s.o.Idle) {
			account, ok = one.account, true
		}
	})
	return account, ok
}

func (s *Source) hash(value string) credential { return s.hashes.Sum("credential", value) }

// A presented is a credential that a request brings. name is the cookie's, or
// empty for a token in a header.
type presented struct {
	name, value string
}

// maxPresented bounds the credentials of one request that are looked up.
const maxPresented = 8

// presented calls yield with what may be credentials. The caller holds mu.
func (s *Source) presented(r *http.Request, yield func(presented)) {
	left := maxPresented
	// First those that are known to hold sessions: a client can send others before.
	for _, likely := range [...]bool{true, false} {
		eachCookie(r.Header["Cookie"], func(name, value string) {
			if left > 0 && s.learned(name) == likely && s.mayHold(name, value) {
				left--
				yield(presented{name, value})
			}
		})
	}
	for _, field := range tokenFields {
		for _, v := range r.Header[field] {
			if v = tokenOf(v); left > 0 && len(v) >= minToken && s.bound[s.hash(v)] != nil {
				left--
				yield(presented{"", v})
			}
		}
	}
}

// tokenFields are the header fields that hold tokens. A token that no sign-in gave
// is not this source's.
var tokenFields = []string{"Authorization", "X-Auth-Token", "X-Access-Token", "X-Session-Token", "X-Api-Key", "X-Token"}

const (
	// minToken is the shortest credential, in bytes; maxToken the longest: servers
	// take heads of 8 KiB.
	minToken = 16
	maxToken = 8 << 10
)

// tokenOf is a field's value without its scheme; of Basic, all of it.
func tokenOf(v string) string {
	if scheme, rest, ok := strings.Cut(v, " "); ok && !strings.EqualFold(scheme, "Basic") {
		return strings.TrimSpace(rest)
	}
	return v
}

func (s *Source) learned(name string) bool { return s.declared[name] || s.names[name] > 0 }

// mayHold reports whether a cookie can be a session's.
func (s *Source) mayHold(name, value string) bool {
	switch {
	case strings.HasPrefix(name, "__Host-gate-"):
		return false
	case s.declared[name]:
		return value != "" && len(value) <= maxToken
	case len(s.declared) > 0, s.shared[name], len(value) < minToken, len(value) > maxToken:
		return false
	}
	return s.names[name] > 0 || signin.SessionName(name)
}

// eachCookie calls yield with the cookies of a head, as they stand.
func eachCookie(lines []string, yield func(name, value string)) {
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(pair, "=")
			if name = strings.Trim(name, " \t"); ok && name != "" {
				yield(name, strings.Trim(value, " \t"))
			}
		}
	}
}
