package input

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"
	graphqlparser "github.com/vektah/gqlparser/v2/parser"
)

// read adds what one request asks for. Where a document can't be read to its
// end, what was read of it stays.
func (in *Inputs) read(a *asked, b *builder) *Error {
	x := expansion{in: in, b: b, asked: a, whole: !a.persisted && !a.over, seen: map[string]bool{}, places: map[string]string{}}
	defer func() { in.found().add(&x) }()
	if a.over {
		return malformedGraphQL("a field of the request is given more than %d times", maxReadings)
	}
	x.index()
	var first *Error
	for _, d := range a.documents {
		err := x.document(d)
		x.whole = x.whole && err == nil
		if first == nil {
			first = err
		}
	}
	if first == nil && a.persisted {
		first = x.persisted()
	}
	return first
}

func malformedGraphQL(format string, args ...any) *Error {
	return fail(RuleMalformedGraphQL, gatehouse.GraphQL, format, args...)
}

// An expansion follows the operations of documents through fragments and
// variables.
type expansion struct {
	in    *Inputs
	b     *builder
	asked *asked
	// values are the readings of the variables, by name.
	values []map[string][]node

	list   []Operation
	inputs []Input
	ran    []ran
	whole  bool

	fragments   map[string][]*ast.FragmentDefinition
	definitions map[string]*ast.Value
	operation   *Operation
	path        []byte
	depth       int
	// active are the fragments that enclose what is read, and seen those that
	// were read at a path: what they would add is there.
	active []string
	seen   map[string]bool
	// places holds the names made so far.
	places map[string]string
}

func (x *expansion) index() {
	for _, v := range x.asked.variables {
		by := make(map[string][]node, len(v.members))
		for _, m := range v.members {
			by[m.name] = append(by[m.name], m)
		}
		x.values = append(x.values, by)
	}
}

// document reads one document, if it is any.
func (x *expansion) document(d document) *Error {
	if strings.IndexByte(d.text, '{') < 0 {
		return nil
	}
	size := len(d.text)
	if x.b.asking.documents += size; x.b.asking.documents > maxDocuments {
		return fail(RuleBomb, gatehouse.GraphQL, "documents of more than %d bytes", maxDocuments)
	}
	source := &ast.Source{Input: strings.TrimPrefix(d.text, "\uFEFF")}
	doc, err := graphqlparser.ParseQueryWithTokenLimit(source, maxTokens)
	var failed *Error
	if err != nil {
		if d.loose {
			return nil
		}
		x.whole = false
		if failed = unparsed(err, d); failed == nil {
			return nil
		}
	}
	if e := x.operations(doc); failed == nil {
		failed = e
	}
	return failed
}

// unparsed is the error for a text that the parser did not accept: none where
// nothing says that it was meant to be a document.
func unparsed(err error, d document) *Error {
	named, brace := begins(d.text)
	words := err.Error()
	switch {
	case !d.typed && !named && !(brace && d.hinted):
		return nil
	case strings.Contains(words, "exceeded token limit"):
		return fail(RuleBomb, gatehouse.GraphQL, "a document of more than %d tokens", maxTokens)
	case strings.Contains(words, "exceeded maximum nesting depth"):
		return fail(RuleTooDeep, gatehouse.GraphQL, "a document nested more than %d deep", graphqlparser.MaxNestingDepth)
	}
	return malformedGraphQL("what is said to be a document can't be read")
}

// begins reports whether a text begins as a document does that names what it
// holds, or with a brace: other languages begin with a brace too, and prose with
// any word.
func begins(text string) (named, brace bool) {
	l := lexer.New(&ast.Source{Input: strings.TrimPrefix(text, "\uFEFF")})
	var tokens [3]lexer.Token
	for n := 0; n < len(tokens); {
		t, err := l.ReadToken()
		if err != nil {
			break
		}
		if t.Kind != lexer.Comment {
			tokens[n] = t
			n++
		}
	}
	switch tokens[0].Value {
	case "query", "mutation", "subscription":
		next := tokens[1].Kind
		if next == lexer.Name {
			next = tokens[2].Kind
		}
		return next == lexer.BraceL || next == lexer.ParenL || next == lexer.At, false
	case "fragment":
		return tokens[2].Kind == lexer.Name && tokens[2].Value == "on", false
	}
	return false, tokens[0].Kind == lexer.BraceL
}

// operations follows those of a document that can run.
func (x *expansion) operations(doc *ast.QueryDocument) *Error {
	x.fragments = make(map[string][]*ast.FragmentDefinition, len(doc.Fragments))
	for _, f := range doc.Fragments {
		x.fragments[f.Name] = append(x.fragments[f.Name], f)
	}
	named := func(o *ast.OperationDefinition) bool { return slices.Contains(x.asked.names, o.Name) }
	every := !slices.ContainsFunc(doc.Operations, named)
	for _, o := range doc.Operations {
		if !every && !named(o) {
			continue
		}
		if err := x.run(o); err != nil {
			return err
		}
	}
	return nil
}

var kinds = map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"}

func (x *expansion) run(o *ast.OperationDefinition) *Error {
	x.definitions = make(map[string]*ast.Value, len(o.VariableDefinitions))
	for _, d := range o.VariableDefinitions {
		x.definitions[d.Variable] = d.DefaultValue
	}
	x.operation = &Operation{Kind: kinds[o.Operation], Name: placeName(o.Name)}
	clear(x.seen)
	x.path, x.active, x.depth = append(x.path[:0], x.operation.Kind...), x.active[:0], 0
	start := len(x.inputs)
	err := x.directives(o.Directives)
	if err == nil {
		err = x.selections(o.SelectionSet, true)
	}
	x.operation.Inputs = x.inputs[start:len(x.inputs):len(x.inputs)]
	x.list, x.ran = append(x.list, *x.operation), append(x.ran, ran{o, x.fragments})
	return err
}

// step counts one, and reports where there are too many.
func (x *expansion) step() *Error {
	if x.b.asking.steps++; x.b.asking.steps > 2*x.in.max {
		return fail(RuleBomb, gatehouse.GraphQL, "fragments and variables that make more than %d values", x.in.max)
	}
	return nil
}

func (x *expansion) selections(set ast.SelectionSet, root bool) *Error {
	if x.depth++; x.depth > x.in.depth {
		return fail(RuleTooDeep, gatehouse.GraphQL, "fields nested more than %d deep", x.in.depth)
	}
	defer func() { x.depth-- }()
	for _, s := range set {
		err := x.step()
		if err != nil {
			return err
		}
		switch s := s.(type) {
		case *ast.Field:
			err = x.field(s, root)
		case *ast.InlineFragment:
			if err = x.directives(s.Directives); err == nil {
				err = x.selections(s.SelectionSet, root)
			}
		case *ast.FragmentSpread:
			err = x.spread(s, root)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) field(f *ast.Field, root bool) *Error {
	path := x.path
	defer func() { x.path = path }()
	if root {
		x.operation.Fields = append(x.operation.Fields, placeName(f.Name))
	}
	x.extend(".", f.Name)
	if err := x.arguments(f.Arguments); err != nil {
		return err
	}
	if err := x.directives(f.Directives); err != nil || len(f.SelectionSet) == 0 {
		return err
	}
	return x.selections(f.SelectionSet, false)
}

func (x *expansion) arguments(list ast.ArgumentList) *Error {
	for _, a := range list {
		path := x.path
		x.extend("(", a.Name)
		err := x.value(a.Value)
		x.path = path
		if err != nil {
			return err
		}
	}
	return nil
}

// directives adds the arguments of those that take more than a condition.
func (x *expansion) directives(list ast.DirectiveList) *Error {
	for _, d := range list {
		if d.Name == "include" || d.Name == "skip" {
			continue
		}
		path := x.path
		x.extend("@", d.Name)
		err := x.arguments(d.Arguments)
		x.path = path
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) spread(s *ast.FragmentSpread, root bool) *Error {
	if slices.Contains(x.active, s.Name) {
		return malformedGraphQL("a fragment that contains itself")
	}
	if err := x.directives(s.Directives); err != nil {
		return err
	}
	// A path that was cut may stand for several.
	if key := s.Name + " " + string(x.path); len(x.path) < maxPlaceName-len(ellipsis) {
		if x.seen[key] {
			return nil
		}
		x.seen[key] = true
	}
	x.active = append(x.active, s.Name)
	defer func() { x.active = x.active[:len(x.active)-1] }()
	for _, f := range x.fragments[s.Name] {
		if err := x.directives(f.Directives); err != nil {
			return err
		}
		if err := x.selections(f.SelectionSet, root); err != nil {
			return err
		}
	}
	return nil
}

// value adds what an argument is given in the document.
func (x *expansion) value(v *ast.Value) *Error {
	if v == nil {
		return nil // where the parser stopped
	}
	if err := x.step(); err != nil {
		return err
	}
	path := x.path
	defer func() { x.path = path }()
	switch v.Kind {
	case ast.Variable:
		return x.variable(v.Raw)
	case ast.NullValue:
		return nil
	case ast.ListValue, ast.ObjectValue:
		for _, c := range v.Children {
			if v.Kind == ast.ListValue {
				x.extend("[]", "")
			} else {
				x.extend(".", c.Name)
			}
			if err := x.value(c.Value); err != nil {
				return err
			}
			x.path = path
		}
		return nil
	}
	return x.emit(v.Raw, true)
}

// variable adds each reading of a variable; where one has none, the default.
func (x *expansion) variable(name string) *Error {
	missing := len(x.values) == 0
	for i, by := range x.values {
		given, known := by[name], x.asked.variables[i].known
		missing = missing || len(given) == 0
		for n := range given {
			if err := x.node(&given[n], !known); err != nil {
				return err
			}
		}
	}
	if !missing {
		return nil
	}
	return x.value(x.definitions[name])
}

// node adds the values of a variable, or of what it holds.
func (x *expansion) node(n *node, fresh bool) *Error {
	if err := x.step(); err != nil {
		return err
	}
	if n.kind == 's' {
		return x.emit(n.text, fresh)
	}
	path := x.path
	defer func() { x.path = path }()
	for i := range n.of {
		if n.kind == '[' {
			x.extend("[]", "")
		} else {
			x.extend(".", n.of[i].name)
		}
		if err := x.node(&n.of[i], fresh); err != nil {
			return err
		}
		x.path = path
	}
	return nil
}

// persisted adds the variables of a document that only the backend knows.
func (x *expansion) persisted() *Error {
	for i, v := range x.asked.variables {
		for m := range v.members {
			x.path = append(x.path[:0], '$')
			x.extend("", v.members[m].name)
			if err := x.node(&v.members[m], !x.asked.variables[i].known); err != nil {
				return err
			}
		}
	}
	return nil
}

// extend appends to the path, which is cut where it gets longer than a name.
func (x *expansion) extend(mark, name string) {
	// One byte is kept for what closes it.
	if len(x.path)+len(mark)+len(name) < maxPlaceName && printable(name) {
		x.path = append(append(x.path, mark...), name...)
		return
	}
	x.whole = false
	x.path = appendName(appendName(slices.Clone(x.path), mark), name)
}

// place is the path as a name.
func (x *expansion) place() string {
	if bytes.IndexByte(x.path, '(') >= 0 {
		path := x.path
		defer func() { x.path = path }()
		x.path = appendName(x.path, ")")
	}
	if name, ok := x.places[string(x.path)]; ok {
		return name
	}
	if len(x.places) >= maxPlaces {
		x.whole = false
		return ellipsis
	}
	name := string(x.path)
	x.places[name] = name
	return name
}

// emit adds a value at the path; fresh where it is no input yet.
func (x *expansion) emit(value string, fresh bool) *Error {
	name := x.place()
	if fresh {
		if err := x.b.add(gatehouse.GraphQL, name, value); err != nil {
			return err
		}
	}
	x.inputs = append(x.inputs, Input{gatehouse.Place{Kind: gatehouse.GraphQL, Name: name}, value})
	if !utf8.ValidString(value) {
		x.inputs = append(x.inputs, Input{gatehouse.Place{Kind: gatehouse.GraphQL, Name: name}, strings.ToValidUTF8(value, "\uFFFD")})
	}
	return nil
}
