package ownership

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/input"
)

// Gives reports whether an answer to the request may give things to who asked, so
// that Given wants to see it.
func (o *Ownership) Gives(q *Request) bool {
	return o.ledger != nil && q.Principal.Known() && (q.Method == http.MethodDelete || slices.ContainsFunc(o.rules, func(r *rule) bool { return r.giving(q) != nil }))
}

func (r *rule) giving(q *Request) *giving {
	for i := range r.gives {
		g := &r.gives[i]
		if g.pattern.Match(q.Path) && (len(g.methods) == 0 || slices.Contains(g.methods, q.Method)) {
			return g
		}
	}
	return nil
}

// maxGiven bounds the things that one answer gives.
const maxGiven = 1000

// Given takes down the things that an answer, which passed, gave to who asked. What
// the client itself named in the request is not given to it by being repeated.
func (o *Ownership) Given(ctx context.Context, q *Request, a *Answer) error {
	if o.ledger == nil || !q.Principal.Known() || a.Status < 200 || a.Status >= 400 {
		return nil
	}
	var errs []error
	for _, r := range o.rules {
		if q.Method == http.MethodDelete && a.Status < 300 {
			errs = append(errs, o.deleted(ctx, r, q))
		}
		g := r.giving(q)
		if g == nil {
			continue
		}
		ids, how := o.given(g, r, q, a)
		if how == ledger.Listed && !q.ownList() {
			continue
		}
		for _, id := range ids[:min(len(ids), maxGiven)] {
			if o.named(r, q, id) || g.plan == nil && how == ledger.Listed && o.anothers(ctx, q, r, id) {
				continue
			}
			err := o.ledger.Note(ctx, ledger.Entry{Resource: r.Thing, ID: id, Principal: keyOf(&q.Principal), How: how})
			// What is another's, or many people's, is not given away.
			if err != nil && !errors.Is(err, ledger.ErrTaken) && !errors.Is(err, ledger.ErrCrowded) && !errors.Is(err, ledger.ErrInvalid) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// turning are parameters by which a list is turned over, a form of the same thing is
// chosen, or its page told something: it is still the thing or list that is named.
var turning = map[string]bool{
	"page": true, "p": true, "per_page": true, "perpage": true, "page_size": true, "pagesize": true, "size": true, "limit": true, "offset": true, "start": true,
	"cursor": true, "after": true, "before": true, "sort": true, "order": true, "order_by": true, "sort_by": true, "dir": true, "direction": true,
	"format": true, "download": true, "dl": true, "inline": true, "raw": true, "disposition": true, "done": true, "msg": true, "tab": true, "view": true, "lang": true, "locale": true, "_": true, "t": true,
}

// turns reports whether a parameter of a query only turns a list over, or tells a page
// something.
func turns(name string) bool {
	name = strings.ToLower(name)
	return turning[name] || strings.HasPrefix(name, "utm_")
}

// ownList reports whether a list is that of who asks: one that was asked for with
// other parameters may be somebody else's (?customer=2).
func (q *Request) ownList() bool {
	return q.Inputs != nil && len(q.Inputs.Body()) == 0 && q.parameters(turns)
}

// parameters reports whether all of the query's are in order.
func (q *Request) parameters(ok func(name string) bool) bool {
	for _, i := range q.Inputs.Query() {
		if i.Place.Kind == gatehouse.Query && !ok(i.Place.Name) {
			return false
		}
	}
	return true
}

// deleted forgets a thing that is no more: another may get its identifier.
func (o *Ownership) deleted(ctx context.Context, r *rule, q *Request) error {
	if len(r.ids) != 1 || r.ids[0].kind != "path" || !r.names(q.Method) {
		return nil
	}
	id, ok := r.pattern.Value(r.ids[0].name, q.Path)
	if !ok {
		return nil
	}
	return o.ledger.Forget(ctx, r.Thing, id)
}

// anothers reports whether the ledger has a thing as somebody else's, or can't be
// read: a link can be anybody's words on a page that is one's own.
func (o *Ownership) anothers(ctx context.Context, q *Request, r *rule, id string) bool {
	s, err := o.ledger.Look(ctx, r.Thing, id, keyOf(&q.Principal))
	return err != nil || s == ledger.Others
}

// given are the identifiers of a rule's things in an answer.
func (o *Ownership) given(g *giving, r *rule, q *Request, a *Answer) (ids []string, how ledger.How) {
	how = ledger.Listed
	if q.change() {
		how = ledger.Created
	}
	if g.plan != nil {
		if !a.Whole || !g.plan.Accepts(a.Header.Get("Content-Type")) {
			return nil, how
		}
		named, err := g.plan.Read(a.Body)
		if err != nil {
			return nil, how
		}
		return named.Owner, how
	}
	if id, ok := o.linked(r, q, a.Header.Get("Location")); ok && q.change() {
		return []string{id}, how
	}
	if isHTML(a.Header) && !q.change() {
		ids = o.links(r, q, a.Body)
	}
	return ids, how
}

// links are the things that a page links to.
func (o *Ownership) links(r *rule, q *Request, body []byte) (ids []string) {
	z := html.NewTokenizer(strings.NewReader(string(body)))
	for len(ids) < maxGiven {
		switch z.Next() {
		case html.ErrorToken:
			return ids
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			if len(name) != 1 || name[0] != 'a' {
				continue
			}
			for more {
				var key, value []byte
				if key, value, more = z.TagAttr(); string(key) == "href" {
					if id, ok := o.linked(r, q, string(value)); ok && !slices.Contains(ids, id) {
						ids = append(ids, id)
					}
				}
			}
		}
	}
	return ids
}

// linked is the thing that a link of the same site is to: by the path of the rule,
// of another of the same kind of thing, or of the thing itself.
func (o *Ownership) linked(r *rule, q *Request, link string) (id string, ok bool) {
	if link == "" {
		return "", false
	}
	u, err := (&url.URL{Path: q.Path}).Parse(link)
	if err != nil || u.Host != "" && !strings.EqualFold(u.Host, q.Host) {
		return "", false
	}
	for _, of := range o.rules {
		if of.Thing != r.Thing || len(of.ids) != 1 {
			continue
		}
		switch p := of.ids[0]; p.kind {
		case "path":
			id, ok = of.pattern.Value(p.name, u.EscapedPath())
		case "query":
			id = u.Query().Get(p.name)
			ok = id != "" && of.pattern.Match(u.EscapedPath())
		}
		if ok {
			return id, true
		}
	}
	return r.itself.Value(itselfID, u.EscapedPath())
}

// named reports whether the request itself names a thing of the rule's: in its
// path, in a link to it, or in a field that is called as the thing. A number that
// is the same by chance, such as a quantity, does not.
func (o *Ownership) named(r *rule, q *Request, id string) bool {
	if q.Inputs == nil {
		return true // nobody knows
	}
	found := false
	q.Inputs.Each(func(i input.Input) bool {
		switch {
		case i.Place.Kind == gatehouse.PathSegment:
			found = i.Value == id
		case i.Value == id:
			found = r.calls(plainName(i.Place.Name))
		case strings.IndexByte(i.Value, '/') >= 0:
			named, ok := o.linked(r, q, i.Value)
			found = ok && named == id
		}
		return !found
	})
	return found
}

// calls reports whether a field may be meant to name one of the rule's things.
func (r *rule) calls(field string) bool {
	field = field[strings.LastIndexByte(field, '.')+1:]
	thing := strings.TrimSuffix(strings.ToLower(r.Thing[strings.LastIndexByte(r.Thing, '/')+1:]), "s")
	switch field {
	case "id", "uuid", "number", "no", "ref", "reference", "code", "slug", "key":
		return true
	}
	return len(r.ids) > 0 && field == r.ids[0].name || thing != "" && strings.HasPrefix(field, thing)
}
