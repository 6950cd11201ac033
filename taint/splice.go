package taint

// mayBeKnown reports whether the statement with a value in the place of a name
// may have a known shape, at the price of one hash: what explains reads anew, it
// puts together from the shape that was read. False is certain; where a value
// would change how its neighbours are read, it is true.
//
// An import in JSON has the names of all its columns as keys, and so in its
// statement, which is new with each number of rows.
func (h *hunt) mayBeKnown(start, end int) bool {
	s := h.scratch
	i := h.text.at(start)
	if i < 0 || int(s.shaper.tokens[i].Start) != start || int(s.shaper.tokens[i].End) != end || h.leans(i) {
		return true
	}
	out, ends := s.shaper.out, s.shaper.ends
	before := int32(0)
	if i > 0 {
		before = ends[i-1]
	}
	s.rebuilt = append(s.rebuilt[:0], out[:before]...)
	if i > 0 {
		s.rebuilt = append(s.rebuilt, ' ')
	}
	s.rebuilt = append(append(s.rebuilt, '?'), out[ends[i]:ends[len(ends)-1]]...)
	h.spend(len(s.rebuilt) / 4)
	var f Fingerprint
	f, s.hashed = fingerprintOf(&h.guard.o.Key, s.hashed, s.rebuilt)
	return h.account.lookup(f) != nil
}

// leans reports whether a neighbour of token i would be read otherwise beside a
// value: what touches it, signs, constants, and what may be a list of values.
func (h *hunt) leans(i int) bool {
	t := &h.text
	k := t.tokens[i]
	if k.Class != Word && k.Class != Quoted && k.Class != Operator || h.touches(int(k.Start)-1) || h.touches(int(k.End)) {
		return true
	}
	if i+1 < len(t.tokens) && (t.isSign(i+1) || t.tokens[i+1].Class == Word && isConstant(t.textOf(i+1))) || i > 0 && t.isSign(i-1) {
		return true
	}
	for j := i - 1; j >= 0; j-- {
		h.spend(1)
		switch t.tokens[j].Class {
		case String, Number, Param, Punct:
		case Word:
			if isConstant(t.textOf(j)) {
				continue
			}
			return foldedEqual(t.textOf(j), "in") || foldedEqual(t.textOf(j), "array")
		default:
			if !t.isSign(j) {
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
