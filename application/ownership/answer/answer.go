package answer

import (
	"errors"
	"fmt"
)

// Options say where in an answer stands whose it is. Exactly one of Owner (or
// Tenant), Header and Selector is given.
type Options struct {
	// Owner are the paths of members of JSON whose values say whose the thing
	// is: "user_id", "data.owner.id". An array on the way is written
	// "lines[].user_id" and means every element. Where there are several, each
	// that is there counts as an owner, and at least one must be there.
	Owner []string
	// Tenant likewise: whose customer.
	Tenant []string
	// All demands every path of Owner and Tenant.
	All bool
	// Items is the list whose elements are judged one by one, and cut out
	// where they are another's: "[]", "orders[]", "data.orders[]". Owner and
	// Tenant then begin at an element. Empty: the answer is one thing.
	Items string
	// Counts are numbers beside the list that are lowered by how many were cut
	// out: "total", "meta.count". One that is not there is no error.
	Counts []string

	// Header names a field of the answer's head whose values are owners.
	Header string

	// Selector and Attribute read HTML: the attribute of each element that
	// matches, or the text in it where Attribute is empty. Selector is a small
	// part of CSS: a tag, #id, .class, [attr], [attr=value], and the
	// combinators for descendants (a space) and children (>).
	Selector, Attribute string
}

// A Plan is Options that make sense. It may be used by many goroutines. Make it
// with [New]: the zero value finds no answer complete.
type Plan struct {
	root            node
	owners, tenants uint64
	all, items      bool
	// list is Items, in its words.
	list string

	header   string
	selector selector
	// attribute is empty where the text is meant.
	attribute, selectorText string
}

// New says what is wrong with options, in their words.
func New(o Options) (*Plan, error) {
	given := 0
	for _, is := range [...]bool{len(o.Owner)+len(o.Tenant) > 0, o.Header != "", o.Selector != ""} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, errors.New("answer: nothing says where the owner stands: give Owner, Tenant, Header or Selector")
	case given > 1:
		return nil, errors.New("answer: the owner stands in JSON (Owner, Tenant), in a Header or in HTML (Selector): give one of them")
	case o.Header+o.Selector != "" && (o.Items != "" || o.Counts != nil || o.All):
		return nil, errors.New("answer: Items, Counts and All belong to JSON: give Owner or Tenant")
	case o.Attribute != "" && o.Selector == "":
		return nil, errors.New("answer: Attribute belongs to Selector")
	case o.Counts != nil && o.Items == "":
		return nil, errors.New("answer: Counts are lowered by what is cut out of Items: name the list")
	}
	p := &Plan{all: o.All}
	switch {
	case o.Header != "":
		return p, p.setHeader(o.Header)
	case o.Selector != "":
		return p, p.setSelector(o.Selector, o.Attribute)
	}
	return p, p.setPaths(o)
}

func (p *Plan) setPaths(o Options) error {
	if len(o.Owner)+len(o.Tenant)+len(o.Counts) > maxPaths {
		return fmt.Errorf("answer: more than %d paths", maxPaths)
	}
	thing := &p.root
	if o.Items != "" {
		steps, err := parsePath(o.Items)
		if err != nil {
			return fmt.Errorf("answer: Items %q: %w", o.Items, err)
		}
		if !steps[len(steps)-1].element {
			return fmt.Errorf(`answer: Items %q: write %s[], which are the elements of a list`, o.Items, o.Items)
		}
		p.items, p.list = true, o.Items
		p.root.reach(steps[:len(steps)-1], listMark)
		thing = p.root.reach(steps, 0)
		thing.item = true
	}
	mark := uint64(1)
	for _, list := range [...]struct {
		name  string
		paths []string
		marks *uint64
	}{{"Owner", o.Owner, &p.owners}, {"Tenant", o.Tenant, &p.tenants}} {
		for _, path := range list.paths {
			steps, err := parsePath(path)
			if err != nil {
				return fmt.Errorf("answer: %s %q: %w", list.name, path, err)
			}
			n := thing.reach(steps, mark)
			if n.leaf&*list.marks != 0 {
				return fmt.Errorf("answer: %s %q stands there twice", list.name, path)
			}
			n.leaf |= mark
			*list.marks |= mark
			mark <<= 1
		}
	}
	return p.setCounts(o.Counts)
}

func (p *Plan) setCounts(paths []string) error {
	for _, path := range paths {
		steps, err := parsePath(path)
		if err != nil {
			return fmt.Errorf("answer: Counts %q: %w", path, err)
		}
		n := &p.root
		for _, s := range steps {
			if s.element {
				return fmt.Errorf("answer: Counts %q: a count stands beside the list, in no array", path)
			}
			n = n.child(s)
			if n.count {
				return fmt.Errorf("answer: Counts %q stands there twice, or in another count", path)
			}
		}
		if !n.empty() {
			return fmt.Errorf("answer: Counts %q: the list, or another count, is inside it", path)
		}
		n.count = true
	}
	return nil
}

// maxOwners is how many different owners, and tenants, are kept of one thing.
const maxOwners = 64

// Owners are whose a thing is, as its answer says.
type Owners struct {
	// Owner and Tenant are different texts, in the order of the answer.
	Owner, Tenant []string
	// Complete says that each thing named what the plan asks for, and that it
	// is all here. Where it is false the owner is not known, whatever the
	// lists hold; so it is in the zero value.
	Complete bool
	// Overflow says that there were more than 64.
	Overflow bool
}

// Read gives the owners in an answer's body: of the one thing, or, where the
// plan has Items, of all of them together; an empty list is complete. The
// error is an [*Error].
func (p *Plan) Read(body []byte) (Owners, error) {
	switch {
	case p.selector != nil:
		return p.readHTML(body)
	case p.header != "":
		return Owners{}, &Error{Fault: NotBody, Path: p.header}
	}
	var seen [8]span
	r := reader{plan: p, scanner: scanner{b: body}, seen: seen[:0]}
	if err := r.whole(); err != nil {
		return Owners{}, err
	}
	return r.owners(), nil
}

// Cut appends to dst the JSON in body without the items that own refuses, and
// with the counts lowered; the rest stays as it was, byte for byte. The slices
// that own is given are only good until it returns. Where there is an error,
// out is not to be used; it is an [*Error].
func (p *Plan) Cut(dst, body []byte, own func(Owners) bool) (out []byte, cut, kept int, err error) {
	if !p.items {
		return dst, 0, 0, &Error{Fault: NoCutting, Path: p.selectorText}
	}
	if own == nil {
		own = func(Owners) bool { return false }
	}
	var seen [8]span
	var edits [16]edit
	r := reader{plan: p, scanner: scanner{b: body}, seen: seen[:0], own: own, edits: edits[:0]}
	if err := r.whole(); err != nil {
		return dst, 0, 0, err
	}
	out, fault := r.assemble(dst)
	if fault != nil {
		return dst, 0, 0, fault
	}
	return out, r.cut, r.kept, nil
}
