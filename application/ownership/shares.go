package ownership

import "slices"

// lent is f, unless that is no and every thing that the request names by the rule
// is shared with the principal.
func (c *Case) lent(f finding, a *asked) finding {
	if f.standing == standsOwn || !c.isLent(a) {
		return f
	}
	return own("it is shared with the principal")
}

// isLent reports whether every thing that the request names by the rule is shared
// with the principal by Options.Shares.
func (c *Case) isLent(a *asked) bool {
	if a.odd || len(a.ids) == 0 || len(c.o.shares) == 0 {
		return false
	}
	change, now := c.q.change() && !c.q.queries(a.rule), c.o.now()
	for _, id := range a.ids {
		if !slices.ContainsFunc(c.o.shares[[2]string{a.rule.Thing, id}], func(s Share) bool {
			return now.Before(s.Until) && (s.Change || !change) && called(&c.q.Principal, "", s.Principal)
		}) {
			return false
		}
	}
	return true
}
