package access

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/input"
)

// An Uncovered is a route that was asked for and that no rule is for.
type Uncovered = input.RouteCount

// Uncovered lists the routes that were seen without a rule: see
// [input.RouteTally.List].
func (a *Access) Uncovered() (list []Uncovered, beyond uint64) { return a.coverage.List() }

// ProbingOptions say when refusals of one account are told as an event: an
// ordinary account that tries several routes which only other roles may use. The
// zero value of each means its default.
type ProbingOptions struct {
	// Routes is how many different ones within Window. Default 3, at most 32: one
	// refusal is a stale link, two are a menu that shows too much.
	Routes int
	// Window is how long a refusal counts. Default 10 minutes.
	Window time.Duration
	// Everybody is how many accounts must be refused a route within a day for it
	// to count no more: a page that asks for it in every account's name is no
	// account's probing. Default 5, at most 16.
	Everybody int
}

const (
	// maxProbing is how many accounts one generation holds; there are two.
	maxProbing = 4096
	// maxCommon is how many routes one generation of refused routes holds.
	maxCommon = 2048
	// commonMemory is how long a route's refusals count as everybody's.
	commonMemory = 24 * time.Hour
)

// probing counts in two generations, as the strikes of package network do.
type probing struct {
	ProbingOptions
	seed maphash.Seed
	mu   sync.Mutex
	// accounts has the routes that an account was refused, by hash.
	young, old map[uint64][]refused
	born       time.Time
	// common has the accounts that were refused a route.
	commonYoung, commonOld map[uint64][]uint64
	commonBorn             time.Time
}

type refused struct {
	route uint64
	at    time.Time
	told  bool
}

func newProbing(o ProbingOptions) (*probing, error) {
	if o.Routes == 0 {
		o.Routes = 3
	}
	if o.Window == 0 {
		o.Window = 10 * time.Minute
	}
	if o.Everybody == 0 {
		o.Everybody = 5
	}
	switch {
	case o.Routes < 1 || o.Routes > 32:
		return nil, fmt.Errorf("access: Options.Probing.Routes is %d: want 1 to 32", o.Routes)
	case o.Window < time.Second:
		return nil, fmt.Errorf("access: Options.Probing.Window is %s: want a second or more", o.Window)
	case o.Everybody < 2 || o.Everybody > 16:
		return nil, errors.New("access: Options.Probing.Everybody: want 2 to 16")
	}
	return &probing{ProbingOptions: o, seed: maphash.MakeSeed(), young: map[uint64][]refused{}, commonYoung: map[uint64][]uint64{}}, nil
}

// add counts a refusal. It gives the number of different routes where that is to
// be told: once for each window of an account.
func (p *probing) add(account, route string, now time.Time) int {
	who, what := maphash.String(p.seed, account), maphash.String(p.seed, route)
	p.mu.Lock()
	defer p.mu.Unlock()
	everybody := p.common(what, who, now)
	if now.Sub(p.born) > p.Window || len(p.young) >= maxProbing {
		p.young, p.old, p.born = make(map[uint64][]refused), p.young, now
	}
	had, found := p.young[who]
	if !found {
		had = p.old[who]
		delete(p.old, who)
	}
	told, known := false, false
	had = slices.DeleteFunc(had, func(r refused) bool { return now.Sub(r.at) >= p.Window })
	for i := range had {
		told = told || had[i].told
		if had[i].route == what {
			had[i].at, known = now, true
		}
	}
	if !known && len(had) < p.Routes && !everybody {
		had = append(had, refused{route: what, at: now})
	}
	p.young[who] = had
	if told || len(had) < p.Routes || everybody {
		return 0
	}
	for i := range had {
		had[i].told = true
	}
	return len(had)
}

// common notes that an account was refused a route, and reports whether so many
// were that it is no account's probing.
func (p *probing) common(route, who uint64, now time.Time) bool {
	if now.Sub(p.commonBorn) > commonMemory || len(p.commonYoung) >= maxCommon {
		p.commonYoung, p.commonOld, p.commonBorn = make(map[uint64][]uint64), p.commonYoung, now
	}
	had, found := p.commonYoung[route]
	if !found {
		had = p.commonOld[route]
		delete(p.commonOld, route)
	}
	if !slices.Contains(had, who) && len(had) < p.Everybody {
		had = append(had, who)
	}
	p.commonYoung[route] = had
	return len(had) >= p.Everybody
}

// Note takes down what came of a Check: routes without a rule, for
// [Access.Uncovered], and accounts that try the doors of other roles, as an event
// of the Recorder. route is the template of package input.
func (a *Access) Note(ctx context.Context, about events.About, q Request, route string, d gatehouse.Decision) error {
	switch {
	case d.Verdict == gatehouse.Pass && d.Rule == RuleNone:
		a.coverage.Add(route, q.Principal.Known())
	case d.Verdict != gatehouse.Pass && q.Principal.Known() && (d.Rule == RuleRole || d.Rule == RuleScope || d.Rule == RuleDefault):
		n := a.probing.add(q.Principal.Issuer+" "+q.Principal.ID, route, a.now())
		if n > 0 && a.recorder != nil {
			if d.Route == "" {
				d.Route = route
			}
			d.Rung = Rung
			return a.recorder.Record(context.WithoutCancel(ctx), events.Probing(about, d, n, a.probing.Window))
		}
	}
	return nil
}
