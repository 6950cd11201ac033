package ownership

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/answer"
	"github.com/gatehousehq/gatehouse/input"
)

// A Rule says whose the things of a route are. Every rule that matches a request
// must be satisfied.
type Rule struct {
	// Path is a pattern of package input.
	Path string
	// Methods that the rule is for; GET stands for HEAD too. Empty: all.
	Methods []string
	// Thing names the kind of thing: rules of one kind share what the ledger knows.
	// Empty: the path before the identifier, such as "/orders".
	Thing string
	// ID says where the thing's identifier stands: "path:id" (a wildcard of Path),
	// "query:id", "body:order.id" (a field of a form, or a path into JSON),
	// "header:X-Order", "cookie:order", "graphql:Query.order(id)" or, in whichever
	// field it stands, "graphql:order(id)", "patch:/orders/{id}" (a step of the
	// pointers of a JSON Patch, which stands in the field that may be written before
	// the slash). Empty: the last wildcard of Path; without one only the answer can
	// tell. A field of a query or body is looked for in both,
	// since frameworks merge them. One with commas is several, since applications
	// split them. A request that names no thing passes, unless the identifier stands
	// in the path.
	ID []string
	// Owner is how it is told whose a thing is. At least one way is needed, unless
	// the rule is Public.
	Owner Owner
	// Tenant is where an answer says whose customer's the thing is: paths into its
	// JSON as Owner.Field. It is compared with the principal's tenant.
	Tenant []string
	// Items makes the answer a collection: the array whose elements are judged one
	// by one, such as "[]" or "orders[]". Those that are another's are cut out, and
	// Counts lowered; with Whole, the answer is refused where any is another's.
	Items  string
	Counts []string
	Whole  bool
	// GraphQL makes the rule one for a field of GraphQL that shows things, such as
	// "orders" (wherever it stands), "me.orders" or "Query.orders": one thing, or a
	// list whose elements are judged as those of Items. Owner.Field, Owner.Shared and
	// Tenant then are fields of a thing, by the schema's names. What the client calls
	// the members of the answer is known by the request; where it did not ask for the
	// owner, only Owner.Column tells.
	GraphQL string
	// Gives says which answers give things of this kind to who asked.
	Gives []Giving
	// Admins may have everybody's things: an event tells of each use.
	Admins Admins
	// Public lets everybody have the things, for this reason.
	Public gatehouse.Reason
}

// An Owner is how it is told whose a thing is. Of several ways each that gives an
// answer must say the same; one that gives none leaves it to the next.
type Owner struct {
	// Self: the identifier is itself a name of the principal.
	Self bool
	// Field are paths into the answer's JSON, as package answer has them.
	Field []string
	// Header is a field of the answer's head.
	Header string
	// Shared are paths as Field: who is named there may have the thing too.
	Shared []string
	// Selector finds elements of the answer's HTML, and Attribute which attribute of
	// them names the owner; their text where it is empty.
	Selector, Attribute string
	// Column is where the database has the owner, such as "orders.user_id": every
	// row of the table that the answer was made from must be the principal's.
	Column string
	// Key is the column of the table's key, such as "id", by which the owner is
	// looked up where Column was not selected. Empty: not looked up.
	Key string
	// Ledger goes by who was given the thing: see Rule.Gives.
	Ledger bool
	// Probe is the path of a GET that shows the thing, with the wildcards of Path
	// in it, such as "/orders/{id}"; {id} is the identifier, whatever it is called.
	// It is asked before a change, and judged by its own rule. Empty: the path
	// itself, where the answer tells the owner.
	Probe string
	// AtWrite leaves changes to the SQL gate, which asks in the statement's own
	// transaction whom the rows belong to. It takes Column, and statements whose
	// request is known exactly.
	AtWrite bool
	// As is which of the principal's names is compared: that of an alias such as
	// "users.id", or "id" for its own. Empty: any of them.
	As string
}

// A Giving is a route whose answers give things to the principal who asked: in the
// Location of a change (a thing was made), in a member of JSON, or in the links of
// a page that lists one's own.
type Giving struct {
	Path    string
	Methods []string
	// Field are paths into the answer's JSON to identifiers, such as "orders[].id".
	// Empty: the answer's links and its Location, as far as they match the rule's
	// Path.
	Field []string
	// All says that a GET of the path shows all that the asker has: what the ledger
	// has as theirs is asked for there before it is believed, so that a thing that
	// changed hands is theirs no more.
	All bool
}

// Admins are who may have everybody's things. The zero value is nobody.
type Admins struct {
	Roles []string
	// SecondFactor and MaxAge ask for a sign-in of two factors, and of so long ago
	// at most.
	SecondFactor bool
	MaxAge       time.Duration
}

// rule is a Rule that was checked.
type rule struct {
	Rule
	pattern input.Pattern
	loose   input.Pattern // for other spellings
	first   string        // the first segment of both, in lower case; "" where any may be
	itself  input.Pattern // the path of a thing, where Thing is one
	ids     []place
	// pointers are those of ids in a patch, by their names.
	pointers map[string]pointer
	plan     *answer.Plan // nil: the answer's body tells nothing
	graph    *answer.Graph
	matched  atomic.Bool // since it was made
	probe    []string    // Owner.Probe, cut at its wildcards: text, name, text, name, …
	gives    []giving
	sharing  bool // what it is judged by says with whom a thing is shared
}

type giving struct {
	pattern input.Pattern
	methods []string
	plan    *answer.Plan // nil: links
	all     string       // the path, where the list has all of a person's
}

// A place is where an identifier may stand.
type place struct{ kind, name string }

var kinds = []string{"path", "query", "body", "header", "cookie", "graphql", "patch"}

var (
	errNoOwner = errors.New("says of nobody whose the thing is: write owner, tenant or public")
	errPublic  = errors.New("is public and names owners: write one of them")
	errID      = errors.New("no identifier: name a wildcard in the path, or say id")
	errGraphQL = errors.New("an answer of GraphQL has the names that the client gives it, and tells nobody's owner: use owner.probe, ledger or column, or a rule with graphql")
	errField   = errors.New("graphql goes by owner.field, owner.column or tenant alone, and names what is shown by itself: leave out id, items, counts, public and what else tells the owner")
	errAll     = errors.New("all is of a list that is asked for by GET at one path: leave out wildcards, and say methods: [GET]")
	errMethod  = errors.New("a method is capital letters, such as GET")
)

func newRule(r Rule) (*rule, error) {
	pattern, err := input.ParsePattern(r.Path)
	if err != nil {
		return nil, err
	}
	made := &rule{Rule: r, pattern: pattern, first: firstOf(r.Path)}
	if made.loose, err = loosePattern(r.Path); err != nil {
		return nil, err
	}
	if err := made.checkOwner(); err != nil {
		return nil, err
	}
	if made.Methods, err = methodsOf(r.Methods); err != nil {
		return nil, err
	}
	if err := made.places(); err != nil {
		return nil, err
	}
	if made.Thing == "" {
		made.Thing = thingOf(r.Path)
	}
	if strings.HasPrefix(made.Thing, "/") {
		made.itself, _ = input.ParsePattern(made.Thing + "/{" + itselfID + "}") // a name that is no path is none
	}
	if err := made.reads(); err != nil {
		return nil, err
	}
	if made.probe, err = made.template(r.Owner.Probe); err != nil {
		return nil, fmt.Errorf("owner.probe: %w", err)
	}
	for i, g := range r.Gives {
		one, err := newGiving(g)
		if err != nil {
			return nil, fmt.Errorf("gives[%d] (%s): %w", i, g.Path, err)
		}
		made.gives = append(made.gives, one)
	}
	return made, nil
}

// reads prepares what is read of answers.
func (r *rule) reads() (err error) {
	switch o := r.Owner; {
	case r.GraphQL != "":
		r.graph, err = answer.NewGraph(r.GraphQL, answer.Options{Owner: o.Field, Tenant: r.Tenant, Shared: o.Shared})
	case r.answers():
		r.plan, err = answer.New(answer.Options{
			Owner: o.Field, Tenant: r.Tenant, Shared: o.Shared, Items: r.Items, Counts: r.Counts,
			Header: o.Header, Selector: o.Selector, Attribute: o.Attribute,
		})
	}
	return err
}

func (r *rule) checkOwner() error {
	o := r.Owner
	says := o.Self || o.Column != "" || o.Ledger || o.Probe != "" || r.answers()
	switch {
	case r.Public != "" && !r.Public.Given():
		return errors.New("public needs a reason")
	case r.Public.Given() && says:
		return errPublic
	case !r.Public.Given() && !says:
		return errNoOwner
	case r.GraphQL != "" && (r.Public.Given() || len(r.ID) > 0 || r.Items != "" || len(r.Counts) > 0 || len(o.Field)+len(r.Tenant) == 0 && o.Column == "" ||
		o.Self || o.Header != "" || o.Selector != "" || o.Ledger || o.Probe != "" || o.AtWrite):
		return errField
	case o.AtWrite && o.Column == "":
		return errors.New("owner.at_write needs owner.column")
	case o.Key != "" && o.Column == "":
		return errors.New("owner.key needs owner.column")
	case o.Column != "" && strings.Count(o.Column, ".") == 0:
		return fmt.Errorf("owner.column %q: write the table too, such as orders.user_id", o.Column)
	case r.Items == "" && (len(r.Counts) > 0 || r.Whole && r.GraphQL == ""):
		return errors.New("counts and whole are for collections: say items")
	case r.Items != "" && len(o.Field)+len(r.Tenant) == 0:
		return errors.New("a collection needs owner.field or tenant, within an item")
	case o.Ledger && len(r.Gives) == 0:
		return errors.New("owner.ledger needs gives: the routes that give things to people")
	case slices.Contains(r.Admins.Roles, ""), r.Admins.MaxAge < 0:
		return errors.New("admins: an empty role, or a negative max_age")
	case len(r.Admins.Roles) == 0 && (r.Admins.SecondFactor || r.Admins.MaxAge > 0):
		return errors.New("admins: name their roles")
	}
	return nil
}

func methodsOf(methods []string) ([]string, error) {
	all := slices.Clone(methods)
	for _, m := range methods {
		if m == "" || strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return nil, fmt.Errorf("%q: %w", m, errMethod)
		}
		if m == http.MethodGet {
			all = append(all, http.MethodHead)
		}
	}
	return all, nil
}

// places reads ID.
func (r *rule) places() error {
	wild := r.pattern.Wildcards()
	if len(r.ID) == 0 {
		switch {
		case r.GraphQL != "":
		case len(wild) > 0:
			r.ids = []place{{"path", wild[len(wild)-1]}}
		case !r.answers() && !r.Public.Given():
			return errID
		}
		return nil
	}
	for _, id := range r.ID {
		kind, name, ok := strings.Cut(id, ":")
		if !ok || name == "" || !slices.Contains(kinds, kind) {
			return fmt.Errorf("id %q: want one of %s, then a colon and a name", id, strings.Join(kinds, ", "))
		}
		if kind == "path" && !slices.Contains(wild, name) {
			return fmt.Errorf("id %q: %s has no wildcard {%s}", id, r.Path, name)
		}
		if kind == "graphql" && r.answers() {
			return errGraphQL
		}
		if kind == "patch" {
			at, err := readPlacePointer(name)
			if err != nil {
				return fmt.Errorf("id %q: %w", id, err)
			}
			if r.pointers == nil {
				r.pointers = make(map[string]pointer)
			}
			r.pointers[name] = at
		}
		if kind == "header" {
			name = http.CanonicalHeaderKey(name)
		}
		r.ids = append(r.ids, place{kind, name})
	}
	return nil
}

// template cuts a path with wildcards into text and names, in turns.
func (r *rule) template(path string) (parts []string, err error) {
	if path == "" {
		return nil, nil
	}
	if _, err := input.ParsePattern(path); err != nil {
		return nil, err
	}
	known := append(slices.Clone(r.pattern.Wildcards()), "id")
	for _, p := range r.ids {
		if p.kind != "path" {
			known = append(known, p.name)
		}
	}
	for rest := path; ; {
		text, after, wild := strings.Cut(rest, "{")
		parts = append(parts, text)
		if !wild {
			return parts, nil
		}
		name, after, _ := strings.Cut(after, "}")
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("{%s} is neither a wildcard of %s nor an id", name, r.Path)
		}
		parts, rest = append(parts, name), after
	}
}

func newGiving(g Giving) (giving, error) {
	pattern, err := input.ParsePattern(g.Path)
	if err != nil {
		return giving{}, err
	}
	made := giving{pattern: pattern}
	if made.methods, err = methodsOf(g.Methods); err != nil {
		return giving{}, err
	}
	if g.All {
		if made.all = g.Path; len(pattern.Wildcards()) > 0 || len(g.Methods) > 0 && !slices.Contains(g.Methods, http.MethodGet) {
			return giving{}, errAll
		}
	}
	if len(g.Field) > 0 {
		made.plan, err = answer.New(answer.Options{Owner: g.Field})
	}
	return made, err
}

// thingOf names the kind of thing that a path is of: what stands before its last
// wildcard.
func thingOf(path string) string {
	if i := strings.LastIndexByte(path, '{'); i > 0 {
		path = path[:i]
	}
	return strings.TrimRight(path, "/")
}

// itselfID is the wildcard of a thing's own path.
const itselfID = "id"

// names reports whether the rule is for a method.
func (r *rule) names(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method)
}

// answers reports whether an answer's body or head is to tell the owner.
func (r *Rule) answers() bool {
	o := &r.Owner
	return len(o.Field)+len(r.Tenant) > 0 || o.Selector != "" || o.Header != ""
}

// lists reports whether the answer to a method is a list that is judged. Without
// Methods a change of the list's path is one that makes a thing.
func (r *rule) lists(method string) bool { return r.Items != "" && slices.Contains(r.Methods, method) }

// tells reports whether an answer's body or head tells the owner.
func (r *rule) tells() bool { return r.plan != nil }

// judges reports whether an answer can be judged by the rule: by what it shows, or
// by the rows that it was made from.
func (r *rule) judges() bool { return r.tells() || r.graph != nil || r.Owner.Column != "" }

// contradicts says why two rules can't both stand, or nil.
func (r *rule) contradicts(other *rule) error {
	if r.Path != other.Path || r.GraphQL != other.GraphQL || !slices.Equal(r.ids, other.ids) || !overlap(r.Methods, other.Methods) {
		return nil
	}
	if r.Public.Given() != other.Public.Given() {
		return fmt.Errorf("%s is public by one rule and not by another", r.Path)
	}
	if r.Items == other.Items {
		return fmt.Errorf("%s has two rules for the same methods and identifier: make them one", r.Path)
	}
	return nil
}

func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(m string) bool { return slices.Contains(b, m) })
}
