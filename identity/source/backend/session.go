package backend

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// A credential is the keyed hash of one.
type credential [32]byte

// A session is one sign-in at the backend. Its credentials are guarded by the
// Source's lock; its principal is replaced, never changed.
type session struct {
	id        string
	account   string
	halfway   bool
	principal atomic.Pointer[gatehouse.Principal]
	held      []held
	// holder is who signed in, where the device that did is known again; nil
	// where not. It matters where a credential is fixed.
	holder *holder
	// began and absolute bound it; seen is when it was used last, and written when
	// it was written down, in nanoseconds.
	began, absolute time.Time
	seen, written   atomic.Int64
	ended           bool
	// known is set once the store has it that the account was signed in to.
	known bool
}

// A held is one credential of a session.
type held struct {
	hash credential
	name string
	// expires is when the backend lets it end; zero where it says nothing.
	expires time.Time
	// replaced is when another took its place.
	replaced time.Time
	// fixed is set where it was there before the sign-in.
	fixed bool
}

const (
	// grace is how long a credential counts after it was replaced: requests that
	// were sent at once, and a browser that has not seen the answer yet.
	grace = 2 * time.Minute
	// maxHeld bounds the credentials of one session, replaced ones included: a
	// page's requests that each renew it.
	maxHeld = 48
)

// lives reports whether a credential of the session still counts.
func (x *session) lives(h credential, now time.Time, idle time.Duration) bool {
	if x.ended || !now.Before(x.absolute) || now.Sub(time.Unix(0, x.seen.Load())) >= idle {
		return false
	}
	for i := range x.held {
		if c := &x.held[i]; c.hash == h {
			return (c.expires.IsZero() || now.Before(c.expires)) && (c.replaced.IsZero() || now.Sub(c.replaced) < grace)
		}
	}
	return false
}

// use notes that the session is used.
func (x *session) use(now time.Time) {
	if n := now.UnixNano(); n-x.seen.Load() > int64(time.Minute) {
		x.seen.Store(n)
	}
}

// hold adds a credential. It reports whether it is new. The caller holds mu.
func (s *Source) hold(x *session, c held) bool {
	if s.bound[c.hash] == x {
		for i := range x.held {
			if x.held[i].hash == c.hash {
				x.held[i].expires, x.held[i].replaced = c.expires, time.Time{}
			}
		}
		return false
	}
	if before := s.bound[c.hash]; before != nil {
		s.drop(before, c.hash)
	}
	if len(x.held) >= maxHeld {
		oldest := 0
		for i := range x.held {
			if r := x.held[i].replaced; !r.IsZero() && (x.held[oldest].replaced.IsZero() || r.Before(x.held[oldest].replaced)) {
				oldest = i
			}
		}
		s.drop(x, x.held[oldest].hash)
	}
	c.name = strings.Clone(c.name)
	x.held = append(x.held, c)
	s.bound[c.hash] = x
	if c.fixed {
		s.fixed.Add(1)
	}
	if !isToken(c.name) && (s.names[c.name] > 0 || len(s.names) < maxNames) {
		s.names[c.name]++
	}
	return true
}

// maxNames bounds the names of cookies that are learned.
const maxNames = 64

// drop forgets a credential. The caller holds mu.
func (s *Source) drop(x *session, h credential) {
	i := slices.IndexFunc(x.held, func(c held) bool { return c.hash == h })
	if i < 0 {
		return
	}
	if x.held[i].fixed {
		s.fixed.Add(-1)
	}
	if name := x.held[i].name; s.names[name] > 0 {
		if s.names[name]--; s.names[name] == 0 {
			delete(s.names, name)
		}
	}
	x.held = slices.Delete(x.held, i, i+1)
	if s.bound[h] == x {
		delete(s.bound, h)
	}
}

// replace marks what the session holds of a cookie as replaced, and forgets what
// was replaced long ago. The caller holds mu.
func (s *Source) replace(x *session, name string, now time.Time) {
	var gone []credential
	for i := range x.held {
		c := &x.held[i]
		switch {
		case !c.replaced.IsZero() && now.Sub(c.replaced) >= grace, !c.expires.IsZero() && !now.Before(c.expires):
			gone = append(gone, c.hash)
		case c.name == name && c.replaced.IsZero():
			c.replaced = now
		}
	}
	for _, h := range gone {
		s.drop(x, h)
	}
}

// enter makes room for a session and enters it. It gives the sessions that had to
// go. The caller holds mu.
func (s *Source) enter(x *session) (gone []*session) {
	own := s.byAccount[x.account]
	if len(own) >= s.o.MaxPerAccount {
		gone = append(gone, leastUsed(own))
	} else if s.count >= s.o.MaxSessions {
		if least := s.sample(); least != nil {
			gone = append(gone, least)
		}
	}
	for _, g := range gone {
		s.remove(g)
	}
	s.byAccount[x.account] = append(s.byAccount[x.account], x)
	s.count++
	return gone
}

func leastUsed(all []*session) *session {
	return slices.MinFunc(all, func(a, b *session) int { return int(min(max(a.seen.Load()-b.seen.Load(), -1), 1)) })
}

// sampled is how many sessions are looked at for one that was not used for long:
// of 16 drawn at random the one is among the oldest sixth with 95 %.
const sampled = 16

func (s *Source) sample() *session {
	var some []*session
	for _, x := range s.bound { // in an order that Go draws
		if some = append(some, x); len(some) == sampled {
			break
		}
	}
	if len(some) == 0 {
		return nil
	}
	return leastUsed(some)
}

// remove forgets a session. The caller holds mu.
func (s *Source) remove(x *session) {
	if x.ended {
		return
	}
	x.ended = true
	for len(x.held) > 0 {
		s.drop(x, x.held[len(x.held)-1].hash)
	}
	own := slices.DeleteFunc(s.byAccount[x.account], func(o *session) bool { return o == x })
	if len(own) == 0 {
		delete(s.byAccount, x.account)
	} else {
		s.byAccount[x.account] = own
	}
	delete(s.dirty, x)
	s.count--
}

// sweep removes sessions that are over, and gives them. The caller holds mu.
func (s *Source) sweep(now time.Time) (gone []*session) {
	for _, own := range s.byAccount {
		for _, x := range own {
			if !now.Before(x.absolute) || now.Sub(time.Unix(0, x.seen.Load())) >= s.o.Idle || len(x.held) == 0 {
				gone = append(gone, x)
			}
		}
	}
	for _, x := range gone {
		s.remove(x)
	}
	return gone
}
