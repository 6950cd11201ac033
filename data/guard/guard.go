package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// Rung is the layer's name on the ladder.
const Rung = "data/guard"

// RulePassword is the rule of a password that is stored badly. The others are
// package taint's.
const RulePassword = "password-stored"

// Options configure a Protection.
type Options struct {
	// Guard judges. Required.
	Guard *taint.Guard
	// Recorder gets what is found in statements that pass. Required.
	Recorder gatehouse.Recorder
	// Inputs gives the inputs of all requests in flight, for statements of
	// which it is not known whose they are. Nil: such statements are judged
	// without inputs.
	Inputs func() []taint.Candidate
	// InFlight gives the exchanges that those may be of. Nil: none.
	InFlight func() []*exchange.Exchange
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Modes are those of the two rules that observe as shipped. The zero value
// enforces both.
type Modes struct {
	// Unknown is that of taint.RuleUnknown: enforce is what people call strict.
	Unknown gatehouse.Mode
	// Password is that of RulePassword.
	Password gatehouse.Mode
}

// A Protection is the rung. Make it with [New]. Its methods may be called
// concurrently.
type Protection struct {
	guard    *taint.Guard
	recorder gatehouse.Recorder
	inputs   func() []taint.Candidate
	inFlight func() []*exchange.Exchange
	now      func() time.Time
	told     told
	origins  origins
	asked    atomic.Uint64
}

// New checks the options.
func New(o Options) (*Protection, error) {
	switch {
	case o.Guard == nil:
		return nil, errors.New("guard: Options.Guard is missing")
	case o.Recorder == nil:
		return nil, errors.New("guard: Options.Recorder is missing: findings would be lost")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Protection{guard: o.Guard, recorder: o.Recorder, inputs: o.Inputs, inFlight: o.InFlight, now: o.Now}, nil
}

// A Judgement is what Check concluded of one statement. The zero value denies.
type Judgement struct {
	// Decision denies where the statement should not reach the database.
	Decision gatehouse.Decision
	// Foreign is set where only inputs of requests speak against it that did
	// not cause it: the denial is to be recorded, and the statement to pass.
	Foreign bool

	by         exchange.Attribution
	statement  taint.Statement
	candidates []taint.Candidate
	taint      taint.Decision
	stored     stored
	modes      Modes
}

// Check judges one statement, which an exchange caused as far as known. Where
// that is exact, its inputs alone are looked at; otherwise those of all that
// are in flight. It records nothing and learns nothing: see [Protection.Passed].
func (p *Protection) Check(by exchange.Attribution, st taint.Statement, m Modes) Judgement {
	st.Strict = m.Unknown == gatehouse.Enforce
	j := Judgement{statement: st, modes: m, by: by}
	p.judge(&j)
	switch {
	case j.taint.Verdict != gatehouse.Pass:
		j.Decision = j.denied()
		return j
	case j.taint.Foreign:
		j.Decision, j.Foreign = j.denied(), true
		return j
	}
	if by.Exchange != nil && m.Password != gatehouse.Off {
		j.stored = findStored(by.Exchange, st)
	}
	if m.Password == gatehouse.Enforce && j.stored.form != "" {
		j.Decision = j.stored.decision()
		return j
	}
	j.Decision = gatehouse.Passed()
	return j
}

// judge asks the guard: with the inputs of the exchange that caused the
// statement, and, where that is no proof, with everybody's. Those of others in a
// statement of known shape say nothing: a client may send what an application
// writes itself.
func (p *Protection) judge(j *Judgement) {
	if x := j.by.Proven(); x != nil {
		j.statement.Exchange, j.candidates = x.ID, x.Candidates()
		j.taint = p.guard.Judge(j.statement, j.candidates)
		denied := j.taint.Verdict != gatehouse.Pass && j.taint.Rule != taint.RuleUnknown
		if j.by.How == exchange.Exact || j.taint.Known || denied {
			return
		}
		j.statement.Exchange = ""
	}
	if j.by.Proven() == nil && p.asked.Add(1)%sampled != 0 {
		var known bool
		if j.taint, known = p.guard.Known(j.statement); known {
			return
		}
	}
	if p.inputs != nil {
		j.candidates = p.inputs()
	}
	j.taint = p.guard.Judge(j.statement, j.candidates)
}

// sampled is how many statements of known shape, of nobody knows whom, are passed
// for one that is compared with all inputs in flight: that refuses none of them,
// and finds that a statement is concatenated also in the one.
const sampled = 16

// evidence is what each rule says of an input; %s is what had been done to it.
var evidence = map[string]string{
	taint.RuleStructure: "the input%s is part of the statement's structure, where it may only be a value",
	taint.RuleStatement: "the input%s is a whole statement",
	taint.RuleSink:      "the input%s is structure of a text that the database executes",
	taint.RuleUnknown:   "the account is not known to send statements of this shape, and strict refuses those",
	taint.RuleTooLarge:  "the statement is larger than what is judged, and the input%s is large enough to be the cause",
}

// Evidence is the input that speaks against the statement; the zero value where
// none does.
func (j *Judgement) Evidence() taint.Evidence {
	switch j.Decision.Rule {
	case taint.RuleStructure, taint.RuleStatement, taint.RuleSink:
		return j.taint.Evidence
	}
	return taint.Evidence{}
}

func (j *Judgement) denied() gatehouse.Decision {
	d := gatehouse.Decision{Rule: j.taint.Rule, Place: j.taint.Evidence.Place}
	words, ok := evidence[d.Rule]
	switch {
	case !ok:
		d.Evidence = "the guard denied it"
	case d.Rule == taint.RuleUnknown:
		d.Evidence = words
	default:
		d.Evidence = fmt.Sprintf(words, done(j.taint.Evidence))
	}
	return d
}

// done says what the application did to an input, and how that is known.
func done(e taint.Evidence) string {
	words := ""
	if e.Decoding != "" {
		words = " (" + e.Decoding + ")"
	}
	if e.Backward {
		words += ", cut or changed on its way,"
	}
	return words
}

// Event makes the event of a decision about the statement.
func (j *Judgement) Event(a events.About, d gatehouse.Decision, o gatehouse.Outcome) gatehouse.Event {
	switch d.Rule {
	case taint.RuleUnknown:
		return events.ShapeQuarantined(a, d, o, j.about(a, taint.Evidence{}))
	case taint.RuleTooLarge:
		return events.GuardCapped(a, d, o, j.about(a, taint.Evidence{}))
	case RulePassword:
		return events.PasswordStored(a, d, o, events.Times{}, events.Stored{Form: j.stored.form, Column: j.stored.column}, j.aboutStored(a))
	case taint.RuleStructure, taint.RuleStatement, taint.RuleSink:
		return events.MaliciousSQLi(a, d, o, j.about(a, j.taint.Evidence))
	}
	return events.AuthzFail(a, d, o)
}

// Quiet reports whether the statement passes, and there is nothing to tell of
// it and nothing to learn: Passed would do nothing.
func (j *Judgement) Quiet() bool {
	return j.Decision.Verdict == gatehouse.Pass && j.taint.Known && !j.taint.Concatenated && !j.taint.Capped && j.stored.form == ""
}

// Again reports whether values bound to the statement must be judged with it:
// it has a function that executes text.
func (j *Judgement) Again() bool { return j.taint.Executes }

// Known reports whether the statement's shape is learned.
func (j *Judgement) Known() bool { return j.taint.Known }

// Attack reports whether the statement is one that the client of the exchange
// wrote: structure from its own request, no row that somebody else may have
// stored, and no whole statement, which is what an SQL console sends.
func (j *Judgement) Attack() bool {
	rule := j.Decision.Rule == taint.RuleStructure || j.Decision.Rule == taint.RuleSink
	return rule && !j.Foreign && j.Decision.Place.Kind != gatehouse.Row
}

// about is what an event says of the statement, with an input's span marked.
func (j *Judgement) about(a events.About, e taint.Evidence) events.Statement {
	s := events.Statement{
		Account: j.statement.Account, SQL: taint.Mark(j.statement, e), Template: j.taint.Nearest,
		Decoding: e.Decoding, Table: firstTable(j.statement),
	}
	if e.Exchange != a.Request {
		s.From = e.Exchange
	}
	return s
}

// Passed is told of a statement that goes on to the database: it learns from
// it, and records what was found. about and route are those of the request,
// empty where the statement is of none.
func (p *Protection) Passed(ctx context.Context, about events.About, route string, j Judgement) error {
	if j.Quiet() {
		return nil
	}
	var errs []error
	record := func(e gatehouse.Event) { errs = append(errs, p.recorder.Record(ctx, e)) }
	// What passed although it was denied is no example to learn from, unless
	// others alone spoke against it: they must not be able to stop learning.
	learns := j.Decision.Verdict == gatehouse.Pass || j.Decision.Rule == taint.RuleUnknown || j.Foreign
	if !j.taint.Known && !j.taint.Capped && learns {
		p.learn(about, route, &j, record)
	}
	if _, tell := p.told.note(j.key(toldCapped, ""), p.now, j.taint.Capped); tell {
		d := gatehouse.Decision{Rung: Rung, Route: route}
		record(events.GuardCapped(about, d, "", j.about(about, taint.Evidence{})))
	}
	if in := j.taint.Inside; j.taint.Concatenated {
		if n, tell := p.told.note(j.key(toldConcatenation, in.Place.String()), p.now, true); tell {
			record(events.Concatenation(about, route, in.Place, n, j.about(about, in)))
		}
	}
	if j.stored.form != "" && j.Decision.Rule != RulePassword {
		p.noteStored(about, route, &j, record)
	}
	return errors.Join(errs...)
}

// learn offers the statement's shape to the guard, and tells once where it is
// not taken yet.
func (p *Protection) learn(about events.About, route string, j *Judgement, record func(gatehouse.Event)) {
	if p.guard.Learn(j.statement, taint.Origin{ID: p.origin(j), Candidates: j.candidates}, p.now()) {
		record(events.TemplateLearned(about, route, j.about(about, taint.Evidence{})))
		return
	}
	if _, tell := p.told.note(j.key(toldShape, ""), p.now, j.modes.Unknown == gatehouse.Observe); tell {
		d := gatehouse.Denied(taint.RuleUnknown, gatehouse.Place{}, "the account is not known to send statements of this shape; no input explains it")
		d.Rung, d.Route = Rung, route
		record(events.ShapeQuarantined(about, d, gatehouse.Observed, j.about(about, taint.Evidence{})))
	}
}

func (p *Protection) noteStored(about events.About, route string, j *Judgement, record func(gatehouse.Event)) {
	s := &j.stored
	key := toldKey{kind: toldPassword, account: j.statement.Account, what: s.table + "\x00" + s.column + "\x00" + s.form}
	n, tell := p.told.note(key, p.now, true)
	if !tell {
		return
	}
	d := s.decision()
	d.Rung, d.Route = Rung, route
	record(events.PasswordStored(about, d, gatehouse.Observed, n, events.Stored{Form: s.form, Column: s.column}, j.aboutStored(about)))
}

func (j *Judgement) aboutStored(a events.About) events.Statement {
	s := j.about(a, taint.Evidence{})
	s.Table, s.Template = j.stored.table, ""
	return s
}

func (j *Judgement) key(kind toldKind, what string) toldKey {
	return toldKey{kind: kind, account: j.statement.Account, shape: j.taint.Fingerprint, what: what}
}
