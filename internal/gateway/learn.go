package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/application/ownership/profile"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/store"
)

// This file learns from ordinary traffic whose things are, for the suggestion of
// rules: nothing that is learned decides.

func (g *Gate) openLearner() (err error) {
	if g.learner, err = learn.New(learn.Options{Store: g.store}); err != nil {
		return err
	}
	g.fields, err = profile.New(profile.Options{Store: g.store})
	return err
}

// saveLearned writes down what was learned.
func (g *Gate) saveLearned(ctx context.Context) error {
	var errs []error
	if g.learner != nil {
		errs = append(errs, g.learner.Flush(ctx))
	}
	if g.fields != nil {
		errs = append(errs, g.fields.Flush(ctx))
	}
	return errors.Join(errs...)
}

// fieldsRung decides about the fields that a change sends.
func fieldsRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		return ownership.Fields(&t.owns.request, t.client.Addr.String(), t.gate.fields) // the line before has made it
	}, nil
}

// learns begins to look at an answer that may show whose a thing is.
func (t *transit) learns(res *http.Response) bodyScan {
	kind := res.Header.Get("Content-Type")
	if res.StatusCode >= 400 || !strings.Contains(kind, "json") && !strings.HasPrefix(kind, "text/html") {
		return nil
	}
	return &learning{t}
}

// A learning keeps the beginning of an answer until its head is decided.
type learning struct{ t *transit }

func (l *learning) Held(first []byte, final bool) gatehouse.Decision {
	l.t.owns.shown, l.t.owns.cut = first[:min(len(first), learn.MaxBody)], !final || len(first) > learn.MaxBody
	return gatehouse.Passed()
}

func (*learning) Next(dst, piece []byte, _ bool) []byte { return append(dst, piece...) }

// learned hands on what the answer showed.
func (t *transit) learned(res *http.Response) {
	o := &t.owns
	t.gate.learner.Observe(learn.Observation{
		Method: t.r.Method, Route: t.x.Route, Path: t.r.URL.EscapedPath(), Principal: t.x.Principal, Inputs: t.x.Inputs,
		Status: res.StatusCode, Header: res.Header, Body: o.shown, Truncated: o.cut, Owners: t.gate.ownersOf(t.x),
	})
	t.exposes(res)
	o.shown = nil
}

// maxExposed bounds the new members that are remembered to have been told.
const maxExposed = 4096

// exposes tells of members that answers of the route did not have, each once. Of
// many answers it looks at some.
func (t *transit) exposes(res *http.Response) {
	o, g := &t.owns, t.gate
	if len(o.shown) == 0 || !t.x.Principal.Known() || !strings.Contains(res.Header.Get("Content-Type"), "json") || g.answers.Add(1)%exposedEvery != 0 {
		return
	}
	q := ownership.Request{Route: t.x.Route, Principal: t.x.Principal}
	for _, member := range ownership.Shown(&q, t.client.Addr.String(), o.shown, g.fields) {
		key := t.x.Route + " " + profile.Shape(member)
		g.exposed.Lock()
		told := g.exposed.told[key] || len(g.exposed.told) >= maxExposed
		if !told {
			if g.exposed.told == nil {
				g.exposed.told = make(map[string]bool)
			}
			g.exposed.told[key] = true
		}
		g.exposed.Unlock()
		if step := t.asm.rungByName(ownership.Rung); !told && step != nil {
			t.judge(step, ownership.NewMember(member))
		}
	}
}

// exposedEvery is which of the answers in JSON is looked at.
const exposedEvery = 4

// newMembers are those that were told of.
type newMembers struct {
	sync.Mutex
	told map[string]bool
}

// An OwnershipSuggestion is what is proposed of application.ownership.
type OwnershipSuggestion struct {
	// Rules are to be written into application.ownership.rules as they stand.
	Rules []OwnershipProposal `json:"rules"`
	// Me are for identity.backend_session.me.
	Me []OwnershipProposal `json:"me,omitempty"`
	// Open are routes for which nothing is proposed, and why.
	Open []OwnershipProposal `json:"open,omitempty"`
}

// An OwnershipProposal is one line of it.
type OwnershipProposal struct {
	Route string `json:"route"`
	// Text is the entry as a file has it; empty where there is none.
	Text string `json:"text,omitempty"`
	// Evidence is what was seen, in words.
	Evidence string `json:"evidence"`
	// Wanted is how many more observations would tell; 0 where more would not.
	Wanted int `json:"wanted,omitempty"`

	rule config.OwnershipRule
	me   config.Me
}

// SuggestOwnership proposes from what a running gate saw.
func (l local) SuggestOwnership(context.Context) (OwnershipSuggestion, error) {
	return suggestOwnership(l.learner), nil
}

// SuggestOwnership proposes from what a gate that is not running has kept.
func (s state) SuggestOwnership(context.Context) (OwnershipSuggestion, error) {
	learner, err := learn.New(learn.Options{Store: s.store})
	if errors.Is(err, store.ErrReadOnly) { // a gate that learned nothing has left no key
		return OwnershipSuggestion{}, nil
	}
	if err != nil {
		return OwnershipSuggestion{}, err
	}
	return suggestOwnership(learner), nil
}

func (c *client) SuggestOwnership(ctx context.Context) (OwnershipSuggestion, error) {
	return ask[OwnershipSuggestion](ctx, c, "suggest-ownership", struct{}{})
}

func suggestOwnership(l *learn.Learner) (s OwnershipSuggestion) {
	for _, p := range l.Suggest() {
		one := OwnershipProposal{Route: p.Route, Evidence: p.Evidence, Wanted: p.Wanted}
		switch {
		case !p.Proposed:
			s.Open = append(s.Open, one)
		case p.Me != nil:
			one.me = config.Me{Path: p.Me.Path, Aliases: p.Me.Aliases}
			one.Text = config.EntryYAML(one.me)
			s.Me = append(s.Me, one)
		default:
			one.rule = ownershipEntry(&p.Rule)
			s.add(one)
		}
	}
	for i := range s.Rules {
		s.Rules[i].Text = config.EntryYAML(s.Rules[i].rule)
	}
	return s
}

// add adds a rule, or joins it to one for the same requests: each says how the
// owner is told.
func (s *OwnershipSuggestion) add(p OwnershipProposal) {
	for i := range s.Rules {
		had := &s.Rules[i]
		a, b := &had.rule, &p.rule
		if a.Path != b.Path || a.Items != b.Items || a.Owner.As != b.Owner.As || a.Public.Given() || b.Public.Given() ||
			!slices.Equal(a.Methods, b.Methods) || !slices.Equal(a.ID, b.ID) {
			continue
		}
		a.Owner.Self = a.Owner.Self || b.Owner.Self
		a.Owner.Ledger = a.Owner.Ledger || b.Owner.Ledger
		a.Owner.Field, a.Owner.Column = cmp.Or(a.Owner.Field, b.Owner.Field), cmp.Or(a.Owner.Column, b.Owner.Column)
		a.Owner.Probe = cmp.Or(a.Owner.Probe, b.Owner.Probe)
		a.Gives = append(a.Gives, b.Gives...)
		had.Evidence += "; " + p.Evidence
		return
	}
	s.Rules = append(s.Rules, p)
}

// Apply writes the proposals into a configuration.
func (s OwnershipSuggestion) Apply(c *config.Config) {
	for _, r := range s.Rules {
		c.Application.Ownership.Rules = append(c.Application.Ownership.Rules, r.rule)
	}
	for _, m := range s.Me {
		c.Identity.BackendSession.Me = append(c.Identity.BackendSession.Me, m.me)
	}
}

// ownershipEntry is a rule as a file has it.
func ownershipEntry(r *ownership.Rule) config.OwnershipRule {
	own := r.Owner
	made := config.OwnershipRule{
		Path: r.Path, Methods: r.Methods, Thing: r.Thing, ID: r.ID, Tenant: r.Tenant, Items: r.Items, Counts: r.Counts, Whole: r.Whole, Public: r.Public,
		Owner: config.OwnershipOwner{
			Self: own.Self, Shared: own.Shared, Header: own.Header, Selector: own.Selector, Attribute: own.Attribute,
			Column: own.Column, Key: own.Key, Ledger: own.Ledger, Probe: own.Probe, AtWrite: own.AtWrite, As: own.As,
		},
		Admins: config.OwnershipAdmins{Roles: r.Admins.Roles, SecondFactor: r.Admins.SecondFactor, MaxAge: config.Duration(r.Admins.MaxAge)},
	}
	if len(own.Field) == 1 {
		made.Owner.Field = own.Field[0]
	} else {
		made.Owner.Fields = own.Field
	}
	for _, g := range r.Gives {
		made.Gives = append(made.Gives, config.OwnershipGiving(g))
	}
	return made
}
