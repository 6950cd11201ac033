package ownership

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// maxIDs bounds the things that one request may name by one rule.
const maxIDs = 256

// identifiers are what a request names by a rule. whole is false where more may be
// named than could be read.
func (r *rule) identifiers(q *Request) (ids []string, whole bool) {
	whole = true
	add := func(v string) {
		for part := range strings.SplitSeq(v, ",") {
			switch {
			case part == "" && v != "":
			case len(ids) >= maxIDs:
				whole = false
			case !slices.Contains(ids, part):
				ids = append(ids, part)
			}
		}
	}
	for _, p := range r.ids {
		switch p.kind {
		case "path":
			if v, ok := r.pattern.Value(p.name, q.Path); ok {
				add(v)
			}
		case "header":
			for _, v := range q.Header[p.name] {
				add(strings.TrimSpace(v))
			}
		default:
			whole = r.among(p, q, add) && whole
		}
	}
	return ids, whole
}

// among looks for the identifier of a place in the request's inputs.
func (r *rule) among(p place, q *Request, add func(string)) (whole bool) {
	if q.Inputs == nil {
		return false
	}
	want := plainName(p.name)
	take := func(all []input.Input, kinds ...gatehouse.PlaceKind) {
		for _, i := range all {
			if slices.Contains(kinds, i.Place.Kind) && plainName(i.Place.Name) == want {
				add(i.Value)
			}
		}
	}
	switch p.kind {
	case "cookie":
		take(q.Inputs.Cookies(), gatehouse.Cookie)
		return true
	case "graphql":
		for _, i := range q.Inputs.GraphQL() {
			if rest, ok := strings.CutSuffix(i.Place.Name, p.name); ok && (rest == "" || rest[len(rest)-1] == '.') {
				add(i.Value)
			}
		}
		// A change without an operation may be of a document that the backend alone has.
		all, read := q.Inputs.Operations()
		return read && (len(all) > 0 || !q.change()) && !q.Unread && q.Inputs.Err() == nil
	case "patch":
		if at := r.pointers[p.name]; !at.among(q.Inputs.Body(), add) {
			return false
		}
	default:
		take(q.Inputs.Query(), gatehouse.Query)
		take(q.Inputs.Body(), gatehouse.Form, gatehouse.Multipart, gatehouse.JSON)
	}
	return !q.Unread && q.Inputs.Err() == nil
}

// plainName is a field's name as frameworks take it: "Order[ID]", "order.id" and
// "order[][id]" are one.
func plainName(s string) string {
	if !strings.ContainsAny(s, "[]ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return s
	}
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == '[' || c == ']' || c == '.' }) {
		if strings.Trim(part, "0123456789") == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strings.ToLower(part))
	}
	return b.String()
}
