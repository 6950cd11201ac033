package learn

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/store"
)

// Options say how much is wanted for a proposal, and how much is kept. Zero values
// mean the defaults.
type Options struct {
	// Store keeps what was learned over a restart. Nil: it is forgotten.
	Store store.Store
	// MinAnswers and MinPrincipals are how many answers, of how many people, a
	// proposal takes. Default 20 and 3; two people could be one with two accounts.
	MinAnswers, MinPrincipals int
	// MaxRoutes, MaxPrincipals and MaxEntries bound what is kept: routes (default
	// 1,024), people (16,384), and facts of all routes together (500,000, of about
	// 100 bytes). Of routes the least used make room; people beyond are not learned
	// from.
	MaxRoutes, MaxPrincipals, MaxEntries int
}

// An Observation is one exchange. Nothing of it is kept.
type Observation struct {
	Method string
	// Route is input.Route's, such as "GET /orders/{id}"; Path is the path as it
	// came, escaped.
	Route, Path string
	// Principal may be nobody.
	Principal gatehouse.Principal
	// Inputs are what the client sent; nil where that was not parsed.
	Inputs *input.Inputs
	Status int
	Header http.Header
	// Body is the answer's, decoded; Truncated says that there was more of it.
	Body      []byte
	Truncated bool
	// Owners are the different values of columns of rows that the answer was made
	// from, as far as that is known exactly: "orders.user_id". Nil: not known.
	Owners map[string][]string
}

// MaxBody is how much of a body is looked at.
const MaxBody = 64 << 10

// A Learner learns. Its methods may be called by many at once. Make it with New.
type Learner struct {
	o   Options
	key key

	mu      sync.Mutex
	routes  map[string]*route
	people  map[uint64]*person
	claims  map[uint64]uint64 // who has a name that was learned, by its hash
	kinds   []string          // of names; "id" and "tenant" are the first two
	roles   []string
	entries int
	walker  walker
	gave    gave
	// parts is how many records each thing takes that is written down; dropped are
	// those to remove; stale: all is to be written again.
	parts   map[string]int
	dropped map[string]bool
	stale   bool
}

const (
	keyKind     = "application.ownership.learn.key"
	readTimeout = 10 * time.Second
)

// New reads what was learned before.
func New(o Options) (*Learner, error) {
	for _, d := range []struct {
		name  string
		value *int
		usual int
	}{
		{"MinAnswers", &o.MinAnswers, 20}, {"MinPrincipals", &o.MinPrincipals, 3},
		{"MaxRoutes", &o.MaxRoutes, 1024}, {"MaxPrincipals", &o.MaxPrincipals, 16384}, {"MaxEntries", &o.MaxEntries, 500_000},
	} {
		if *d.value < 0 {
			return nil, fmt.Errorf("learn: Options.%s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if o.MinPrincipals < 2 {
		return nil, errors.New("learn: Options.MinPrincipals: one principal alone must not make a rule")
	}
	l := &Learner{o: o, routes: map[string]*route{}, people: map[uint64]*person{}, kinds: []string{kindID: "id", kindTenant: "tenant"}}
	l.gave, l.dropped = newGave(), map[string]bool{}
	l.parts, l.claims = map[string]int{}, map[uint64]uint64{}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if err := l.load(ctx); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	l.walker.key = l.key
	return l, nil
}

// Observe learns from one exchange, if it was a success: what failed says nothing
// of whose a thing is.
func (l *Learner) Observe(o Observation) {
	method, path, ok := strings.Cut(o.Route, " ")
	if !ok || !strings.HasPrefix(path, "/") || !success(method, &o) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	who := l.person(&o.Principal)
	if who == nil && o.Principal.Known() {
		return
	}
	x := l.exchange(method, path, &o, who)
	r := l.route(x)
	if r == nil {
		return
	}
	l.count(r, x)
	l.asked(r, x)
	if who != nil {
		l.lookUp(r, x)
		l.fields(r, x)
		l.columns(r, x)
		l.answer(r, x)
		l.giving(r, x)
	}
}

// success reports whether an exchange did what was asked for.
func success(method string, o *Observation) bool {
	switch method {
	case http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return false // they show nothing, or nothing of a thing
	}
	if o.Status >= 200 && o.Status < 300 {
		return true
	}
	// A form that worked leads to the next page; one that did not, to the sign-in.
	to := strings.ToLower(o.Header.Get("Location"))
	return method != http.MethodGet && (o.Status == 302 || o.Status == 303) && to != "" &&
		!strings.Contains(to, "login") && !strings.Contains(to, "signin") && !strings.Contains(to, "sign-in") && !strings.Contains(to, "error")
}

// An exchange is an Observation with what was made of it.
type exchange struct {
	*Observation
	method string
	who    *person // nil: nobody
	// template is the route's path; thing its beginning up to the last identifier, or
	// with the field behind it that has one: "/orders/{id}", "/view?order_id".
	template, thing, query string
	// id is a hash of all the identifiers, last of the last one; 0: none.
	id, last uint64
	ids      []uint64
	json     bool
	html     bool
}

func (l *Learner) exchange(method, path string, o *Observation, who *person) *exchange {
	x := &exchange{Observation: o, method: method, who: who}
	if len(o.Body) > MaxBody {
		o.Body, o.Truncated = o.Body[:MaxBody], true
	}
	n := l.named(o.Path)
	x.template, x.thing, x.ids = path, n.thing, n.ids
	if n.template != path { // Route is another's making: it has no identifiers that we know
		x.thing, x.ids = "", nil
	}
	if len(x.ids) == 0 && o.Inputs != nil {
		if name, value, ok := fieldID(o.Inputs, method != http.MethodGet); ok {
			x.query, x.thing, x.ids = name, path+queryMark(name), []uint64{sum(l.key, value)}
		}
	}
	if len(x.ids) > 0 {
		x.id, x.last = l.key.join(x.ids...), x.ids[len(x.ids)-1]
	}
	kind, _, _ := strings.Cut(o.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	x.json = kind == "application/json" || strings.HasSuffix(kind, "+json")
	x.html = kind == "text/html" || kind == "application/xhtml+xml"
	return x
}
