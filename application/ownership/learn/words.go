package learn

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// This file is about words: where numbers are counted up from one, the identifiers
// of most kinds of things are also somebody's, and somebody's number is also that of a
// thing. What the path, the field and the table are called tells them apart.

// rows proposes a column of the rows by itself.
func (l *Learner) rows(d *draft) bool {
	d.rule.Owner.Field, d.rule.Items, d.rule.Counts = nil, "", nil
	return l.column(d)
}

// words proposes exceptions for paths that have a word where a rule has an identifier,
// such as /feeds/counters below /feeds/{id}: those that several people asked for and
// had an answer. They stand before the rules.
func (l *Learner) words(routes []*route, drafts []*draft) (all []*draft) {
	for _, r := range routes {
		if r.named() || len(r.askers) < l.o.MinPrincipals || strings.Contains(r.template, "{") {
			continue
		}
		if slices.ContainsFunc(drafts, func(d *draft) bool { return d.r.template == r.template }) {
			continue // it has a word of its own
		}
		for _, d := range drafts {
			if !d.ok || d.rule.Public.Given() || d.r.template == r.template || !strings.Contains(d.rule.Path, "{") || !slices.Contains(d.rule.Methods, r.method) {
				continue
			}
			p, err := input.ParsePattern(d.rule.Path)
			if err != nil || !p.Match(r.template) {
				continue
			}
			one := newDraft(r)
			one.rule.Public, one.ok = gatehouse.Reason("a word stands where others have an identifier"), true
			one.say(count(len(r.askers), "principal", "principals"), " had ", count(r.answers, "answer", "answers"), " of ", one.path(), ", which `", d.rule.Path, "` is for as well, and no identifier stands there")
			all = append(all, one)
			break
		}
	}
	return all
}

// namesPeople reports whether the identifier that a draft is about is one of people,
// by what stands before it: /users/{id}, /statement?user_id.
func (d *draft) namesPeople() bool {
	r := d.r
	if r.query != "" {
		return personal(r.query) > 0 || personal(lastWord(r.template)) > 0
	}
	wild := r.wild[len(r.wild)-1]
	if len(d.rule.ID) == 1 {
		wild = strings.TrimPrefix(d.rule.ID[0], "path:")
	}
	before, _, _ := strings.Cut(r.pattern, "{"+wild+"}")
	return personal(lastWord(before)) > 0
}

// lastWord is the last segment of a path that is a word, as one of its kind.
func lastWord(path string) string {
	segments := strings.Split(path, "/")
	for i := len(segments) - 1; i >= 0; i-- {
		if s := segments[i]; s != "" && !strings.Contains(s, "{") {
			return singular(s)
		}
	}
	return ""
}

// isOf ranks how near to the identifier a route's path has the name of a table; 0
// where it does not.
func (r *route) isOf(table string) (near int) {
	table = singular(table)
	for i, s := range strings.Split(r.pattern, "/") {
		if s != "" && !strings.Contains(s, "{") && singular(s) == table {
			near = i + 1
		}
	}
	if near == 0 && stem(r.query) == table {
		near = 1
	}
	return near
}

// calls reports whether a field by which r's requests name a thing is called as what g
// shows: order_id, or id below /orders.
func (r *route) calls(g *route) bool {
	thing := lastWord(g.thing)
	if of := stem(r.query); of != "" {
		return of == thing
	}
	for _, s := range strings.Split(r.template, "/") {
		if singular(s) == thing {
			return true
		}
	}
	return false
}

// names reports whether what a giver gives is called as what a route is about: links
// are by their path, and identifiers in JSON where the member, what is around it, or
// the giver's own path is called so.
func (g *giver) names(r *route) bool {
	if g.field == "" {
		return true
	}
	thing := stem(r.query)
	if thing == "" {
		path, _, _ := strings.Cut(r.thing, "?")
		thing = lastWord(path)
	}
	parts := strings.FieldsFunc(g.field, func(c rune) bool { return c == '.' || c == '[' || c == ']' || c == '"' })
	if len(parts) > 0 && stem(parts[len(parts)-1]) == thing {
		return true
	}
	// The identifier of a thing within another is not the other's: orders[].user.id.
	if len(parts) > 1 {
		return singular(parts[len(parts)-2]) == thing
	}
	return lastWord(g.pattern) == thing
}

// stem is what a field is an identifier of: "order" for order_id, orderId and
// order[id]; empty for id.
func stem(field string) string {
	low := strings.ToLower(strings.NewReplacer("[", "_", "]", "", ".", "_", "-", "_").Replace(field))
	for _, suffix := range [...]string{"uuid", "guid", "id"} {
		if s, ok := strings.CutSuffix(low, suffix); ok {
			return singular(strings.Trim(s, "_"))
		}
	}
	return ""
}
