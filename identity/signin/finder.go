package signin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/secret"
)

// FinderOptions configure a Finder. The zero value finds by itself.
type FinderOptions struct {
	// Routes are declared: what they say wins over what would be found.
	Routes []Route
	// CaseSensitive is set where the backend tells "Ann" from "ann".
	CaseSensitive bool
}

// A Route declares what requests to a path are.
type Route struct {
	// Path is a pattern of package input.
	Path string
	// Method is what the route is declared for; empty means every method but
	// HEAD and OPTIONS, and for a sign-in every unsafe one.
	Method string
	// Kind is what they are. None says that they are no attempt, which needs a
	// Reason.
	Kind   Kind
	Reason gatehouse.Reason
	// SignsIn says of a sign-up that it signs in whom it registers, in a session that
	// its answer begins, and tells names that are taken; it needs a Reason.
	SignsIn bool
	// Account and Secret are the names of the fields, as they stand in a place
	// ("user[email]", "variables.input.password"). Empty is found by itself.
	Account, Secret string
}

// A Finder finds attempts. It holds no state, and may be used by many at once.
type Finder struct {
	routes        []declared
	caseSensitive bool
}

type declared struct {
	Route
	pattern input.Pattern
}

// NewFinder checks the options.
func NewFinder(o FinderOptions) (*Finder, error) {
	f := &Finder{caseSensitive: o.CaseSensitive}
	for i, r := range o.Routes {
		p, err := input.ParsePattern(r.Path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("signin: FinderOptions.Routes[%d]: %w", i, err)
		case int(r.Kind) >= len(kindNames):
			return nil, fmt.Errorf("signin: FinderOptions.Routes[%d] (%s): unknown kind %d", i, r.Path, r.Kind)
		case r.Kind == None && !r.Reason.Given():
			return nil, fmt.Errorf("signin: FinderOptions.Routes[%d] (%s) is declared no attempt without a reason", i, r.Path)
		case r.SignsIn && r.Kind != SignUp:
			return nil, fmt.Errorf("signin: FinderOptions.Routes[%d] (%s) signs in whom it registers, and is no sign-up", i, r.Path)
		case r.SignsIn && !r.Reason.Given():
			return nil, fmt.Errorf("signin: FinderOptions.Routes[%d] (%s) signs in whom it registers, without a reason", i, r.Path)
		}
		f.routes = append(f.routes, declared{r, p})
	}
	return f, nil
}

// Find says what a request tries. It reads the request's head and the inputs
// that are known so far, and changes nothing: a body that streams is to be asked
// about when it has been parsed. in may be nil.
func (f *Finder) Find(r *http.Request, in *input.Inputs) Attempt {
	path := r.URL.EscapedPath()
	for i := range f.routes {
		if d := &f.routes[i]; d.covers(r.Method, path) {
			return f.declared(d, r, in)
		}
	}
	if r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return Attempt{}
	}
	said := pathWords(r, in)
	if a := f.basic(r); a.Kind != None {
		return a
	}
	fields := f.fields(in)
	a := fields.judge(r, said)
	if a.Kind == None {
		return a
	}
	a.Route = routeOf(r, in)
	return a
}

func (d *declared) covers(method, path string) bool {
	if d.Method != "" && !strings.EqualFold(d.Method, method) {
		return false
	}
	if method == http.MethodHead || method == http.MethodOptions {
		return false
	}
	if d.Method == "" && method == http.MethodGet && d.Kind != SignOut && d.Kind != None {
		return false // the form itself
	}
	return d.pattern.Match(path)
}

func (f *Finder) declared(d *declared, r *http.Request, in *input.Inputs) Attempt {
	if d.Kind == None {
		return Attempt{}
	}
	all := f.fields(in)
	if d.Account != "" {
		all.accounts = nil
		all.pick(in, d.Account, func(i input.Input) { all.account(i, 9) })
	}
	if d.Secret != "" {
		all.passwords = nil
		all.pick(in, d.Secret, func(i input.Input) { all.passwords = append(all.passwords, i) })
	}
	secrets := all.passwords
	switch {
	case d.Secret != "" || len(secrets) > 0:
	case d.Kind == Coupon:
		secrets = all.coupons
	default:
		secrets = slices.Concat(all.strong, all.weak)
	}
	a := all.attempt(d.Kind, secrets, fmt.Sprintf("%s is declared as %s", d.Path, d.Kind))
	a.Declared, a.Named, a.SignsIn = true, true, d.SignsIn
	a.Route = routeOf(r, in)
	return a
}

// basic finds credentials of RFC 7617, which each request brings.
func (f *Finder) basic(r *http.Request) Attempt {
	user, pass, ok := r.BasicAuth()
	if !ok || user == "" {
		return Attempt{}
	}
	return Attempt{
		Kind: SignIn, Route: "Basic", Account: normalised(user, !f.caseSensitive), Secrets: []secret.Text{secret.Text(pass)}, Named: true,
		AccountAt: gatehouse.Place{Kind: gatehouse.Header, Name: "Authorization"}, SecretAt: gatehouse.Place{Kind: gatehouse.Header, Name: "Authorization"},
		Why: "the request has credentials of HTTP Basic",
	}
}

// pathWords are the words of the path, and of the parameters that say what a
// program with one script is asked for.
func pathWords(r *http.Request, in *input.Inputs) []string {
	words := make([]string, 0, 16)
	path := r.URL.Path
	if len(path) > maxNormalised {
		path = path[len(path)-maxNormalised:] // its end says most
	}
	for path != "" {
		var segment string
		segment, path, _ = strings.Cut(path, "/")
		words = wordsOf(words, segment)
	}
	for _, v := range actions(r, in) {
		words = wordsOf(words, v)
	}
	return joined(words)
}

// actions are the values of routing parameters, and the operations of GraphQL.
func actions(r *http.Request, in *input.Inputs) (values []string) {
	add := func(i input.Input) {
		switch i.Place.Kind {
		case gatehouse.Query, gatehouse.Form, gatehouse.Multipart, gatehouse.JSON:
		default:
			return
		}
		name := i.Place.Name[strings.LastIndexAny(i.Place.Name, ".]")+1:]
		if len(values) < 8 && len(i.Value) <= 64 && routingNames[strings.ToLower(name)] && !slices.Contains(values, i.Value) {
			values = append(values, i.Value)
		}
	}
	if in == nil {
		for name, v := range r.URL.Query() {
			add(input.Input{Place: gatehouse.Place{Kind: gatehouse.Query, Name: name}, Value: v[0]})
		}
		slices.Sort(values)
		return values
	}
	for _, i := range in.Query() {
		add(i)
	}
	for _, i := range in.Body() {
		add(i)
	}
	return values
}

// routeOf is the request's route, with the action where one script does all.
func routeOf(r *http.Request, in *input.Inputs) string {
	route := input.Route(r.Method, r.URL.EscapedPath())
	for _, v := range actions(r, in) {
		words := joined(wordsOf(nil, v))
		for _, known := range []map[string]bool{signInWords, signUpWords, recoveryWords, signOutWords, factorWords} {
			if has(words, known) {
				return route + " " + strings.Join(words[:min(len(words), 4)], "-")
			}
		}
	}
	return route
}
