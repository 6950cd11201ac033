package taint

import (
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// A scratch is the memory of one judgement, used again by the next.
type scratch struct {
	shaper  shaper
	second  shaper // of the statement without the input
	index   index
	hashed  []byte
	budget  int
	capped  bool
	rebuilt []byte
}

// keepAtMost is how much memory a scratch keeps after a large statement.
const keepAtMost = 1 << 20

func (s *scratch) release() {
	s.shaper.sql, s.second.sql, s.index.sql = "", "", ""
	if cap(s.shaper.tokens)*16+cap(s.shaper.out)+cap(s.index.next)*4+cap(s.rebuilt)+cap(s.hashed) > keepAtMost {
		*s = scratch{}
	}
}

// lexed is how a shaper reads a statement; it reports whether it read all.
func (s *shaper) read(l Lexer, sql string) bool {
	var whole bool
	s.sql = sql
	s.tokens, whole = l.Lex(sql, s.tokens[:0])
	s.run()
	return whole
}

func (g *Guard) judge(s *scratch, st Statement, candidates []Candidate) Decision {
	a := g.account(st.Account)
	a.judged.Add(1)
	d := g.settle(s, a, st, candidates)
	switch {
	case d.Known:
		a.known.Add(1)
	default:
		a.unknown.Add(1)
	}
	if d.Capped {
		a.capped.Add(1)
	}
	if d.Verdict == gatehouse.Deny {
		a.denied.Add(1)
	}
	return d
}

func (g *Guard) settle(s *scratch, a *account, st Statement, candidates []Candidate) Decision {
	d, t := g.shape(s, a, st)
	if t != nil {
		if t.literals {
			g.known(s, a, t, st, candidates, &d)
		}
		return d
	}
	var texts []executed
	if d.Executes {
		texts = s.shaper.executed(st.Params)
	}
	return g.hunt(s, a, st, candidates, texts, d)
}

// shape reads a statement, and finds its template; nil where it has none.
func (g *Guard) shape(s *scratch, a *account, st Statement) (Decision, *template) {
	whole := s.shaper.read(st.Lexer, st.SQL)
	d := Decision{Verdict: gatehouse.Pass, Capped: !whole}
	if s.shaper.sinks > 0 {
		d.Executes = true
		s.shapeExecuted(st.Lexer, s.shaper.executed(st.Params))
	}
	d.Fingerprint, s.hashed = fingerprintOf(&g.o.Key, s.hashed, s.shaper.out)
	t := a.lookup(d.Fingerprint)
	d.Known = t != nil && whole
	if !d.Known {
		t = nil
	}
	return d, t
}

// hunt judges a statement of unknown shape. It is apart from settle so that the
// decision on a known shape stays on the stack.
func (g *Guard) hunt(s *scratch, a *account, st Statement, candidates []Candidate, texts []executed, d Decision) Decision {
	h := hunt{guard: g, account: a, scratch: s, st: st, d: &d}
	h.run(candidates, texts)
	if d.Rule == "" && st.Strict {
		d.Verdict, d.Rule = gatehouse.Deny, RuleUnknown
	}
	return d
}

// shapeExecuted appends the shapes of executed texts to the statement's own.
func (s *scratch) shapeExecuted(l Lexer, texts []executed) {
	for _, t := range texts {
		s.second.read(l, t.text)
		s.shaper.out = append(append(append(s.shaper.out, " {"...), s.second.out...), '}')
	}
}

// maxFiltered is the longest statement that is looked through for each value.
const maxFiltered = 2 << 10

// known looks whether an input made one known shape into another: whether its
// whole text is there, covers structure, and the statement without it is known
// as well.
func (g *Guard) known(s *scratch, a *account, t *template, st Statement, candidates []Candidate, d *Decision) {
	if len(candidates) == 0 {
		return
	}
	if len(st.SQL) > maxFiltered {
		s.index.build(st.SQL, s.shaper.tokens)
	} else {
		s.index.filter(st.SQL)
	}
	if s.budget = work; g.knownInputs(s, a, t, st, candidates, false, d) {
		return
	}
	// The inputs of others must not keep the statement's own from being looked
	// at. Where those are too many as well, the statement passes: its shape is
	// one that the application sends.
	d.Capped = true
	if st.Exchange != "" {
		s.budget = work
		g.knownInputs(s, a, t, st, candidates, true, d)
	}
}

// knownInputs looks at all inputs or only at those of the statement's own exchange,
// and reports whether the budget was enough.
func (g *Guard) knownInputs(s *scratch, a *account, t *template, st Statement, candidates []Candidate, own bool, d *Decision) bool {
	for i := range candidates {
		v := candidates[i].Value
		if d.Verdict == gatehouse.Deny {
			return true
		}
		if s.budget <= 0 {
			return false
		}
		if own && candidates[i].Exchange != st.Exchange {
			continue
		}
		if len(v) < gramSize || len(st.SQL) <= maxFiltered && v[0] > ' ' && v[0] < utf8.RuneSelf && !s.index.has(gram(v, 0)) {
			continue // most are not in the statement
		}
		if v = trimmed(v); len(v) < gramSize {
			continue
		}
		if len(st.SQL) <= maxFiltered && (len(v) > len(st.SQL) || !s.index.mayHold(v)) {
			continue
		}
		g.knownInput(s, a, t, st, &candidates[i], v, d)
	}
	return true
}

// knownInput looks at one input that may be in a statement of known shape.
func (g *Guard) knownInput(s *scratch, a *account, t *template, st Statement, c *Candidate, v string, d *Decision) {
	seen := text{sql: st.SQL, tokens: s.shaper.tokens, account: a}
	if len(st.SQL) <= maxFiltered {
		s.budget -= len(st.SQL) / 8 // nextPlace goes over it
	}
	for place := s.firstPlace(v, len(st.SQL) > maxFiltered); place >= 0 && s.budget > 0; place = s.nextPlace(v, place, len(st.SQL) > maxFiltered) {
		n, end := align(v, st.SQL, place, false)
		s.budget -= n + 4
		if n < len(v) {
			continue
		}
		w := seen.weigh(place, end, true)
		s.budget -= seen.steps
		seen.steps = 0
		switch w {
		case inside:
			if !d.Concatenated && isTelling(v) && t.seen(v) {
				d.Concatenated, d.Inside = true, evidenceOf(c, place, end, "")
			}
		case code, broken:
			if !g.explains(s, a, st, place, end, w) {
				continue
			}
			own := st.Exchange != "" && st.Exchange == c.Exchange
			if d.Rule == "" || own {
				d.Rule, d.Evidence, d.Nearest, d.Foreign = RuleStructure, evidenceOf(c, place, end, ""), string(s.second.out), !own
			}
			if own {
				d.Verdict = gatehouse.Deny
				return
			}
		}
	}
}

func evidenceOf(c *Candidate, start, end int, decoded string) Evidence {
	return Evidence{Place: c.Place, Exchange: c.Exchange, Start: start, End: end, Decoding: decoded}
}

// isTelling reports whether a value inside a literal says that it was put there:
// short ones and numbers are there by chance.
func isTelling(v string) bool {
	if len(v) < 4 {
		return false
	}
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return true
		}
	}
	return false
}

func (s *scratch) firstPlace(v string, indexed bool) int {
	if indexed {
		return s.index.places(v, 0)
	}
	return s.nextPlace(v, -1, false)
}

func (s *scratch) nextPlace(v string, place int, indexed bool) int {
	if indexed {
		return s.index.after(place)
	}
	sql, c := s.index.sql, matching[v[0]]
	for place++; place+gramSize <= len(sql); place++ {
		if matching[sql[place]] == c && matching[sql[place+1]] == matching[v[1]] {
			return place
		}
	}
	return -1
}

// explains reports whether the statement with an ordinary value in the span's
// place has a known shape: then an input made the statement out of that one.
// The shape is left in s.second.
func (g *Guard) explains(s *scratch, a *account, st Statement, start, end int, w weight) bool {
	filler := "1"
	if w == broken {
		filler = "x"
	}
	s.rebuilt = append(append(append(s.rebuilt[:0], st.SQL[:start]...), filler...), st.SQL[end:]...)
	s.second.read(st.Lexer, string(s.rebuilt))
	s.budget -= len(s.rebuilt) + 4*len(s.second.tokens) // reading costs more than comparing
	var f Fingerprint
	f, s.hashed = fingerprintOf(&g.o.Key, s.hashed, s.second.out)
	return a.lookup(f) != nil
}

// around gives the template that the statement is but for one token where the
// input stands; it follows explains.
func (s *scratch) around(a *account, start int) (string, bool) {
	i := 0
	for i < len(s.second.tokens) && int(s.second.tokens[i].End) <= start {
		i++
	}
	if i >= len(s.second.tokens) {
		return "", false
	}
	shape := string(s.second.out)
	from := int32(0)
	if i > 0 {
		from = s.second.ends[i-1]
	}
	return a.between(shape[:from], shape[s.second.ends[i]:])
}
