package ownership

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/ownership"

// The rules that a decision names.
const (
	// RuleOther: the thing is another's.
	RuleOther = "another's"
	// RuleUnknown: nobody can tell whose the thing is.
	RuleUnknown = "owner-unknown"
	// RuleTenant: the thing is another customer's.
	RuleTenant = "another-tenant"
	// RuleSignIn: nobody is signed in; the client is told 401.
	RuleSignIn = "sign-in"
	// RuleStepUp: an administrator's sign-in is too weak or too old for others'
	// things; the client is told 401.
	RuleStepUp = "step-up"
	// RuleSpelling: a path that only some servers take for the rule's.
	RuleSpelling = "spelling"
	// RuleMixed: a list has things of others, and is not one that is cut.
	RuleMixed = "mixed-list"
)

// DefaultLimit is how much of an answer is held to be judged, in bytes.
const DefaultLimit = 1 << 20

// Options configure Ownership. The zero value has no rule, and asks nothing.
type Options struct {
	Rules []Rule
	// Ledger keeps who was given what. Required where a rule has Owner.Ledger.
	Ledger *ledger.Ledger
	// Shares are exceptions for single things.
	Shares []Share
	// Limit is how much of an answer is held. Zero means [DefaultLimit]. The owner
	// of what a larger one shows is told by ledger or probe, or by nobody.
	Limit int64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Share lets one principal have one thing of another's, for a time and a reason.
type Share struct {
	// Thing is the kind, as rules name it; ID is which one.
	Thing, ID string
	// Principal is any name of who may have it.
	Principal string
	// Until is when that ends; the zero value is over.
	Until time.Time
	// Change lets the principal change it too.
	Change bool
	Reason gatehouse.Reason
}

// Ownership is the rung. Make it with [New]. It may be used concurrently.
type Ownership struct {
	rules    []*rule
	near     near
	ledger   *ledger.Ledger
	shares   map[[2]string][]Share // by thing and ID
	tables   []exchange.Owned
	limit    int64
	now      func() time.Time
	kept     map[string]bool // the kinds of thing that some rule asks the ledger for
	coverage input.RouteTally
}

// New checks the options. Its errors name the option.
func New(o Options) (*Ownership, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Limit < 0 {
		return nil, fmt.Errorf("ownership: Options.Limit is %d: want a positive one", o.Limit)
	}
	made := &Ownership{ledger: o.Ledger, limit: o.Limit, now: o.Now, kept: make(map[string]bool)}
	var errs []error
	for i, r := range o.Rules {
		one, err := newRule(r)
		if err == nil {
			err = made.fits(one)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ownership: Options.Rules[%d] (%s): %w", i, r.Path, err))
			continue
		}
		made.rules = append(made.rules, one)
	}
	made.near, made.tables = newNear(made.rules), tablesOf(made.rules)
	for _, r := range made.rules {
		r.sharing = made.saysShared(r)
		if r.Owner.Ledger {
			made.kept[r.Thing] = true
		}
		if !made.shows(r) {
			errs = append(errs, fmt.Errorf("ownership: the rule of %s: owner.probe: no rule says whose the answer of %s is", r.Path, r.Owner.Probe))
		}
	}
	for i, s := range o.Shares {
		if s.Thing == "" || s.ID == "" || s.Principal == "" || s.Until.IsZero() || !s.Reason.Given() {
			errs = append(errs, fmt.Errorf("ownership: Options.Shares[%d]: a share names thing, id, principal, until and a reason", i))
			continue
		}
		if made.shares == nil {
			made.shares = make(map[[2]string][]Share)
		}
		at := [2]string{s.Thing, s.ID}
		made.shares[at] = append(made.shares[at], s)
	}
	return made, errors.Join(errs...)
}

// fits checks a rule beside those before it.
func (o *Ownership) fits(r *rule) error {
	if r.Owner.Ledger && o.ledger == nil {
		return errors.New("owner.ledger: Options.Ledger is missing")
	}
	for _, before := range o.rules {
		if err := before.contradicts(r); err != nil {
			return err
		}
		if before.Public.Given() && len(before.Methods) == 0 && (before.Path == r.Path || before.pattern.Match(sample(r.Path))) {
			return fmt.Errorf("never decides, as the public rule of %s stands before it: put it first", before.Path)
		}
	}
	return nil
}

// shows reports whether what a rule probes has a rule that tells its owner.
func (o *Ownership) shows(r *rule) bool {
	if r.Owner.Probe == "" {
		return true
	}
	path, _, _ := strings.Cut(sample(r.Owner.Probe), "?")
	return slices.ContainsFunc(o.rules, func(other *rule) bool {
		return other.names(http.MethodGet) && other.judges() && (other.pattern.Match(path) || other.loosely(strings.ToLower(path)))
	})
}

// sample is a path that a pattern is for.
func sample(pattern string) string {
	var b strings.Builder
	for rest := pattern; rest != ""; {
		literal, after, wild := strings.Cut(rest, "{")
		if b.WriteString(literal); !wild {
			break
		}
		name, more, _ := strings.Cut(after, "}")
		if name != "$" {
			b.WriteByte('x')
		}
		rest = more
	}
	return b.String()
}

// Limit is how much of an answer is held to be judged, in bytes.
func (o *Ownership) Limit() int64 { return o.limit }

// A Request is what is asked for, and by whom.
type Request struct {
	Method string
	// Path is as it came, escaped ([net/url.URL.EscapedPath]).
	Path string
	// Query is as it came: a HEAD is judged by what a GET of both would show.
	Query string
	// Route is the template of package input, for Uncovered.
	Route  string
	Host   string
	Header http.Header
	// Overrides are further methods that the request names. One that is unsafe
	// makes the request a change.
	Overrides []string
	// Inputs are the request's; nil where they were not read.
	Inputs *input.Inputs
	// Unread is set where the request brings more than Inputs.
	Unread    bool
	Principal gatehouse.Principal
	probe     bool
}

// An Answer is the backend's.
type Answer struct {
	Status int
	Header http.Header
	// Body is its decoded body; Whole says that this is all of it.
	Body  []byte
	Whole bool
	// Rows says whose the rows are that it was made from; nil where nobody knows.
	Rows Rows
}

// Rows are those that the database gave for one exchange, known exactly.
type Rows interface {
	// Owners gives the different values of a column such as "orders.user_id" over
	// all rows of its table, those looked up by key ("" for none) included. known is
	// false where any may be missing.
	Owners(ctx context.Context, column, key string) (owners []string, known bool)
}

// A Prober asks the backend for a thing with the caller's own credentials, as an
// exchange of its own that is nobody's act.
type Prober interface {
	// Probe sends a GET of an escaped path, with a query or without.
	Probe(ctx context.Context, path string) (*Answer, error)
}

// safe reports whether a method only reads (RFC 9110, section 9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func (q *Request) change() bool {
	if !safe(q.Method) {
		return true
	}
	for _, m := range q.Overrides {
		if !safe(m) {
			return true
		}
	}
	return false
}
