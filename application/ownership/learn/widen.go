package learn

import (
	"net/http"
	"slices"
	"strings"
)

// further are methods that ordinary traffic may never use and an attacker may: who
// sees a thing shown asks whether it can be deleted. OPTIONS is not among them, as
// browsers send it without credentials.
var further = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// webDAV are those of RFC 4918, 3253, 3744 and 4791, for paths that know any of them.
var webDAV = []string{"PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR", "COPY", "MOVE", "LOCK", "UNLOCK", "ACL"}

// widen has rules hold for methods of their path that were not seen, or too little,
// where what they go by tells before a change is done, and what was seen of the
// method does not speak against it.
func (l *Learner) widen(all []*draft) {
	for _, d := range all {
		if !d.ok || !d.tellsBefore() {
			continue
		}
		add := slices.Clone(further)
		if slices.ContainsFunc(all, func(e *draft) bool {
			return e.rule.Path == d.rule.Path && slices.ContainsFunc(e.rule.Methods, isWebDAV)
		}) {
			add = append(add, webDAV...)
		}
		add = slices.DeleteFunc(add, func(m string) bool {
			return slices.Contains(d.rule.Methods, m) || slices.ContainsFunc(all, func(e *draft) bool { return e != d && l.settles(e, d, m) })
		})
		if len(add) == 0 {
			continue
		}
		d.rule.Methods = append(slices.Clone(d.rule.Methods), add...)
		slices.SortFunc(d.rule.Methods, byMethod)
		d.say("of ", strings.Join(add, ", "), " little or nothing was seen, which the rule is for as well")
	}
}

func isWebDAV(method string) bool { return slices.Contains(webDAV, method) }

// tellsBefore reports whether a rule can judge a change that is not done yet.
func (d *draft) tellsBefore() bool {
	r, o := &d.rule, &d.rule.Owner
	if r.Public.Given() || r.Items != "" || d.r.query != "" || len(d.r.wild) == 0 {
		return false
	}
	asksItself := len(o.Field) > 0 && len(r.ID) == 0 && slices.Contains(r.Methods, http.MethodGet)
	return o.Self || o.Ledger || o.Probe != "" || asksItself
}

// settles reports whether e is a rule for a method of d's path, or says that there is
// none.
func (l *Learner) settles(e, d *draft, method string) bool {
	if e.rule.Path != d.rule.Path || e.rule.Items != "" || !slices.Contains(e.rule.Methods, method) {
		return false
	}
	switch {
	case e.ok:
		return e.rule.Public.Given() || slices.Equal(e.rule.ID, d.rule.ID)
	case !d.rule.Owner.Self:
		return e.wanted == 0
	}
	i := len(d.r.wild) - 1
	if len(d.rule.ID) == 1 {
		i = slices.Index(d.r.wild, strings.TrimPrefix(d.rule.ID[0], "path:"))
	}
	if i < 0 || i >= len(e.r.wilds) {
		return true
	}
	t := l.best(&e.r.wilds[i])
	return t.people == 0 || !tolerable(t)
}
