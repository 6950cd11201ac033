package outline

import "github.com/gatehousehq/gatehouse/taint"

// where reads WHERE, and whether what follows may leave out a row.
func (r *reader) where(l *level) {
	l.part = elsewhere
	if l.target == 0 {
		return
	}
	r.note(l.target-1, Compares)
	if l.verb != Update && l.verb != Delete {
		return
	}
	end := r.i + 1
	for depth := 0; end < len(r.tokens); end++ {
		if r.isPunct(end, '(') || r.isPunct(end, '[') {
			depth++
		}
		if r.isPunct(end, ')') || r.isPunct(end, ']') {
			depth--
		}
		k := r.kw(end)
		if depth < 0 || depth == 0 && (k == kwReturning || k == kwClause || r.isPunct(end, ';')) {
			break
		}
	}
	l.filtered = !r.always(r.i+1, end, 0)
}

// always reports whether a condition, tokens from to end, is plainly true of
// every row: it has no column in it, or is one column that equals itself, or
// has such a condition beside an OR.
func (r *reader) always(from, end, depth int) bool {
	if !r.ahead(end - from) {
		return false
	}
	for from < end && r.isPunct(from, '(') && r.closing(from) == end-1 {
		from, end = from+1, end-1
		if depth++; depth > maxAlways {
			return false
		}
	}
	start, brackets := from, 0
	split := false
	for i := from; i < end; i++ {
		switch {
		case r.isPunct(i, '('), r.isPunct(i, '['):
			brackets++
		case r.isPunct(i, ')'), r.isPunct(i, ']'):
			brackets--
		case brackets == 0 && r.kw(i) == kwOr:
			if r.always(start, i, depth+1) {
				return true
			}
			start, split = i+1, true
		}
	}
	if split {
		return r.always(start, end, depth+1)
	}
	return from < end && (r.constant(from, end) || r.itself(from, end))
}

// constant reports whether nothing in the condition is a row's, and it is not
// plainly false.
func (r *reader) constant(from, end int) bool {
	for i := from; i < end; i++ {
		switch r.class(i) {
		case taint.Number, taint.String:
			r.out.Literal = true
		case taint.Operator, taint.Punct:
		case taint.Word:
			switch r.kw(i) {
			case kwConstant, kwNot, kwAnd:
			default:
				if !r.is(i, "is") && !r.is(i, "in") && !r.is(i, "between") && !r.is(i, "like") {
					return false
				}
			}
		default:
			return false
		}
	}
	switch end - from {
	case 1:
		return !r.is(from, "false") && !r.is(from, "null") && r.text(from) != "0"
	case 3:
		return r.text(from+1) != "=" || r.text(from) == r.text(from+2)
	}
	return true
}

// itself reports whether the condition is a = a.
func (r *reader) itself(from, end int) bool {
	half := (end - from) / 2
	if (end-from)%2 == 0 || half == 0 || r.text(from+half) != "=" {
		return false
	}
	for i := range half {
		a, b := from+i, from+half+1+i
		if r.class(a) == taint.Param || r.class(a) != r.class(b) || !same(r.text(a), r.text(b)) {
			return false
		}
	}
	return true
}

func same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
