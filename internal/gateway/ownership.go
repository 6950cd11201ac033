package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file asks whose the things are that requests ask for: application/ownership
// joined to its lines of the ladder.

// owned is a request under application/ownership.
type owned struct {
	request ownership.Request
	rules   *ownership.Case // nil: none is for it
	// told is set where the rung has said no before the backend was asked, which it
	// was all the same: the rung only observes, or lets this pass.
	told bool
	// proven is set where the request may pass, and what it asks for was shown to be
	// its own.
	proven bool
	// shown is the beginning of the answer, to learn from; cut says there was more.
	shown []byte
	cut   bool
}

func (g *Gate) openLedger() (err error) {
	g.ledger, err = ledger.New(ledger.Options{Store: g.store, Now: g.now})
	return err
}

func (g *Gate) ownershipOf(c *config.Config) (*ownership.Ownership, error) {
	if old := g.unchanged(c, func(c *config.Config) any { return c.Application.Ownership }); old != nil {
		return old.ownership, nil
	}
	o := ownership.Options{Ledger: g.ledger, Limit: int64(c.Application.Ownership.Limit), Now: g.now}
	for i := range c.Application.Ownership.Rules {
		rule := ownershipRule(&c.Application.Ownership.Rules[i])
		if rule.Owner.AtWrite && len(c.Data.SQL) == 0 {
			return nil, fmt.Errorf("application.ownership.rules[%d].owner.at_write leaves changes to an SQL gate, and there is none: add data.sql, or run with --db", i)
		}
		o.Rules = append(o.Rules, rule)
	}
	for _, s := range c.Application.Ownership.Shares {
		o.Shares = append(o.Shares, ownership.Share{Thing: s.Thing, ID: s.ID, Principal: s.Principal, Until: s.Until.Time, Change: s.Change, Reason: s.Reason})
	}
	return ownership.New(o)
}

func ownershipRule(r *config.OwnershipRule) ownership.Rule {
	own := r.Owner
	fields := own.Fields
	if own.Field != "" {
		fields = []string{own.Field}
	}
	made := ownership.Rule{
		Path: r.Path, Methods: r.Methods, Thing: r.Thing, ID: r.ID, Tenant: r.Tenant, Items: r.Items, Counts: r.Counts, Whole: r.Whole, GraphQL: r.GraphQL, Public: r.Public,
		Owner: ownership.Owner{
			Self: own.Self, Field: fields, Shared: own.Shared, Header: own.Header, Selector: own.Selector, Attribute: own.Attribute,
			Column: own.Column, Key: own.Key, Ledger: own.Ledger, Probe: own.Probe, AtWrite: own.AtWrite, As: own.As,
		},
		Admins: ownership.Admins{Roles: r.Admins.Roles, SecondFactor: r.Admins.SecondFactor, MaxAge: r.Admins.MaxAge.Std()},
	}
	for _, g := range r.Gives {
		made.Gives = append(made.Gives, ownership.Giving(g))
	}
	return made
}

// ownershipRung decides before the backend is asked: about changes, and about
// reads where no answer could tell.
func ownershipRung(*config.Config, *Gate) (requestCheck, error) {
	return func(t *transit) gatehouse.Decision {
		o := &t.owns
		d := t.beginOwned()
		if d.Verdict == gatehouse.Pass && o.rules != nil {
			d = o.rules.Before(t.r.Context(), prober{t})
		}
		// Where the rung observes, the answer is not judged again.
		if o.told = d.Verdict != gatehouse.Pass; o.told || o.rules == nil {
			return d
		}
		o.proven = !o.rules.Waits()
		if o.rules.Admin {
			t.gate.record(context.WithoutCancel(t.r.Context()), events.AdminAct(t.about(), t.x.Route))
		}
		if o.rules.Shows() { // a part of an answer, or none, can't be judged
			for _, name := range [...]string{"Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
				t.r.Header.Del(name)
			}
		}
		return d
	}, nil
}

// beginOwned finds the rules for the request, and whom it is from where they ask for
// more of that than is known.
func (t *transit) beginOwned() (d gatehouse.Decision) {
	o := &t.owns
	o.request = t.owned()
	o.rules, d = t.asm.ownership.Begin(o.request)
	if d.Verdict == gatehouse.Pass && o.rules != nil && o.rules.Wants() && t.asksMe() {
		o.request = t.owned()
		o.rules, d = t.asm.ownership.Begin(o.request)
	}
	return d
}

// owned is the request as application/ownership asks about it.
func (t *transit) owned() ownership.Request {
	return ownership.Request{
		Method: t.r.Method, Path: t.r.URL.EscapedPath(), Query: t.r.URL.RawQuery, Route: t.x.Route, Host: t.r.Host, Header: t.r.Header,
		Overrides: append(access.Overrides(t.r), t.namedMethods()...), Inputs: t.x.Inputs,
		Unread: t.bringsMore() || t.x.Inputs != nil && t.x.Inputs.Streamed(), Principal: t.x.Principal,
	}
}

// ownedAnswerRung decides about what the answer shows, before anything of it
// leaves.
func ownedAnswerRung(*config.Config, *Gate) (responseStep, error) {
	return responseStep{hold: func(t *transit, a *activeRung, res *http.Response) error {
		o := &t.owns
		if o.told {
			return nil // nor does what was not theirs give them anything
		}
		waits := o.rules.Waits()
		if !waits && !t.asm.ownership.Gives(&o.request) {
			return nil
		}
		held, err := t.heldAnswer(res, waits)
		if err != nil {
			return err
		}
		if waits {
			passed, err := t.judgeOwned(a, res, held)
			if !passed || err != nil {
				return err
			}
		}
		if err := t.asm.ownership.Given(context.WithoutCancel(t.r.Context()), &o.request, &held.answer); err != nil {
			t.gate.logger.Error("what an answer gave could not be taken down: it may be refused to its owner", "request", t.x.ID, "error", err)
		}
		return nil
	}, scan: func(t *transit, res *http.Response, _ refuser) bodyScan {
		return t.learns(res)
	}, check: func(t *transit, res *http.Response, _ bool) gatehouse.Decision {
		t.learned(res)
		return gatehouse.Passed()
	}}, nil
}

// heldAnswer reads as much of an answer as says anything about whose it is, or whom
// it gives something.
func (t *transit) heldAnswer(res *http.Response, waits bool) (*wholeAnswer, error) {
	reads := waits && t.owns.rules.Reads(res.Header) || t.asm.ownership.Gives(&t.owns.request)
	if reads && res.StatusCode != http.StatusSwitchingProtocols { // whose body is the connection
		return holdAnswer(res, t.asm.ownership.Limit())
	}
	return &wholeAnswer{answer: ownership.Answer{Status: res.StatusCode, Header: res.Header}, closer: res.Body}, nil
}

// judgeOwned has the answer judged, and changed where others' things are cut out.
func (t *transit) judgeOwned(a *activeRung, res *http.Response, held *wholeAnswer) (passed bool, err error) {
	held.answer.Rows = t.gate.rows(t.x)
	var body []byte
	var cut int
	d := t.guarded(a, func() (d gatehouse.Decision) {
		d, body, cut = t.owns.rules.After(t.r.Context(), prober{t}, &held.answer)
		return d
	})
	switch {
	case d.Rule == ownership.RuleGone && d.Verdict != gatehouse.Pass:
		if !t.mends(a) {
			return false, nil
		}
		_ = res.Body.Close() // nothing of it is sent
		d.Rung = a.name
		return false, &refusedError{d} // the backend's word, told in the gate's document
	case d.Verdict != gatehouse.Pass:
		d, ok := t.judge(a, d)
		if ok {
			return false, nil
		}
		_ = res.Body.Close() // refused: nothing of it is sent
		return false, &refusedError{d}
	}
	t.owns.proven = true
	if t.mends(a) {
		private(res.Header)
	}
	if cut > 0 {
		d := gatehouse.Denied(ownership.RuleMixed, gatehouse.Place{}, "%d of the list's items were another's, and were cut out", cut)
		if _, ok := t.judge(a, d); ok {
			return false, nil // what it shows besides is not given away
		}
		held.replace(res, body)
	}
	return true, nil
}

// private keeps shared caches from handing one person's answer to another.
func private(h http.Header) {
	said := strings.ToLower(strings.Join(h.Values("Cache-Control"), ","))
	if said == "" || strings.Contains(said, "public") || strings.Contains(said, "s-maxage") {
		h.Set("Cache-Control", "private")
	}
}

// holdFor is how long an answer may take to be there as a whole.
const holdFor = 30 * time.Second

// A wholeAnswer is an answer that was read as far as it may be held.
type wholeAnswer struct {
	answer ownership.Answer
	// closer ends the backend's body.
	closer io.Closer
}

// holdAnswer reads an answer up to limit bytes, and has res send what was read.
func holdAnswer(res *http.Response, limit int64) (*wholeAnswer, error) {
	h := &wholeAnswer{answer: ownership.Answer{Status: res.StatusCode, Header: res.Header, Whole: true}, closer: res.Body}
	if res.Body == nil || res.Body == http.NoBody || res.Request.Method == http.MethodHead {
		return h, nil
	}
	original := res.Body
	late := time.AfterFunc(holdFor, func() { _ = original.Close() }) // ends the reading below
	raw, err := io.ReadAll(io.LimitReader(original, limit+1))
	if !late.Stop() && err != nil {
		err = nil // it is not there as a whole, and what is there is closed
		h.answer.Whole = false
	}
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		h.answer.Whole = false
		res.Body = readCloser{io.MultiReader(bytes.NewReader(raw), original), original}
	} else {
		res.Body = readCloser{bytes.NewReader(raw), original}
	}
	h.answer.Body = raw
	defer h.passOn(res)
	coding := strings.Join(res.Header.Values("Content-Encoding"), ",")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return h, nil
	}
	h.answer.Body = nil
	decoder, err := input.Decoder(coding, bytes.NewReader(raw), limit+1)
	if err != nil {
		h.answer.Whole = false
		return h, nil //nolint:nilerror // a coding that nobody reads tells nothing
	}
	defer decoder.Close()
	text, err := io.ReadAll(io.LimitReader(decoder, limit+1))
	h.answer.Body = text
	h.answer.Whole = h.answer.Whole && err == nil && int64(len(text)) <= limit
	return h, nil
}

// passOn has the rungs behind read what was held, where that is all, and not read
// and decode it once more.
func (h *wholeAnswer) passOn(res *http.Response) {
	if sent, ok := res.Body.(readCloser); ok && h.answer.Whole && h.answer.Body != nil {
		res.Body = &wholeBody{sent, h.answer.Body}
	}
}

// replace has res send another body, in no coding.
func (h *wholeAnswer) replace(res *http.Response, body []byte) {
	res.Body = &wholeBody{readCloser{bytes.NewReader(body), h.closer}, body}
	res.ContentLength = int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	for _, name := range [...]string{"Content-Encoding", "ETag", "Last-Modified", "Content-MD5", "Digest", "Repr-Digest", "Content-Digest", "Accept-Ranges"} {
		res.Header.Del(name)
	}
	h.answer.Body = body
}
