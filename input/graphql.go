package input

import (
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse"
)

// An Operation is one of a GraphQL document (October 2021, section 2.3) that
// the request asks for.
type Operation struct {
	// Kind is "Query", "Mutation" or "Subscription", and begins the names of
	// the places.
	Kind string
	// Name is what the client calls it; mostly, and always where there is but
	// one, nothing depends on it.
	Name string
	// Fields are the root fields by their names, each alias of one counted.
	Fields []string
	// Inputs are the values of all arguments, wherever they stand.
	Inputs []Input
}

// Mutation reports whether the operation is one that changes something.
func (o Operation) Mutation() bool { return o.Kind == "Mutation" }

// operations are what was found; it has a lock of its own, because the query is
// built under that of the inputs.
type operations struct {
	mu     sync.Mutex
	list   []Operation
	inputs []Input
	ran    []ran
	unread bool

	// selected is what the first selectedOf of ran select, made when asked for.
	selected   *Selection
	selectedOf int
	oversized  bool
}

// GraphQL gives the value of each argument of each field and directive that the
// request gives, from documents and from variables, in the order of the
// documents. Of what is asked for by the hash of a document that only the
// backend knows, the variables are given by their names, such as "$id".
//
// The values of variables are inputs of kind JSON too, and only those are given
// by Each and Body; those that stand in a document are given there as here. Of a
// streamed body they are known when its field "operations" arrives, and those of
// other fields at its end. The slice is not to be changed.
func (in *Inputs) GraphQL() []Input {
	in.group(queryGroup)
	o := in.found()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.inputs[:len(o.inputs):len(o.inputs)]
}

// Operations gives the operations of GraphQL that the request asks for: where
// nothing chooses one of several, all. whole is false where there is something
// that could be a document and could not be read, or not to its end, or that
// the backend alone knows: then a check that depends on the arguments must not
// take what is not here for what is not asked for.
func (in *Inputs) Operations() (list []Operation, whole bool) {
	in.group(queryGroup)
	o := in.found()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list[:len(o.list):len(o.list)], !o.unread
}

// found gives what was found, to add to it or to look at it.
func (in *Inputs) found() *operations {
	if o := in.operations.Load(); o != nil {
		return o
	}
	in.operations.CompareAndSwap(nil, &operations{})
	return in.operations.Load()
}

func (o *operations) add(x *expansion) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list, o.inputs, o.ran = append(o.list, x.list...), append(o.inputs, x.inputs...), append(o.ran, x.ran...)
	o.unread = o.unread || !x.whole
}

// Fields of a request of GraphQL ("GraphQL over HTTP", and the specification of
// multipart requests). Backends in Go and ASP.NET take them in any case.
const (
	queryField      = "query"
	variablesField  = "variables"
	nameField       = "operationName"
	extensionsField = "extensions"
	uploadField     = "operations"
	persistedMember = "persistedQuery"
)

// asks reports whether a member makes an object one that may be a request.
func asks(name string) bool {
	return len(name) == len(queryField) && strings.EqualFold(name, queryField) ||
		len(name) == len(extensionsField) && strings.EqualFold(name, extensionsField)
}

func asksMore(name string) bool {
	switch len(name) {
	case len(queryField), len(variablesField), len(nameField), len(extensionsField):
		return asks(name) || strings.EqualFold(name, variablesField) || strings.EqualFold(name, nameField)
	}
	return false
}

// wanted reports whether the query holds a document, for which the body may have
// the variables.
func (in *Inputs) wanted() bool { return in.url != nil && len(in.url.documents) > 0 }

// mayAsk reports whether a query may hold a document, or variables: each has a
// brace.
func mayAsk(query string) bool {
	return query != "" && (strings.Contains(query, "{") || strings.Contains(query, "%7B") || strings.Contains(query, "%7b"))
}

// Bounds of what one request asks. Documents of 15,000 tokens are what
// graphql-java and others take at most; a batch of a browser holds ten.
const (
	maxTokens    = 15_000
	maxDocuments = 256 << 10 // bytes of all
	maxAsked     = 1000
	maxReadings  = 8 // of one field, given several times
)

// An asked is one request of GraphQL, in the readings that a backend can have.
type asked struct {
	documents []document
	variables []variables
	names     []string
	// persisted is set where the document is named by its hash.
	persisted bool
	// over is set where a field was given more often than is read.
	over bool
}

// An asking is what one part of a request asks, and what reading it has cost.
type asking struct {
	asked []*asked
	// in is set where the body streams, so that it is read at once.
	in *Inputs
	// documents counts their bytes, and steps those of following them.
	documents, steps int
}

// ask notes what is asked; one more than is read shows that there is more.
func (b *builder) ask(a *asked) {
	if b.asking == nil {
		b.asking = &asking{}
	}
	if len(b.asking.asked) <= maxAsked {
		b.asking.asked = append(b.asking.asked, a)
	}
}

// askedNow reads what was asked so far, where the body streams.
func (b *builder) askedNow() *Error {
	if b.asking == nil || b.asking.in == nil {
		return nil
	}
	return b.asking.in.bodyAsked(b)
}

type document struct {
	text string
	// typed is set where the body's type says that it is one, hinted where
	// fields beside it do, and loose where it is only a part of a value.
	typed, hinted, loose bool
}

// A variables is one reading of all variables.
type variables struct {
	members []node
	// known is set where their values are inputs already.
	known bool
}

// document, values and name add readings, as many as are looked at.
func (a *asked) document(d document) {
	if a.over = a.over || len(a.documents) == maxReadings; !a.over {
		a.documents = append(a.documents, d)
	}
}

func (a *asked) values(v variables) {
	if a.over = a.over || len(a.variables) == maxReadings; !a.over {
		a.variables = append(a.variables, v)
	}
}

func (a *asked) name(name string) {
	if a.over = a.over || len(a.names) == maxReadings; !a.over && name != "" {
		a.names = append(a.names, name)
	}
}

// field reads a field of a query or form.
func (a *asked) field(name, value string, depth int, loose bool) {
	switch {
	case strings.EqualFold(name, queryField):
		a.document(document{text: value, loose: loose})
	case strings.EqualFold(name, nameField):
		a.name(value)
	case strings.EqualFold(name, variablesField):
		if members, ok := objectOf(value, depth); ok {
			a.values(variables{members: members})
		}
	case strings.EqualFold(name, extensionsField):
		a.persisted = a.persisted || strings.Contains(value, persistedMember)
	}
}

// fieldDepth bounds the nesting of variables that are given as a field's text.
const fieldDepth = 128

func (f *form) ask(name, value string) {
	if f.asked == nil {
		f.asked = &asked{}
	}
	f.asked.field(name, value, fieldDepth, f.sub)
}

// ask reads a field of a multipart body, before it is told to anybody.
func (m *multipart) ask(name, value string) *Error {
	switch {
	case strings.EqualFold(name, uploadField) && startsJSON(value):
		m.b.askedJSON(value, m.p.o.MaxDepth)
		return m.b.askedNow()
	case asksMore(name):
		if m.asked == nil {
			m.asked = &asked{}
		}
		m.asked.field(name, value, fieldDepth, false)
	}
	return nil
}

// askedFields reads what single fields ask, at the end of a body.
func (m *multipart) askedFields() *Error {
	if m.asked != nil {
		m.b.ask(m.asked)
	}
	return m.b.askedNow()
}

// queryInputs adds the parameters of the query, and what they ask of GraphQL.
func (in *Inputs) queryInputs(b *builder) *Error {
	err := pairInputs(in.query, gatehouse.Query, b)
	if b.asking == nil {
		return err
	}
	for _, a := range b.asking.asked {
		in.url = a
		if e := in.read(a, b); err == nil {
			err = e
		}
	}
	return err
}

// bodyAsked reads what a body asks. Servers take each field from the query or
// from the body, where both have it in either order (express-graphql).
func (in *Inputs) bodyAsked(b *builder) *Error {
	if b.asking == nil || len(b.asking.asked) == 0 {
		return nil
	}
	list := b.asking.asked
	b.asking.asked = nil
	in.group(queryGroup) // may be what was not asked for yet
	var first *Error
	if len(list) > maxAsked {
		first = fail(RuleBomb, gatehouse.GraphQL, "more than %d requests in one", maxAsked)
		list = list[:maxAsked]
		in.found().add(&expansion{})
	}
	for _, a := range list {
		if u := in.url; u != nil {
			a.variables, a.names = append(a.variables, u.variables...), append(a.names, u.names...)
			if len(a.variables)+len(a.names) > 0 {
				a.documents = append(a.documents, u.documents...)
			}
		}
		if err := in.read(a, b); first == nil {
			first = err
		}
	}
	return first
}
