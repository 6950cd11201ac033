package ownership

import (
	"net/http"
	"net/url"
	"slices"
)

// This file is about requests that name a second thing: COPY and MOVE (RFC 4918,
// sections 9.8 and 9.9) write what their field Destination names.

// relocates reports whether the request copies or moves a thing.
func (q *Request) relocates() bool {
	is := func(method string) bool { return method == "COPY" || method == "MOVE" }
	return (is(q.Method) || slices.ContainsFunc(q.Overrides, is)) && len(q.Header["Destination"]) > 0
}

// destination is the request as one that writes what Destination names. Which
// hosts count as this one is the backend's to say: the path is judged for any.
func (q *Request) destination() (to Request, ok bool) {
	named := q.Header["Destination"]
	if len(named) != 1 {
		return Request{}, false
	}
	u, err := url.Parse(named[0])
	if err != nil || u.Opaque != "" || len(u.Path) == 0 || u.Path[0] != '/' {
		return Request{}, false
	}
	to = *q
	to.Path, to.Overrides = u.EscapedPath(), append(slices.Clone(q.Overrides), http.MethodPut)
	return to, true
}
