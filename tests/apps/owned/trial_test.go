package owned

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// A trial has people use a program, applies what is then proposed, has them use it
// again in enforce, and has everybody ask for everybody else's.
type trial struct {
	*site
	people []*person
	// use is a session of one person, from signing in.
	use func(*testing.T, *person)
	// open says that the program checks nothing itself.
	open bool
	// attacks are what no ordinary session has, against {their_…}.
	attacks []step
	// kept is everything that people have in the program, as text.
	kept func() string
}

func (tr trial) run(t *testing.T) {
	for _, p := range tr.people {
		p.vars["round"] = "1"
		tr.use(t, p)
	}
	said, err := tr.Admin().SuggestOwnership(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tell(t, said)
	if t.Failed() {
		t.FailNow()
	}
	tr.enforce(t, said, gatehouse.Enforce)
	since := time.Now()
	tr.record()
	for _, p := range tr.people {
		p.vars["round"] = "2"
		p.begin()
		tr.use(t, p)
	}
	tape := tr.cut()
	for _, e := range tr.refusals(since, ownership.Rung) {
		t.Errorf("ordinary use of %s was refused: %s %s: %s: %s", e.Principal, e.Method, e.Path, e.Rule, e.Evidence)
	}
	x := &crossing{trial: tr, rules: tr.c.Application.Ownership.Rules, tape: tape, done: map[string]int{}}
	before := tr.kept()
	x.everybody(t, x.refused)
	tr.attack(t, func(s step, a answered, owner, other *person) {
		if a.StatusCode < 400 || strings.Contains(a.text, owner.mark) {
			t.Errorf("%s does %s (%s) to %s: %s\n%s", other.name, s.do, a.Request.URL, owner.name, a.Status, head(a.text))
		}
	})
	if tr.kept() != before {
		t.Error("what somebody has was changed by another")
	}
	x.wantEach(t)
	// The control: what of it the program itself lets pass.
	tr.enforce(t, said, gatehouse.Observe)
	x.everybody(t, x.counted)
	did := map[string]bool{}
	tr.attack(t, func(s step, a answered, owner, _ *person) {
		if a.StatusCode < 400 || strings.Contains(a.text, owner.mark) {
			did[s.do] = true
		}
	})
	changed := tr.kept() != before
	t.Logf("%d requests for others' things, %d refused by the gate, the others by the program or shown as a list of one's own; with the rung observing, the program itself showed or did %d of them (something was changed: %t): %v",
		x.asked, x.here, x.shown, changed, slices.Sorted(maps.Keys(x.shownBy)))
	if tr.open != (x.shown > 0 && changed && len(did) > 0) || !tr.open && len(did) > 0 {
		t.Errorf("the control: the program itself showed or did %d, and %d attacks; it checks nothing: %t", x.shown, len(did), tr.open)
	}
	t.Logf("of %d further attacks it let pass: %v", len(tr.attacks), slices.Sorted(maps.Keys(did)))
}

// attack has each person do the attacks to the next.
func (tr trial) attack(t *testing.T, told func(s step, a answered, owner, other *person)) {
	for i, owner := range tr.people {
		other := tr.people[(i+1)%len(tr.people)]
		for name, value := range owner.vars {
			if !strings.HasPrefix(name, "their_") {
				other.vars["their_"+name] = value
			}
		}
		for _, s := range tr.attacks {
			told(s, other.sends(t, s), owner, other)
		}
	}
}

// tell logs what was proposed, and what was not.
func tell(t *testing.T, said gateway.OwnershipSuggestion) {
	t.Helper()
	for _, part := range []struct {
		name string
		all  []gateway.OwnershipProposal
	}{{"me", said.Me}, {"rule", said.Rules}, {"open", said.Open}} {
		for _, p := range part.all {
			t.Logf("%s: %s (%d wanted): %s\n%s", part.name, p.Route, p.Wanted, p.Evidence, p.Text)
		}
	}
}

// enforce applies what was proposed, exactly.
func (tr trial) enforce(t *testing.T, said gateway.OwnershipSuggestion, mode gatehouse.Mode) {
	t.Helper()
	c := tr.parse()
	said.Apply(c)
	modes := map[string]config.ModeSetting{ownership.Rung: {Mode: mode}}
	maps.Copy(modes, c.Modes)
	c.Modes = modes
	if err := tr.Reload(c); err != nil {
		t.Fatal(err)
	}
	tr.site.c = c
}

// A crossing sends what one person sent with another's credentials.
type crossing struct {
	trial
	rules []config.OwnershipRule
	tape  []recorded
	done  map[string]int // by rule
	// asked counts requests, here those that the gate refused, and shown those that
	// the program itself shows or does.
	asked, here, shown int
	// shownBy are the routes of what the program itself shows.
	shownBy map[string]bool
}

// under are the rules that a recorded request is under.
func (x *crossing) under(r *recorded) (all []*config.OwnershipRule) {
	for i := range x.rules {
		rule := &x.rules[i]
		if len(rule.Methods) > 0 && !slices.Contains(rule.Methods, r.method) {
			continue
		}
		if p, err := input.ParsePattern(rule.Path); err != nil || !p.Match(r.path()) {
			continue
		}
		if rule.Public.Given() {
			return nil
		}
		all = append(all, rule)
	}
	return all
}

func key(r *config.OwnershipRule) string { return fmt.Sprint(r.Methods, r.Path, r.ID, r.Items) }

// perRule bounds, in the short run, the requests of one person under one rule.
const perRule = 1

// everybody calls try with each recorded request that a rule is for, and with
// everybody whose it is not.
func (x *crossing) everybody(t *testing.T, try func(*testing.T, *recorded, []*config.OwnershipRule, *person, *person)) {
	sent := map[string]int{}
	for i := range x.tape {
		r := &x.tape[i]
		owner := slices.IndexFunc(x.people, func(p *person) bool { return p.name == r.user })
		rules := x.under(r)
		if owner < 0 || len(rules) == 0 {
			continue
		}
		once, some := r.user+r.method+r.target+r.body, r.user+r.method
		for _, rule := range rules {
			some += key(rule)
		}
		if sent[once] > 0 || !longRun() && sent[some] >= perRule {
			continue
		}
		sent[once]++
		sent[some]++
		for at, p := range x.people {
			if at != owner {
				try(t, r, rules, x.people[owner], p)
			}
		}
	}
}

// ask sends a recorded request as another person would, who has tokens against
// forgery of their own.
func (x *crossing) ask(t *testing.T, r *recorded, owner, other *person) answered {
	body, h := r.body, http.Header{}
	maps.Copy(h, r.header)
	if mine, theirs := other.vars["csrf"], owner.vars["csrf"]; theirs != "" {
		body = strings.ReplaceAll(body, encoded(theirs), encoded(mine))
		body = strings.ReplaceAll(body, theirs, mine)
		if h.Get("X-Csrf-Token") == theirs {
			h.Set("X-Csrf-Token", mine)
		}
	}
	return other.send(t, r.method, r.target, h, body, r.basic)
}

// refused wants that nothing of the owner's is shown, and that what is one thing is
// as if it did not exist.
func (x *crossing) refused(t *testing.T, r *recorded, rules []*config.OwnershipRule, owner, other *person) {
	a := x.ask(t, r, owner, other)
	x.asked++
	if a.StatusCode == http.StatusNotFound && strings.Contains(a.text, "urn:gatehouse:request:") {
		x.here++
	}
	one := false
	for _, rule := range rules {
		x.done[key(rule)]++
		one = one || single(rule)
	}
	if strings.Contains(a.text, owner.mark) {
		t.Errorf("%s asks %s %s of %s and is shown %s", other.name, r.method, r.target, owner.name, head(a.text))
	}
	if one && a.StatusCode < 400 {
		t.Errorf("%s asks %s %s of %s: %s\n%s", other.name, r.method, r.target, owner.name, a.Status, head(a.text))
	}
}

// single reports whether a rule is about one thing, which its path names.
func single(rule *config.OwnershipRule) bool {
	return rule.Items == "" && strings.Contains(rule.Path, "{") && !slices.ContainsFunc(rule.ID, func(id string) bool { return !strings.HasPrefix(id, "path:") })
}

// counted counts what the program itself shows or does.
func (x *crossing) counted(t *testing.T, r *recorded, rules []*config.OwnershipRule, owner, other *person) {
	a := x.ask(t, r, owner, other)
	did := a.StatusCode < 300 && r.method != http.MethodGet && slices.ContainsFunc(rules, single)
	if strings.Contains(a.text, owner.mark) || did {
		if x.shownBy == nil {
			x.shownBy = map[string]bool{}
		}
		x.shown++
		x.shownBy[r.method+" "+rules[len(rules)-1].Path] = true
	}
}

// wantEach wants that each rule was tried.
func (x *crossing) wantEach(t *testing.T) {
	t.Helper()
	for i := range x.rules {
		if r := &x.rules[i]; !r.Public.Given() && x.done[key(r)] == 0 {
			t.Errorf("nobody asked for another's by the rule for %v %s", r.Methods, r.Path)
		}
	}
}
