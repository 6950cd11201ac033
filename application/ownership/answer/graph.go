package answer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// A Graph says whose the things are that an answer of GraphQL shows of one field of
// the schema. Clients choose what members of such an answer are called, so that a
// name in it proves nothing: what a member is, the request's own documents say. A
// Graph goes by the schema's names, and takes for an owner only what can be nothing
// else. It may be used by many goroutines. Make it with [NewGraph].
type Graph struct {
	// field are the last names on the way to the things.
	field []string
	wants []want
	// owners and tenants: what a thing must name.
	owners, tenants bool
}

// A want is a way on to something that is wanted of a thing.
type want struct {
	of   *found
	kind kind
	rest []string
}

type kind uint8

const (
	ownerKind kind = iota
	tenantKind
	sharedKind
)

// maxFields bounds the names of Graph's field.
const maxFields = 32

// NewGraph has the things of a field judged: "orders", wherever it stands, or with
// what it must stand in, "me.orders" or "Query.orders". Of the options it takes
// Owner, Tenant and Shared, by the schema's names; lists on the way need no "[]".
func NewGraph(field string, o Options) (*Graph, error) {
	g := &Graph{field: strings.Split(field, ".")}
	for i, name := range g.field {
		if !isGraphName(name) || i == len(g.field)-1 && (name == "Query" || name == "Mutation" || name == "Subscription") {
			return nil, fmt.Errorf("answer: %q is no field of GraphQL: write orders, me.orders or Query.orders", field)
		}
	}
	if len(g.field) > maxFields {
		return nil, fmt.Errorf("answer: a field of more than %d names", maxFields)
	}
	if o.Shared != nil && len(o.Owner) == 0 {
		return nil, errors.New("answer: Shared stands beside Owner: give both")
	}
	for k, paths := range [...][]string{ownerKind: o.Owner, tenantKind: o.Tenant, sharedKind: o.Shared} {
		for _, path := range paths {
			names := strings.Split(strings.ReplaceAll(path, "[]", ""), ".")
			if slices.ContainsFunc(names, func(name string) bool { return !isGraphName(name) }) {
				return nil, fmt.Errorf("answer: %q: want fields of GraphQL, such as user.id", path)
			}
			g.wants = append(g.wants, want{kind: kind(k), rest: names})
		}
	}
	g.owners, g.tenants = len(o.Owner) > 0, len(o.Tenant) > 0
	return g, nil
}

func isGraphName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && c|0x20-'a' >= 26 && (i == 0 || c-'0' >= 10) {
			return false
		}
	}
	return s != ""
}

// Asked reports whether the data that is asked for may have the field.
func (g *Graph) Asked(data *input.Selection) bool { return g.asked(data, 1) }

func (g *Graph) asked(s *input.Selection, at uint64) bool {
	if at = g.step(at, s); g.reached(at) {
		return true
	}
	for _, m := range s.Members {
		if g.asked(m, at) {
			return true
		}
	}
	return false
}

// step is how much of the field's names a member ends, each bit one way to have
// come there.
func (g *Graph) step(at uint64, s *input.Selection) uint64 {
	next := uint64(1)
	for i, name := range g.field {
		if at>>i&1 != 0 && slices.Contains(s.Fields, name) {
			next |= 1 << (i + 1)
		}
	}
	return next
}

func (g *Graph) reached(at uint64) bool { return at>>len(g.field)&1 != 0 }

// Accepts reports whether a body of this Content-Type is what Cut reads.
func (g *Graph) Accepts(contentType string) bool { return new(Plan).Accepts(contentType) }

// Cut appends to dst the answer in body without the things that own refuses, as far
// as those are elements of a list: listed says so. What is no element stays, and
// its refusal is for own to remember. data is what was asked for; without it
// nobody knows what the answer shows, and own is asked of it as of one thing that
// names nobody. The slices that own is given are only good until it returns. Where
// there is an error, out is not to be used; it is an [*Error].
func (g *Graph) Cut(dst, body []byte, data *input.Selection, own func(o Owners, listed bool) bool) (out []byte, cut int, err error) {
	r := graphReader{graph: g, own: own, reader: reader{scanner: scanner{b: body}}}
	if err := r.answers(data); err != nil {
		return dst, 0, err
	}
	if r.peek(); r.i < len(r.b) {
		return dst, 0, r.fault(NotJSON)
	}
	slices.SortFunc(r.gone, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	at := 0
	for _, s := range r.gone {
		if s.from >= at { // else it is within what went
			dst = append(dst, body[at:s.from]...)
			at = s.to
		}
	}
	return append(dst, body[at:]...), r.cut, nil
}
