package taint

import "sort"

const (
	// nearShare is how much of a template's shape a statement near it has.
	nearShare = 0.5
	// novelShare is how much of what is new must occur in an input (measured
	// before this design was chosen).
	novelShare = 0.6
	// fewestNovel is how many tokens of what is new tell something: names alone
	// occur in inputs by chance.
	fewestNovel = 5
	// telling is how many bytes of the application's own text in an input make
	// it a quotation.
	telling = 12
	// shortestRun is how many bytes of an input in a row count.
	shortestRun = 8
)

// backward looks for what is new beside the nearest template in the inputs: it
// finds what was cut at its beginning, or changed in between.
func (h *hunt) backward(candidates []Candidate) {
	s := h.scratch
	shape := string(s.shaper.out)
	nearest, head, tail := h.account.nearest(shape)
	if float64(head+tail) < nearShare*float64(len(nearest)) || nearest == "" {
		return
	}
	h.d.Nearest = nearest
	first := sort.Search(len(s.shaper.ends), func(i int) bool { return int(s.shaper.ends[i]) > head })
	last := sort.Search(len(s.shaper.ends), func(i int) bool { return int(s.shaper.ends[i]) > len(shape)-tail-1 }) - 1
	code, tokens := 0, 0
	for i := first; i <= last; i++ {
		t := s.shaper.tokens[i]
		if h.text.isCode(t) {
			tokens++
		}
		if h.text.isCode(t) || t.Class == Punct {
			code += int(t.End - t.Start)
		}
	}
	if tokens < fewestNovel || code < shortestRun {
		return
	}
	novel := novelty{h: h, first: first, last: last, code: code}
	for i := range candidates {
		c := &candidates[i]
		if !h.mine(c) || len(c.Value) < shortestRun || h.scratch.capped {
			continue
		}
		if novel.explainedBy(c.Value) {
			h.input = c
			h.blame(RuleStructure, int(s.shaper.tokens[first].Start), int(s.shaper.tokens[last].End), "")
			h.d.Evidence.Backward = true
			return
		}
	}
}

// isCode reports whether a token tells something of where it came from: literals
// and punctuation are the same everywhere.
func (t *text) isCode(k Token) bool {
	switch k.Class {
	case String, Number, Param, Punct:
		return false
	case Word:
		return !isConstant(t.sql[k.Start:k.End])
	}
	return true
}

// A novelty is the part of a statement that its nearest template has not.
type novelty struct {
	h           *hunt
	first, last int // tokens
	code        int // bytes of them that are no literal
	covered     []bool
}

// explainedBy reports whether enough of what is new occurs in v, in runs that
// are not part of a longer quotation of the application's own statement.
func (n *novelty) explainedBy(v string) bool {
	const longest = 16 << 10
	v = v[:min(len(v), longest)]
	most := 0 // bytes covered, those that are covered twice counted twice
	tokens := n.h.text.tokens
	from, to := int(tokens[n.first].Start), int(tokens[n.last].End)
	n.covered = n.covered[:0]
	x := &n.h.scratch.index
	for i := 0; i+gramSize <= len(v); {
		best := 0
		for place := x.places(v, i); place >= 0; place = x.after(place) {
			if !n.h.spend(2) {
				return false
			}
			if place > 0 && place < from || place >= to {
				continue
			}
			matched, end := align(v[i:], n.h.text.sql, place, false)
			if matched >= shortestRun && !n.h.spend(matched/2) {
				return false
			}
			if place < from {
				if matched >= telling {
					return false // v quotes such a statement from its beginning
				}
				continue
			}
			if matched < shortestRun || n.quoted(v, i, place) {
				continue
			}
			best = max(best, matched)
			if x.isInside(place) && n.h.text.insideOne(place, end) {
				continue // no code is in it
			}
			if len(n.covered) == 0 {
				n.h.spend((to - from) / 16)
				n.covered = append(n.covered, make([]bool, to-from)...)
			}
			most += min(end, to) - place
			for j := place; j < min(end, to); j++ {
				n.covered[j-from] = true
			}
		}
		if !n.h.spend(1) {
			return false
		}
		i += max(best, 1)
	}
	enough := novelShare * float64(n.code)
	return float64(most) >= enough && n.h.spend(to-from) && float64(n.explained(from)) >= enough
}

// quoted reports whether v says before i what the statement says before place,
// in the application's own part: v speaks of the statement then.
func (n *novelty) quoted(v string, i, place int) bool {
	from := int(n.h.text.tokens[n.first].Start)
	same := extended(v[:i], n.h.text.sql[:place], 256)
	n.h.spend(same)
	return same > place-from+telling
}

// explained is how many bytes of code are covered.
func (n *novelty) explained(from int) int {
	total := 0
	for _, t := range n.h.text.tokens[n.first : n.last+1] {
		if !n.h.text.isCode(t) && t.Class != Punct {
			continue
		}
		for j := t.Start; j < t.End; j++ {
			if n.covered[int(j)-from] {
				total++
			}
		}
	}
	return total
}
