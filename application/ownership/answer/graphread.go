package answer

import (
	"slices"

	"github.com/gatehousehq/gatehouse/input"
)

// A graphReader goes through one answer of GraphQL along what was asked for.
type graphReader struct {
	reader
	graph *Graph
	own   func(Owners, bool) bool
	// gone are the parts that do not stay, those of a list behind those of the
	// lists within it.
	gone []span
}

// found is what one thing says of whose it is.
type found struct {
	Owners
	// said has a bit for each kind that was named.
	said uint8
}

// answers reads one answer, or those of a batch: which is whose, nobody need know,
// as what was asked for is that of all.
func (r *graphReader) answers(data *input.Selection) *Error {
	if r.peek() != '[' {
		return r.answer(data)
	}
	return r.elements(func() *Error {
		if r.peek() != '{' {
			return r.fault(UnexpectedType)
		}
		return r.answer(data)
	})
}

// answer reads {"data": …, "errors": […]}.
func (r *graphReader) answer(data *input.Selection) *Error {
	if r.peek() != '{' {
		return r.fault(NoData)
	}
	shown, failed := false, false
	err := r.members(func(name []byte) *Error {
		switch string(name) {
		case "data":
			if shown {
				return &Error{Fault: Twice, Path: "data", At: r.i}
			}
			shown = true
			return r.data(data)
		case "errors":
			failed = true
		}
		return r.skip()
	})
	if err == nil && !shown && !failed {
		err = r.fault(NoData)
	}
	return err
}

func (r *graphReader) data(data *input.Selection) *Error {
	switch c := r.peek(); {
	case c == 'n':
		return r.skip()
	case c != '{':
		return &Error{Fault: UnexpectedType, Path: "data", At: r.i}
	case data == nil:
		r.own(Owners{}, false)
		return r.skip()
	}
	return r.object(data, r.graph.step(1, data), nil)
}

// value reads the value of a member. at is what [Graph.step] said of it, listed is
// set for an element of a list; keep is false where it is one that goes.
func (r *graphReader) value(s *input.Selection, at uint64, listed bool, wants []want) (keep bool, err *Error) {
	thing := r.graph.reached(at)
	switch c := r.peek(); {
	case c == '{' && !thing:
		return true, r.nothing(wants, r.object(s, at, wants))
	case c == '{':
		of := &found{}
		for _, w := range r.graph.wants {
			wants = append(slices.Clip(wants), want{of, w.kind, w.rest})
		}
		if err := r.object(s, at, wants); err != nil {
			return false, err
		}
		return r.own(r.graph.says(of), listed), nil
	case c == '[':
		return true, r.list(s, at, wants)
	case c == 'n':
		return true, r.skip()
	case thing: // what is no object names nobody
		return r.own(Owners{}, listed), r.skip()
	}
	return true, r.leaf(wants)
}

// nothing is an error where an object stands in the place of what is wanted.
func (r *graphReader) nothing(wants []want, err *Error) *Error {
	if err == nil && slices.ContainsFunc(wants, func(w want) bool { return len(w.rest) == 0 }) {
		err = r.fault(NotScalar)
	}
	return err
}

func (g *Graph) says(f *found) Owners {
	o := f.Owners
	o.Complete = !o.Overflow && (g.owners || g.tenants) && (!g.owners || f.said>>ownerKind&1 != 0) && (!g.tenants || f.said>>tenantKind&1 != 0)
	return o
}

// leaf reads a scalar, for all that want it.
func (r *graphReader) leaf(wants []want) *Error {
	c, start := r.peek(), r.i
	if !slices.ContainsFunc(wants, func(w want) bool { return len(w.rest) == 0 }) {
		return r.skip()
	}
	text, err := r.scalarText(c, start)
	if err != nil || text == "" {
		return err
	}
	for _, w := range wants {
		if len(w.rest) > 0 {
			continue
		}
		w.of.said |= 1 << w.kind
		to := [...]*[]string{ownerKind: &w.of.Owner, tenantKind: &w.of.Tenant, sharedKind: &w.of.Shared}[w.kind]
		switch {
		case slices.Contains(*to, text):
		case len(*to) == maxOwners:
			w.of.Overflow = true
		default:
			*to = append(*to, text)
		}
	}
	return nil
}

// scalarText is what a string says, or how a number is written; true, false and the
// empty string name nobody.
func (r *graphReader) scalarText(c byte, start int) (string, *Error) {
	if c != '"' {
		if err := r.scalar(c); err != nil || c == 't' || c == 'f' {
			return "", err
		}
		return r.string(r.b[start:r.i]), nil
	}
	shape, err := r.text()
	if err != nil {
		return "", err
	}
	text, ok := r.plain(r.b[start+1:r.i-1], shape)
	switch {
	case !ok:
		return "", r.fault(InvalidText)
	case len(text) > maxValue:
		return "", r.fault(TooLong)
	}
	return r.string(text), nil
}

// object reads the members that were asked for. No server that follows the
// specification sends one twice.
func (r *graphReader) object(s *input.Selection, at uint64, wants []want) *Error {
	var seen seenMembers
	return r.members(func(name []byte) *Error {
		m := s.Members[string(name)]
		switch {
		case m == nil:
			return r.skip()
		case seen.twice(m, len(s.Members)):
			return r.fault(Twice)
		}
		var on []want
		for _, w := range wants {
			// Only what can be nothing else than the field is one.
			if m.Plain && len(w.rest) > 0 && len(m.Fields) == 1 && m.Fields[0] == w.rest[0] {
				on = append(on, want{w.of, w.kind, w.rest[1:]})
			}
		}
		_, err := r.value(m, r.graph.step(at, m), false, on)
		return err
	})
}

// list reads a list, and notes what of it does not stay.
func (r *graphReader) list(s *input.Selection, at uint64, wants []want) *Error {
	if slices.ContainsFunc(wants, func(w want) bool { return w.kind != sharedKind }) {
		return r.fault(UnexpectedType) // several are no owner
	}
	var all []span
	var keep []bool
	err := r.elements(func() *Error {
		r.peek()
		from := r.i
		stays, err := r.value(s, at, true, wants)
		all, keep = append(all, span{from, r.i}), append(keep, stays)
		return err
	})
	if err != nil {
		return err
	}
	r.without(all, keep)
	return nil
}

// without notes the elements of a list that go, with a comma each.
func (r *graphReader) without(all []span, keep []bool) {
	last := -1 // the one that stays before
	for i := range all {
		if !keep[i] {
			r.cut++
			continue
		}
		switch {
		case last < 0 && i > 0:
			r.gone = append(r.gone, span{all[0].from, all[i].from})
		case last >= 0 && i > last+1:
			r.gone = append(r.gone, span{all[last].to, all[i-1].to})
		}
		last = i
	}
	switch end := len(all) - 1; {
	case end < 0 || last == end:
	case last < 0:
		r.gone = append(r.gone, span{all[0].from, all[end].to})
	default:
		r.gone = append(r.gone, span{all[last].to, all[end].to})
	}
}

// members reads an object: value the value behind each name, which is only good
// until it reads on.
func (r *graphReader) members(value func(name []byte) *Error) *Error {
	if err := r.open(); err != nil {
		return err
	}
	if r.peek() == '}' {
		_, err := r.more('}')
		return err
	}
	for {
		name, err := r.name("")
		if err == nil {
			err = value(name)
		}
		if err != nil {
			return err
		}
		if more, err := r.more('}'); err != nil || !more {
			return err
		}
	}
}

// elements reads an array.
func (r *graphReader) elements(value func() *Error) *Error {
	if err := r.open(); err != nil {
		return err
	}
	if r.peek() == ']' {
		_, err := r.more(']')
		return err
	}
	for {
		if err := value(); err != nil {
			return err
		}
		if more, err := r.more(']'); err != nil || !more {
			return err
		}
	}
}

// manySeen is from how many members on those that were there are not looked
// through one by one.
const manySeen = 32

// A seenMembers has the members that were there in one object.
type seenMembers struct {
	few  []*input.Selection
	many map[*input.Selection]bool
}

// twice notes a member, of an object that may have so many.
func (s *seenMembers) twice(m *input.Selection, of int) bool {
	if of <= manySeen {
		was := slices.Contains(s.few, m)
		s.few = append(s.few, m)
		return was
	}
	if s.many == nil {
		s.many = make(map[*input.Selection]bool)
	}
	was := s.many[m]
	s.many[m] = true
	return was
}
