package taint

import (
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// work is what one judgement may spend, in bytes compared or decoded: some
// milliseconds at the most.
const work = 2 << 20

// settled is how many templates an account has once its statements are known
// by and large: from then on, an input of an exchange that may or may not have
// caused a statement is evidence only near a template.
const settled = 16

// A hunt looks for inputs in the structure of a statement of unknown shape.
type hunt struct {
	guard   *Guard
	account *account
	scratch *scratch
	st      Statement
	d       *Decision

	text     text       // that is searched: the statement, or one that it executes
	executed *executed  // the latter; nil for the statement itself
	input    *Candidate // that is looked for
	own      bool       // the input's exchange caused the statement, or may have
}

// run searches with the inputs of the statement's own exchange first, and then
// with the others. The own ones may spend all of the budget; a client that
// exhausts it is refused, and only its own statements are.
func (h *hunt) run(candidates []Candidate, texts []executed) {
	h.scratch.budget, h.scratch.capped = work, false
	h.pass(candidates, texts, true)
	if h.scratch.capped {
		h.d.Capped = true
		if h.d.Verdict == gatehouse.Pass && h.st.Exchange != "" {
			h.d.Verdict, h.d.Rule = gatehouse.Deny, RuleTooLarge
		}
	}
	if h.d.Verdict == gatehouse.Deny || h.st.Exchange == "" {
		return
	}
	h.scratch.budget, h.scratch.capped = work, false
	h.pass(candidates, texts, false)
	h.d.Capped = h.d.Capped || h.scratch.capped
}

func (h *hunt) pass(candidates []Candidate, texts []executed, own bool) {
	h.own = own
	if !h.any(candidates) {
		return
	}
	s := h.scratch
	h.text, h.executed = text{sql: h.st.SQL, tokens: s.shaper.tokens, account: h.account}, nil
	s.index.build(h.st.SQL, s.shaper.tokens)
	h.tooLarge(candidates)
	h.search(candidates)
	if h.d.Rule == "" {
		h.backward(candidates)
	}
	for i := range texts {
		if h.d.Verdict == gatehouse.Deny {
			return
		}
		s.second.read(h.st.Lexer, texts[i].text)
		tokens := append([]Token(nil), s.second.tokens...)
		h.text, h.executed = text{sql: texts[i].text, tokens: tokens, account: h.account}, &texts[i]
		s.index.build(texts[i].text, tokens)
		h.search(candidates)
	}
}

// mine reports whether a candidate belongs to the pass.
func (h *hunt) mine(c *Candidate) bool {
	return (h.st.Exchange == "" || h.st.Exchange == c.Exchange) == h.own
}

func (h *hunt) any(candidates []Candidate) bool {
	for i := range candidates {
		if h.mine(&candidates[i]) {
			return true
		}
	}
	return false
}

// tooLarge refuses a statement that was not lexed whole, where an input is large
// enough to have made it so.
func (h *hunt) tooLarge(candidates []Candidate) {
	const large = 64 << 10
	if !h.d.Capped || !h.own || h.st.Exchange == "" {
		return
	}
	for i := range candidates {
		if c := &candidates[i]; h.mine(c) && len(c.Value) >= large {
			h.d.Verdict, h.d.Rule, h.d.Evidence = gatehouse.Deny, RuleTooLarge, Evidence{Place: c.Place, Exchange: c.Exchange}
			return
		}
	}
}

func (h *hunt) search(candidates []Candidate) {
	for i := range candidates {
		c := &candidates[i]
		if h.done() {
			return
		}
		if !h.mine(c) || len(c.Value) < shortestName {
			continue
		}
		h.input = c
		h.try(c.Value, "", 0)
	}
}

// spend takes n of the budget, and reports whether it was there.
func (h *hunt) spend(n int) bool {
	h.scratch.budget -= n
	if h.scratch.budget < 0 {
		h.scratch.capped = true
	}
	return !h.scratch.capped
}

// pay spends what weighing took.
func (h *hunt) pay() {
	h.spend(h.text.steps)
	h.text.steps = 0
}

// done reports whether nothing that is still found would change the decision: of
// others' inputs, the first that explains the statement is told.
func (h *hunt) done() bool {
	return h.d.Verdict == gatehouse.Deny || h.scratch.capped || !h.own && h.d.Rule != ""
}

// try looks for a value, its parts, and what it says decoded.
func (h *hunt) try(v, decoded string, depth int) {
	v = trimmed(v)
	if len(v) < shortestName || !h.spend(8) {
		return
	}
	if len(v) < gramSize {
		h.lookName(v, decoded)
		return
	}
	h.look(v, decoded)
	h.breaks(v, decoded)
	if depth == 0 || depth == 1 && len(v) <= shortValue {
		enough := h.scratch.budget - forParts
		parts(v, func(part string, separator byte) bool {
			if part = trimmed(part); len(part) >= gramSize {
				if separator == '"' {
					h.try(part, join(decoded, "json"), maxDecodings)
				} else {
					h.lookPart(part, separator, join(decoded, "part"))
				}
			}
			return !h.done() && h.scratch.budget > enough
		})
	}
	if depth >= deepest(len(v)) {
		return
	}
	for _, d := range h.guard.decodings {
		if h.done() {
			return
		}
		if d.applies(v) {
			h.decode(d, v, decoded, depth)
		}
	}
}

// shortValue is the length up to which a value is decoded without looking first
// whether that is promising.
const shortValue = 512

// deepest is how many decodings after each other are tried of a value: the
// longer it is, the fewer.
func deepest(length int) int {
	switch {
	case length <= shortValue:
		return maxDecodings
	case length <= 8*shortValue:
		return 2
	}
	return 1
}

// decode tries what a value says decoded. Of a long one the beginning is decoded
// first, and the rest only where the statement may have it.
func (h *hunt) decode(d decoding, v, decoded string, depth int) {
	if len(v) > shortValue {
		head, ok := d.decode(v[:probed/12*12])
		if !ok || !h.promising(head) {
			return
		}
	}
	if !h.spend(len(v)) {
		return
	}
	if plain, ok := d.decode(v); ok && plain != v {
		h.try(plain, join(decoded, d.name), depth+1)
	}
}

// promising reports whether a text's beginning is in the statement, or may be
// encoded once more.
func (h *hunt) promising(head string) bool {
	head = trimmed(head)
	if len(head) < gramSize {
		return true
	}
	if head[0] == '{' || head[0] == '[' || h.scratch.index.places(head, 0) >= 0 {
		return true
	}
	return strings.IndexByte(head, '%') >= 0 || looksBase64(head) || looksHex(head)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// forParts is what may be spent of the budget on the parts of one value, which
// a long quotation of the statement's own text has many of.
const forParts = 16 << 10

// fewInside is how many places inside strings are compared with a value's
// beginning: enough to see that the statement is concatenated.
const fewInside = 4

// look finds a value in the text from the value's beginning on, which may have
// had a quote doubled or escaped.
func (h *hunt) look(v, decoded string) {
	h.lookFrom(v, v[:gramSize], decoded)
	p := strings.IndexAny(v[:gramSize], "'\"`\\")
	if p < 0 || h.done() {
		return
	}
	var head [gramSize + 1]byte
	for _, before := range [...]byte{v[p], '\\'} {
		copy(head[:], v[:p])
		head[p] = before
		copy(head[p+1:], v[p:gramSize])
		if h.lookFrom(v, string(head[:gramSize]), decoded); h.done() || v[p] == '\\' {
			return
		}
	}
}

// lookFrom finds a value where the text has the bytes of head.
func (h *hunt) lookFrom(v, head, decoded string) {
	x := &h.scratch.index
	left := fewInside
	for place := x.places(head, 0); place >= 0; place = x.after(place) {
		if x.isInside(place) {
			if left--; left < 0 {
				return // all that follow are inside strings as well: see breaks
			}
		}
		n, end := align(v, h.text.sql, place, true)
		if !h.spend(n/2 + 2) {
			return
		}
		full := n == len(v)
		if !full && n < 6 {
			continue
		}
		h.weigh(place, end, full, decoded)
		if h.done() {
			return
		}
	}
}

// shortestName is the shortest value that is looked for: "id" in the place of a
// number is a condition that always holds.
const shortestName = 2

// lookName finds a value that is shorter than what is indexed, as a name.
func (h *hunt) lookName(v, decoded string) {
	if len(v) < shortestName || !isLetter(v[0]) || !isLetter(v[1]) || h.executed != nil {
		return
	}
	if p := pair(v[0], v[1]); h.scratch.index.pairs[p>>6]&(1<<(p&63)) == 0 || !h.spend(len(h.text.tokens)/8) {
		return
	}
	for _, t := range h.text.tokens {
		if t.Class != Word || int(t.End-t.Start) != len(v) || !strings.EqualFold(h.text.sql[t.Start:t.End], v) {
			continue
		}
		if h.weigh(int(t.Start), int(t.End), true, decoded); h.done() || !h.spend(2) {
			return
		}
	}
}

func isLetter(c byte) bool { return 'a' <= fold[c] && fold[c] <= 'z' }

// lookPart finds what a value has after a separator: only what breaks out of a
// literal counts, since texts about SQL have parts that look like the
// statement's own.
func (h *hunt) lookPart(part string, separator byte, decoded string) {
	x := &h.scratch.index
	for place := x.places(part, 0); place >= 0 && !x.isInside(place); place = x.after(place) {
		n, end := align(part, h.text.sql, place, false)
		if !h.spend(n + 2) {
			return
		}
		if n == len(part) {
			h.weighPart(place, end, separator, decoded)
		}
		if h.done() {
			return
		}
	}
}

// weighPart weighs a part of a value.
func (h *hunt) weighPart(start, end int, separator byte, decoded string) {
	w := h.text.weigh(start, end, true)
	h.pay()
	if w != broken || h.startsAtEnd(start) {
		return
	}
	if start > 0 && h.text.sql[start-1] == separator {
		return // it is there too: nothing was split, the value quotes the statement
	}
	h.weigh(start, end, true, decoded)
}

// startsAtEnd reports whether a place is the quote that ends a literal.
func (h *hunt) startsAtEnd(place int) bool {
	for _, t := range h.text.tokens {
		if int(t.End)-int(t.Tail) == place && t.End-t.Start > int32(t.Lead)+int32(t.Tail) {
			return true
		}
	}
	return false
}

// extended is how many bytes two texts end with alike, up to most.
func extended(a, b string, most int) int {
	n := 0
	for n < len(a) && n < len(b) && n < most && matching[a[len(a)-1-n]] == matching[b[len(b)-1-n]] {
		n++
	}
	return n
}

// weigh settles what it means that an input explains the bytes from start to
// end of the text.
func (h *hunt) weigh(start, end int, full bool, decoded string) {
	w := h.text.weigh(start, end, full)
	h.pay()
	if w == nothing || w == inside {
		if w == inside && full && !h.d.Concatenated && h.executed == nil && isTelling(h.text.sql[start:end]) {
			h.concatenated(start, end, decoded)
		}
		return
	}
	rule := RuleStructure
	switch {
	case h.executed != nil && (w == words || w == phrase):
		return
	case h.executed != nil:
		rule = RuleSink
		start, end = h.executed.start, h.executed.end
	case w == whole:
		if h.account.size() == 0 {
			return // nothing is known that it could differ from
		}
		rule = RuleStatement
	default:
		if !h.sure(start, end, w) {
			return
		}
	}
	h.blame(rule, start, end, decoded)
}

// sure reports whether a span is evidence: by its weight alone, or since the
// statement without it is known.
func (h *hunt) sure(start, end int, w weight) bool {
	s := h.scratch
	if (w == words || w == phrase) && !h.mayBeKnown(start, end, w) {
		return false
	}
	known := h.guard.explains(s, h.account, h.st, start, end, w)
	nearest := ""
	if known {
		nearest = string(s.second.out)
	} else if w != words { // another name in the place of a name is a choice of names
		nearest, known = s.around(h.account, start)
	}
	alone := w == code || w == broken
	if alone && h.st.Exchange == "" && h.account.size() >= settled {
		alone = false // others' inputs are among the candidates
	}
	if known {
		h.d.Nearest = nearest
	}
	return alone || known
}

// blame sets the decision: a denial for an input of the exchange that caused the
// statement, or may have; words for the log otherwise.
func (h *hunt) blame(rule string, start, end int, decoded string) {
	if h.own {
		h.d.Verdict, h.d.Foreign = gatehouse.Deny, false
	} else if h.d.Rule != "" {
		return
	} else {
		h.d.Foreign = true
	}
	h.d.Rule, h.d.Evidence = rule, evidenceOf(h.input, start, end, decoded)
}

// concatenated notes an input inside a literal of a statement in quarantine.
func (h *hunt) concatenated(start, end int, decoded string) {
	a := h.account
	a.mu.RLock()
	s := a.quarantine[h.d.Fingerprint]
	a.mu.RUnlock()
	if s != nil && s.seen(h.text.sql[start:end]) {
		h.d.Concatenated, h.d.Inside = true, evidenceOf(h.input, start, end, decoded)
	}
}
