package taint

// mayBeKnown reports whether the statement with a value in the place of names may
// have a known shape, or, of a phrase, be one but for a token, at the price of one
// hash: what explains reads anew, it puts together from the shape that was read.
// False is certain; where a value would change how its neighbours are read, it is
// true.
//
// An import in JSON has the names of all its columns as keys, and so in its
// statement, which is new with each number of rows.
func (h *hunt) mayBeKnown(start, end int, w weight) bool {
	if h.account.size() == 0 {
		return false
	}
	s := h.scratch
	first := h.text.at(start)
	if first < 0 || int(h.text.tokens[first].Start) != start {
		return true
	}
	last := first
	for last+1 < len(h.text.tokens) && int(h.text.tokens[last+1].Start) < end {
		last++
	}
	if int(h.text.tokens[last].End) != end || h.leans(first, last) {
		return true
	}
	out, ends := s.shaper.out, s.shaper.ends
	before := int32(0)
	if first > 0 {
		before = ends[first-1]
	}
	after := out[ends[last]:ends[len(ends)-1]]
	s.rebuilt = append(s.rebuilt[:0], out[:before]...)
	if first > 0 {
		s.rebuilt = append(s.rebuilt, ' ')
	}
	s.rebuilt = append(append(s.rebuilt, '?'), after...)
	h.spend(last - first + len(s.rebuilt)/4)
	var f Fingerprint
	f, s.hashed = fingerprintOf(&h.guard.o.Key, s.hashed, s.rebuilt)
	if h.account.lookup(f) != nil {
		return true
	}
	if w == words {
		return false
	}
	h.spend(len(s.rebuilt) / 4)
	_, ok := h.account.between(string(out[:before]), string(after))
	return ok
}

// leans reports whether a neighbour of the tokens would be read otherwise beside a
// value: what touches them, signs, constants, and what may be a list of values.
func (h *hunt) leans(first, last int) bool {
	t := &h.text
	switch t.tokens[first].Class {
	case Word, Quoted, Operator:
	default:
		return true
	}
	if h.touches(int(t.tokens[first].Start)-1) || h.touches(int(t.tokens[last].End)) || first > 0 && t.isSign(first-1) {
		return true
	}
	if last+1 < len(t.tokens) && (t.isSign(last+1) || t.tokens[last+1].Class == Word && isConstant(t.textOf(last+1))) {
		return true
	}
	for i := first - 1; i >= 0; i-- {
		h.spend(1)
		switch t.tokens[i].Class {
		case String, Number, Param, Punct:
		case Word:
			if isConstant(t.textOf(i)) {
				continue
			}
			return foldedEqual(t.textOf(i), "in") || foldedEqual(t.textOf(i), "array")
		default:
			if !t.isSign(i) {
				return false
			}
		}
	}
	return false
}

// touches reports whether the byte at a place would become one token with a
// number beside it.
func (h *hunt) touches(place int) bool {
	if place < 0 || place >= len(h.text.sql) {
		return false
	}
	c := h.text.sql[place]
	return '0' <= c && c <= '9' || isLetter(c) || c >= 0x80 || c == '_' || c == '.' || c == '$' || c == '\'' || c == '"'
}
