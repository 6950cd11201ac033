package backend

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// RuleFixation is told where a sign-in does not renew the session: whoever knew
// its cookie before is signed in too (session fixation, CWE-384). By it [Source.Held]
// refuses the session to anybody else than who signed in.
const RuleFixation = "session-fixation"

// A holder is who signed in by a session that the sign-in did not renew.
type holder struct {
	household netip.Prefix
	// path is where the sign-in was sent to.
	path string
	// met is set once the session came with the device that signed in.
	met atomic.Bool
}

func newHolder(in SignIn) *holder {
	o := &holder{household: in.Household}
	if path := in.Request.URL.Path; len(path) <= maxPath {
		o.path = strings.Clone(path)
	}
	return o
}

const (
	// underWay is how long after the sign-in requests may arrive that were sent
	// before its answer, which the device's cookie came with.
	underWay = 10 * time.Second
	// secrets is of how many values a cookie must be known before one of them is
	// taken for somebody's own: a cookie that is the same for everybody, whatever
	// its name is, would refuse everybody.
	secrets = 4
	// maxPath bounds the path of a sign-in that is remembered.
	maxPath = 1024
)

// A Bringer is who brings a request, as the caller knows them.
type Bringer struct {
	// Household is the client's (gatehouse.Household).
	Household netip.Prefix
	// Knows reports whether the client's device is known to have signed in to an
	// account.
	Knows func(account string) bool
}

// Held decides whether the request may use the sessions that it brings and that
// their sign-in did not renew. It denies those that come without a device that
// signed in to the account; before the session ever came with one, those from
// another household than the sign-in. apart is set where the request is for where
// that sign-in was sent to: in place of being refused it can have the cookies taken
// off by [Source.TakeOff], so that one can sign in anew.
//
// It looks at all that a backend may take for a cookie, whatever else the request
// brings: a token of somebody's own makes a planted cookie no better.
func (s *Source) Held(r *http.Request, by Bringer) (d gatehouse.Decision, apart bool) {
	d = gatehouse.Passed()
	if s.fixed.Load() == 0 {
		return d, false // most backends renew the session
	}
	now := s.o.Now()
	var met []*session
	s.mu.RLock()
	whole := s.eachReading(r, func(value string) {
		x, c := s.fixedBy(s.hash(value), now)
		switch {
		case x == nil:
		case by.Knows != nil && by.Knows(x.account):
			if !x.holder.met.Load() {
				met = append(met, x)
			}
		case !x.holder.admits(by.Household, x.began, now):
			apart = r.URL.Path == x.holder.path && (d.Verdict == gatehouse.Pass || apart)
			d = denied(c.name, "a sign-in did not renew this session's cookie, and who brings it now is not on the device that signed in")
		}
	})
	s.mu.RUnlock()
	s.meet(met)
	if !whole {
		return denied("", "the request brings more that may be a cookie than is looked at, and there are sessions that have to be looked for"), false
	}
	return d, apart
}

func denied(cookie, words string) gatehouse.Decision {
	return gatehouse.Denied(RuleFixation, gatehouse.Place{Kind: gatehouse.Cookie, Name: cookie}, "%s", words).WithStatus(http.StatusUnauthorized)
}

// fixedBy is the session whose sign-in left a credential as it was, where that is
// enforced. The caller holds mu.
func (s *Source) fixedBy(h credential, now time.Time) (*session, *held) {
	x := s.bound[h]
	if x == nil || x.holder == nil || !x.lives(h, now, s.o.Idle) {
		return nil, nil
	}
	for i := range x.held {
		c := &x.held[i]
		if c.hash == h && c.fixed && (s.declared[c.name] || s.names[c.name] >= secrets) {
			return x, c
		}
	}
	return nil, nil
}

// admits reports whether who comes without the device may be who signed in.
func (o *holder) admits(from netip.Prefix, began, now time.Time) bool {
	return from.IsValid() && from == o.household && (!o.met.Load() || now.Sub(began) < underWay)
}

// meet notes that sessions came with their devices.
func (s *Source) meet(all []*session) {
	if len(all) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range all {
		if x.holder.met.Store(true); !x.ended {
			s.dirty[x] = struct{}{}
		}
	}
}

// TakeOff removes the cookies from a request that are of sessions which [Source.Held]
// looks for. What is left of the head is as it was sent.
func (s *Source) TakeOff(r *http.Request) {
	now := s.o.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	var lines []string
	for _, line := range r.Header["Cookie"] {
		var kept []string
		for pair := range strings.SplitSeq(line, ";") {
			fixed := false
			for part := range strings.FieldsFuncSeq(pair, separates) {
				s.readings(part, func(value string) {
					x, _ := s.fixedBy(s.hash(value), now)
					fixed = fixed || x != nil
				})
			}
			if pair = strings.Trim(pair, " \t"); !fixed && pair != "" {
				kept = append(kept, pair)
			}
		}
		if len(kept) > 0 {
			lines = append(lines, strings.Join(kept, "; "))
		}
	}
	delete(r.Header, "Cookie")
	if len(lines) > 0 {
		r.Header["Cookie"] = lines
	}
}

// maxReadings bounds what of a request is looked up: browsers keep 180 cookies of
// a site at most, most of which are shorter than a session's.
const maxReadings = 512

// eachReading calls yield with every value in a request's cookies, whatever the
// cookie's name, and in its address (";jsessionid="), in the readings that backends
// have of one. It reports false where there are too many.
func (s *Source) eachReading(r *http.Request, yield func(value string)) bool {
	left := maxReadings
	look := func(text string) {
		for part := range strings.FieldsFuncSeq(text, separates) {
			s.readings(part, func(value string) {
				if left--; left >= 0 {
					yield(value)
				}
			})
		}
	}
	for _, line := range r.Header["Cookie"] {
		look(line)
	}
	look(r.URL.EscapedPath())
	look(r.URL.RawQuery)
	return left >= 0
}

// separates reports whether a character stands between cookies (the comma in old
// servers), or between what an address is made of.
func separates(c rune) bool { return strings.ContainsRune(";,&/", c) }

// readings calls yield with the value of "name=value" as it stands, and as a
// backend reads it that takes off quotes (Go, Java, Python), or percent signs (PHP,
// Express), or both.
func (s *Source) readings(pair string, yield func(value string)) {
	_, value, ok := strings.Cut(pair, "=")
	value = strings.TrimSpace(value)
	least := minToken
	if len(s.declared) > 0 {
		least = 1
	}
	if !ok || len(value) < least || len(value) > 3*maxToken {
		return
	}
	yield(value)
	bare := strings.Trim(value, `"`)
	if bare != value {
		yield(bare)
	}
	if !strings.Contains(bare, "%") {
		return
	}
	if plain, err := url.PathUnescape(bare); err == nil && plain != bare {
		yield(plain)
		if inner := strings.Trim(plain, `"`); inner != plain {
			yield(inner)
		}
	}
}
