package answer

import "strconv"

// An edit is what does not stay as it was: a part that goes, or a number that
// is lowered.
type edit struct {
	span
	// count is the node of a number, nil for a part that goes.
	count *node
	n     int
}

// A list follows which elements of an array stay.
type list struct {
	// from is behind the opening bracket, first where the first element begins,
	// last where the one before ended.
	from, first, last int
	element           span
	any, kept         bool
}

// fresh forgets what was found in the item before.
func (r *reader) fresh() {
	if r.own != nil {
		r.owner, r.tenant, r.missing, r.over = r.owner[:0], r.tenant[:0], false, false
	}
}

// judge asks about the item that was just read, and notes what goes: with an
// item goes the comma before it, or, as long as none was kept, the one behind.
func (r *reader) judge(l *list) {
	if r.own == nil {
		r.missing = r.missing || !r.plan.found(r.marks, r.plan.owners|r.plan.tenants)
		return
	}
	l.element.to = r.i
	if !l.any {
		l.any, l.first = true, l.element.from
	}
	switch {
	case !r.own(r.owners()):
		r.cut++
		if l.kept {
			r.remove(span{l.last, l.element.to})
		}
	case !l.kept:
		l.kept = true
		r.remove(span{l.first, l.element.from})
		fallthrough
	default:
		r.kept++
	}
	l.last = l.element.to
}

// close leaves nothing between the brackets of a list of which nothing stays.
func (r *reader) close(l list) {
	if l.any && !l.kept {
		r.remove(span{l.from, r.i - 1})
	}
}

func (r *reader) remove(s span) {
	if s.from == s.to {
		return
	}
	if last := len(r.edits) - 1; last >= 0 && r.edits[last].count == nil && r.edits[last].to == s.from {
		r.edits[last].to = s.to
		return
	}
	r.edits = append(r.edits, edit{span: s})
}

// badCount is a count that can't be lowered.
const badCount = -1

// count reads a number that is lowered in the end. null counts nothing, and
// what is below zero is how some say that they did not count.
func (r *reader) count(n *node) *Error {
	start := r.i
	if err := r.skip(); err != nil {
		return err
	}
	text := r.b[start:r.i]
	value, err := strconv.Atoi(string(text))
	switch {
	case string(text) == "null" || err == nil && value < 0:
		return nil
	case err != nil || text[0] == '-':
		value = badCount
	}
	if r.own != nil {
		r.edits = append(r.edits, edit{span: span{start, r.i}, count: n, n: value})
	}
	return nil
}

// assemble appends what stays to dst.
func (r *reader) assemble(dst []byte) ([]byte, error) {
	at := 0
	for _, e := range r.edits {
		dst = append(dst, r.b[at:e.from]...)
		at = e.to
		switch {
		case e.count == nil:
		case r.cut == 0:
			dst = append(dst, r.b[e.from:e.to]...)
		case e.n < r.cut:
			return nil, &Error{Fault: BadCount, Path: e.count.path, At: e.from}
		default:
			dst = strconv.AppendInt(dst, int64(e.n-r.cut), 10)
		}
	}
	return append(dst, r.b[at:]...), nil
}
