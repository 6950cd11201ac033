package input

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// A Selection is a member of an answer of GraphQL as the request asks for it, or
// the answer's data itself. Clients choose what the members are called (response
// keys, section 2.8); a Selection says what the schema calls them. It is not to be
// changed.
type Selection struct {
	// Fields are the names of the field in the schema: one, unless that depends on
	// the type of what it stands in, or on which of several operations ran. Those of
	// the data are the operations' kinds, such as "Query".
	Fields []string
	// Plain says that the value is the field's own: no argument chose it, and no
	// directive but a condition stands at it or at a fragment around it.
	Plain bool
	// Members are those of the value, by what the client calls them.
	Members map[string]*Selection
}

// maxSelected bounds the members of one answer; fragments multiply them.
const maxSelected = 20_000

// Selected gives what the answer's data may hold, over all operations that the
// request asks for: which of them an answer of several is from, its reader need not
// know. whole is false as for Operations, and where there is too much to say.
func (in *Inputs) Selected() (data *Selection, whole bool) {
	in.group(queryGroup)
	o := in.found()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.selected == nil || o.selectedOf != len(o.ran) {
		s := selecting{left: maxSelected, depth: in.depth}
		o.selected, o.selectedOf = &Selection{Plain: true}, len(o.ran)
		for _, r := range o.ran {
			s.fragments = r.fragments
			o.selected.called(kinds[r.operation.Operation])
			s.into(o.selected, r.operation.SelectionSet, conditional(r.operation.Directives), 0)
		}
		o.oversized = s.left < 0
	}
	return o.selected, !o.unread && !o.oversized
}

// A ran is an operation with the fragments of its document.
type ran struct {
	operation *ast.OperationDefinition
	fragments map[string][]*ast.FragmentDefinition
}

// A selecting collects the fields of operations (section 6.3.2).
type selecting struct {
	fragments map[string][]*ast.FragmentDefinition
	// active are the fragments that enclose what is read.
	active []string
	// left is negative where there was too much.
	left, depth int
}

// into adds the fields of a set to a selection; plain is false where a directive
// around them may change what they give.
func (s *selecting) into(to *Selection, set ast.SelectionSet, plain bool, depth int) {
	if depth > s.depth {
		s.left = -1
	}
	for _, one := range set {
		if s.left--; s.left < 0 {
			s.left = -1
			return
		}
		switch one := one.(type) {
		case *ast.Field:
			member := to.Members[one.Alias]
			if member == nil {
				member = &Selection{Plain: true}
				if to.Members == nil {
					to.Members = make(map[string]*Selection)
				}
				to.Members[one.Alias] = member
			}
			member.called(one.Name)
			member.Plain = member.Plain && plain && len(one.Arguments) == 0 && conditional(one.Directives)
			s.into(member, one.SelectionSet, true, depth+1)
		case *ast.InlineFragment:
			s.into(to, one.SelectionSet, plain && conditional(one.Directives), depth+1)
		case *ast.FragmentSpread:
			if slices.Contains(s.active, one.Name) {
				continue // no server executes it
			}
			s.active = append(s.active, one.Name)
			for _, f := range s.fragments[one.Name] {
				s.into(to, f.SelectionSet, plain && conditional(one.Directives) && conditional(f.Directives), depth+1)
			}
			s.active = s.active[:len(s.active)-1]
		}
	}
}

// called adds a name.
func (s *Selection) called(name string) {
	if !slices.Contains(s.Fields, name) {
		s.Fields = append(s.Fields, name)
	}
}

// conditional reports whether directives only say whether something is there.
func conditional(list ast.DirectiveList) bool {
	return !slices.ContainsFunc(list, func(d *ast.Directive) bool { return d.Name != "include" && d.Name != "skip" })
}
