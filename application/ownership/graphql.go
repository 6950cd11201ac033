package ownership

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/answer"
	"github.com/gatehousehq/gatehouse/input"
)

// This file judges what an answer of GraphQL shows of a field that a rule names.

// selected gives what a request asks for, and whether the rule's field may be in it.
// whole is false where that could not be read.
func (r *rule) selected(q *Request) (data *input.Selection, asked, whole bool) {
	if q.probe {
		return nil, false, true
	}
	if q.Inputs == nil || q.Unread || q.Inputs.Err() != nil {
		return nil, false, false
	}
	all, read := q.Inputs.Operations()
	if len(all) == 0 {
		// It may be of a document that the backend alone has, where anything could name
		// that: then what only reads, its answer decides.
		named := len(q.Inputs.Query()) > 0 || len(r.pattern.Wildcards()) > 0
		return nil, q.Method != http.MethodOptions && named, read && !q.change()
	}
	data, whole = q.Inputs.Selected()
	return data, whole && r.graph.Asked(data), whole
}

// graph judges things one by one. Others' elements of lists are cut out; where one
// thing can't be cut, or nobody knows whose one is, the answer is refused. body is
// what an earlier rule made of it.
func (c *Case) graph(ctx context.Context, a *asked, of *Answer, body []byte) (gatehouse.Decision, []byte, int) {
	r := a.rule
	switch {
	case !r.graph.Accepts(of.Header.Get("Content-Type")) && a.data == nil:
		return gatehouse.Passed(), body, 0 // a page to write queries with, or a stream that begins
	case !of.Whole || !r.graph.Accepts(of.Header.Get("Content-Type")):
		return c.byRowsAlone(ctx, r, of, "the answer is too long to be judged, or no JSON"), body, 0
	}
	text := of.Body
	if body != nil {
		text = body
	}
	refused, untold, told := finding{standing: standsOwn}, false, false
	out, cut, err := r.graph.Cut(make([]byte, 0, len(text)), text, a.data, func(o answer.Owners, listed bool) bool {
		f := c.judge(r, &o)
		switch {
		case f.standing == standsOwn:
			return true
		case f.standing == standsUnknown:
			untold = true
			return false
		case !listed || r.Whole:
			refused = f
		}
		told = true
		return false
	})
	switch {
	case err != nil && a.data == nil && noData(err):
		return gatehouse.Passed(), body, 0 // it is no answer of GraphQL
	case err != nil:
		return c.byRowsAlone(ctx, r, of, "the answer could not be read: "+err.Error()), body, 0
	case refused.standing != standsOwn:
		return refused.decision(), nil, 0
	case untold && told: // some are others', and rows would speak for all
		return unknown("the answer tells of some " + r.GraphQL + " whose they are, and not of others").decision(), nil, 0
	case untold:
		return c.byRowsAlone(ctx, r, of, "the answer does not tell whose "+r.GraphQL+" are: the client did not ask for it"), body, 0
	case cut == 0:
		return gatehouse.Passed(), body, 0
	}
	return gatehouse.Passed(), out, cut
}

// byRowsAlone decides where the answer itself does not tell.
func (c *Case) byRowsAlone(ctx context.Context, r *rule, of *Answer, why string) gatehouse.Decision {
	if r.Owner.Column == "" {
		return unknown(why).decision()
	}
	return unknown(why).or(c.byRows(ctx, r, of)).decision()
}

// graphFailed decides about an error, of which nothing is cut.
func (c *Case) graphFailed(ctx context.Context, a *asked, of *Answer) gatehouse.Decision {
	if !a.rule.graph.Accepts(of.Header.Get("Content-Type")) {
		return gatehouse.Passed()
	}
	if _, _, err := a.rule.graph.Cut(nil, of.Body, a.data, func(answer.Owners, bool) bool { return false }); of.Whole && noData(err) {
		return gatehouse.Passed()
	}
	d, _, cut := c.graph(ctx, a, of, nil)
	if d.Verdict == gatehouse.Pass && cut > 0 {
		return gatehouse.Denied(RuleMixed, gatehouse.Place{}, "%d of the things beside the backend's errors are another's", cut).WithStatus(http.StatusNotFound)
	}
	return d
}

func noData(err error) bool {
	var e *answer.Error
	return errors.As(err, &e) && e.Fault == answer.NoData
}
