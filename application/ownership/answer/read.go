package answer

import (
	"bytes"
	"unicode/utf8"
)

// maxValue bounds an owner's text, in bytes; an e-mail address has 254.
const maxValue = 512

// A reader goes through one answer along a plan.
type reader struct {
	scanner
	plan *Plan
	// marks are the paths found so far in this thing, or in this element of an
	// array in it.
	marks                 uint64
	owner, tenant, shared []string
	// missing: some element of an array said no owner. over: too many owners.
	missing, over bool

	// seen holds where the watched members of the open objects stood before.
	seen []span
	// scratch is for strings with escapes.
	scratch []byte
	// known are the texts made last, so that a list of one owner makes one.
	known [8]string
	next  int

	// own judges the items; nil where they are only read.
	own       func(Owners) bool
	edits     []edit
	cut, kept int
}

type span struct{ from, to int }

// whole reads the one value that a body must be.
func (r *reader) whole() error {
	if err := r.value(&r.plan.root); err != nil {
		return err
	}
	if r.peek(); r.i < len(r.b) {
		return r.fault(NotJSON)
	}
	if r.plan.items && r.marks&listMark == 0 {
		return &Error{Fault: NoItems, Path: r.plan.list, At: r.i}
	}
	return nil
}

// owners says what was found in one thing, or in all items where they are read
// together: then each was asked for its own marks.
func (r *reader) owners() Owners {
	whole := !r.missing && !r.over && r.plan.owners|r.plan.tenants != 0
	if !r.plan.items || r.own != nil {
		whole = whole && r.plan.found(r.marks, r.plan.owners|r.plan.tenants)
	}
	return Owners{Owner: r.owner, Tenant: r.tenant, Shared: r.shared, Overflow: r.over, Complete: whole}
}

// found reports whether these marks are enough, where those are asked for.
func (p *Plan) found(marks, asked uint64) bool {
	if p.all {
		return marks&asked == asked
	}
	for _, kind := range [...]uint64{p.owners, p.tenants, listMark} {
		if asked&kind != 0 && marks&asked&kind == 0 {
			return false
		}
	}
	return true
}

// value reads the value at a node of the plan.
func (r *reader) value(n *node) *Error {
	c := r.peek()
	switch {
	case n.count:
		return r.count(n)
	case c == '{' && n.members != nil:
		return r.object(n)
	case c == '[' && n.element != nil:
		return r.array(n)
	case c == '{' || c == '[':
		return r.unexpected(n)
	}
	start := r.i
	var found shape
	var err *Error
	if c == '"' {
		found, err = r.text()
	} else {
		err = r.scalar(c)
	}
	switch {
	case err != nil:
		return err
	case c == 'n', c == 'f', c == 't' && n.leaf != 0:
		r.marks |= n.under & listMark // there is nothing in it
		return nil
	case n.leaf == 0:
		return r.at(n, UnexpectedType)
	case c == '"':
		text, ok := r.plain(r.b[start+1:r.i-1], found)
		if !ok {
			return r.at(n, InvalidText)
		}
		return r.add(n, text)
	}
	return r.add(n, r.b[start:r.i])
}

// unexpected goes behind an object or array where the plan has none. An empty
// one is how some languages write an empty one of the other kind, or nothing.
func (r *reader) unexpected(n *node) *Error {
	start := r.i + 1
	if err := r.skip(); err != nil {
		return err
	}
	switch {
	case n.leaf != 0:
		return r.at(n, NotScalar)
	case len(bytes.TrimSpace(r.b[start:r.i-1])) > 0:
		return r.at(n, UnexpectedType)
	}
	r.marks |= n.under & listMark
	return nil
}

func (r *reader) at(n *node, f Fault) *Error { return &Error{Fault: f, Path: n.path, At: r.i} }

// open goes into an object or array.
func (r *reader) open() *Error {
	if r.depth >= maxDepth {
		return r.fault(TooDeep)
	}
	r.depth++
	r.i++
	return nil
}

// more goes behind a comma, or, at the end of the object or array, behind that.
func (r *reader) more(closing byte) (bool, *Error) {
	switch r.peek() {
	case ',':
		r.i++
		return true, nil
	case closing:
		r.i++
		r.depth--
		return false, nil
	}
	return false, r.bad()
}

func (r *reader) object(n *node) *Error {
	if err := r.open(); err != nil {
		return err
	}
	base := len(r.seen)
	for range n.members {
		r.seen = append(r.seen, span{})
	}
	for more := r.peek() != '}'; more; {
		which, err := r.member(n)
		if err == nil {
			if which < 0 {
				err = r.skip()
			} else {
				err = r.watched(n.members[which].node, base+which)
			}
		}
		if err != nil {
			return err
		}
		if more, err = r.more('}'); err != nil {
			return err
		}
		if !more {
			r.seen = r.seen[:base]
			return nil
		}
	}
	r.seen = r.seen[:base]
	_, err := r.more('}')
	return err
}

// member goes behind a name and its colon, and says which of the node's it is,
// or -1.
func (r *reader) member(n *node) (int, *Error) {
	name, err := r.name(n.path)
	if err != nil {
		return 0, err
	}
	for i := range n.members {
		if n.members[i].name == string(name) {
			return i, nil
		}
	}
	return -1, nil
}

// name goes behind the name of a member of the object at path, and behind its colon.
// It is only good until r reads on.
func (r *reader) name(path string) ([]byte, *Error) {
	if r.peek() != '"' {
		return nil, r.bad()
	}
	start := r.i + 1
	found, err := r.text()
	if err != nil {
		return nil, err
	}
	name := r.b[start : r.i-1]
	if found != 0 {
		// Readers differ on what is no Unicode: what one drops may leave the
		// name that is looked for.
		var ok bool
		if name, ok = r.plain(name, found); !ok {
			return nil, &Error{Fault: InvalidText, Path: path, At: r.i}
		}
	}
	return name, r.colon()
}

// watched reads the value of a member of the plan. Where the member was there
// before, some readers take that one: then both must say the same. A list stands
// there once: what is cut from it would be counted twice.
func (r *reader) watched(n *node, place int) *Error {
	r.peek()
	start := r.i
	if err := r.value(n); err != nil {
		return err
	}
	now, before := span{start, r.i}, r.seen[place]
	if before.to != 0 && (n.under&listMark != 0 || !bytes.Equal(r.b[before.from:before.to], r.b[now.from:now.to])) {
		return r.at(n, Twice)
	}
	r.seen[place] = now
	return nil
}

func (r *reader) array(n *node) *Error {
	if err := r.open(); err != nil {
		return err
	}
	marks := r.marks | n.under&listMark
	list := list{from: r.i}
	for more := r.peek() != ']'; more; {
		r.marks = 0
		list.element = span{r.i, r.i}
		if n.element.item {
			r.fresh()
		}
		if err := r.value(n.element); err != nil {
			return err
		}
		switch {
		case n.element.item:
			r.judge(&list)
		case !r.plan.found(r.marks, n.element.under):
			if n.element.under&listMark != 0 {
				return r.at(n.element, NoItems)
			}
			r.missing = true
			fallthrough
		default:
			marks |= r.marks
		}
		var err *Error
		if more, err = r.more(']'); err != nil {
			return err
		}
		if more {
			r.peek()
		} else {
			r.marks = marks
			r.close(list)
			return nil
		}
	}
	r.marks = marks
	_, err := r.more(']')
	return err
}

// plain is the text that the inside of a string says; not ok where that is not
// Unicode.
func (r *reader) plain(inside []byte, found shape) ([]byte, bool) {
	if found&escaped != 0 {
		var ok bool
		if r.scratch, ok = unescape(r.scratch[:0], inside); !ok {
			return nil, false
		}
		inside = r.scratch
	}
	return inside, found&high == 0 || utf8.Valid(inside)
}

// add notes an owner, a tenant, or what is both.
func (r *reader) add(n *node, text []byte) *Error {
	switch {
	case len(text) == 0:
		return nil
	case len(text) > maxValue:
		return r.at(n, TooLong)
	}
	r.marks |= n.leaf
	if n.leaf&r.plan.owners != 0 {
		r.owner = r.with(r.owner, text)
	}
	if n.leaf&r.plan.tenants != 0 {
		r.tenant = r.with(r.tenant, text)
	}
	if n.leaf&r.plan.shared != 0 {
		r.shared = r.with(r.shared, text)
	}
	return nil
}

func (r *reader) with(list []string, text []byte) []string {
	for _, had := range list {
		if had == string(text) {
			return list
		}
	}
	if len(list) == maxOwners {
		r.over = true
		return list
	}
	return append(list, r.string(text))
}

func (r *reader) string(text []byte) string {
	for _, known := range r.known {
		if known == string(text) {
			return known
		}
	}
	made := string(text)
	r.known[r.next%len(r.known)] = made
	r.next++
	return made
}
