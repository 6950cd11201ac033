package throttle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// RuleCrowded: more failures at once than are kept back until their time.
const RuleCrowded = "crowded"

// ErrCrowded is what [Alike.Wait] returns for it: such an answer must not leave
// at its own time, so it is to be refused, whosever account it is about.
var ErrCrowded = errors.New("throttle: too many failures wait for their time")

const (
	// leastPace is when failures are answered before anything was learned: most
	// backends compare a password within it.
	leastPace = 250 * time.Millisecond
	// mostPace is when they are answered at the latest, unless the backend took
	// longer itself.
	mostPace = time.Second
	// paceHours is how long a slow failure counts. It goes by time and not by
	// number: else a thousand fast failures would have a slow one forgotten.
	paceHours = 24
	// slowest is how many of an hour are kept. The slowest but two of all sets the
	// pace, so that a backend that stumbles once does not.
	slowest = 3
	// maxRenewed bounds the cookies of one route whose lines are counted.
	maxRenewed = 32
)

// AlikeOptions configure an Alike.
type AlikeOptions struct {
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// MaxWaiting is how many answers wait at once. Default 1024.
	MaxWaiting int
}

// An Alike makes the answers to failures alike: when they leave, and which cookies
// they set. Make it with [NewAlike]. It may be used by many at once.
type Alike struct {
	now     func() time.Time
	waiting chan struct{}

	mu     sync.Mutex
	routes map[string]*paced
}

// A paced is what is known of one route's failures.
type paced struct {
	hours   [paceHours]paceHour
	cookies map[string]*renewed
}

// A paceHour is the slowest failures of an hour, the slowest first.
type paceHour struct {
	hour int64 // since 1970
	took [slowest]time.Duration
}

// A renewed counts, of the failures of clients that brought a cookie, those that
// set it.
type renewed struct{ brought, set int }

// NewAlike checks the options.
func NewAlike(o AlikeOptions) (*Alike, error) {
	if o.MaxWaiting < 0 {
		return nil, fmt.Errorf("throttle: AlikeOptions.MaxWaiting is %d: want a positive number", o.MaxWaiting)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Alike{now: o.Now, waiting: make(chan struct{}, cmp.Or(o.MaxWaiting, 1024)), routes: map[string]*paced{}}, nil
}

// Wait notes how long the backend took since sent, and returns when the answer may
// leave: when all failures of the route do, or at the next multiple of that. With
// an error it may not: the client has gone, or too many wait.
func (a *Alike) Wait(ctx context.Context, route string, sent time.Time) error {
	left := a.after(route, a.now().Sub(sent))
	if left <= 0 {
		return nil
	}
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return ErrCrowded
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// after notes what a failure took, and gives for how much longer it is kept back.
func (a *Alike) after(route string, took time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.route(route)
	p.note(took, a.now())
	pace := p.pace(a.now())
	due := pace
	for due < took {
		due += pace
	}
	if due > mostPace {
		due = mostPace
	}
	return due - took
}

// route finds a route, or begins it; those beyond the bound share one. The caller
// holds mu.
func (a *Alike) route(name string) *paced {
	p := a.routes[name]
	if p == nil && len(a.routes) >= maxCompared {
		name = ""
		p = a.routes[name]
	}
	if p == nil {
		p = &paced{cookies: map[string]*renewed{}}
		a.routes[strings.Clone(name)] = p
	}
	return p
}

func hourOf(now time.Time) int64 { return now.Unix() / 3600 }

func (p *paced) note(took time.Duration, now time.Time) {
	h := &p.hours[hourOf(now)%paceHours]
	if h.hour != hourOf(now) {
		*h = paceHour{hour: hourOf(now)}
	}
	for i := range h.took {
		if took > h.took[i] {
			h.took[i], took = took, h.took[i]
		}
	}
}

// pace is when failures are answered: an eighth after the slowest but two of a day.
func (p *paced) pace(now time.Time) time.Duration {
	var all []time.Duration
	for _, h := range p.hours {
		if h.hour > hourOf(now)-paceHours {
			all = append(all, h.took[:]...)
		}
	}
	slices.SortFunc(all, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	third := time.Duration(0)
	if len(all) >= slowest {
		third = all[slowest-1]
	}
	return min(max(third+third/8, leastPace), mostPace)
}

// Cookies says which of the cookies that the answer to a failure sets may be set:
// those that the client brought, and that this route's failures set whoever they
// are about. A backend that renews its session, or its forms' token, at every
// answer goes on with it; a mark that only failures at accounts that exist leave
// is none.
func (a *Alike) Cookies(route string, brought, set []string) (may map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.route(route)
	may = map[string]bool{}
	for _, name := range set[:min(len(set), maxRenewed)] {
		if slices.Contains(brought, name) && p.cookies[name] == nil && len(p.cookies) < maxRenewed {
			p.cookies[strings.Clone(name)] = &renewed{}
		}
	}
	for name, c := range p.cookies {
		if !slices.Contains(brought, name) {
			continue
		}
		c.brought++
		if slices.Contains(set, name) {
			c.set++
			may[name] = c.set*50 >= c.brought*49
		}
		if c.brought > 512 {
			c.brought, c.set = c.brought/2, c.set/2
		}
	}
	return may
}
