package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file puts one document of the gate in the place of the backend's answers
// that tell which accounts there are.

// alikeAnswers are the documents' statuses, by what was tried. They hold no identifier of
// the request: not one byte differs. It is in the head.
var alikeAnswers = map[signin.Kind]int{
	signin.SignIn:   http.StatusUnauthorized,
	signin.Recovery: http.StatusAccepted,
}

// alikeWords are what they say.
var alikeWords = map[signin.Kind][2]string{
	signin.SignIn:   {"Not signed in", "The name or the password is not right."},
	signin.Recovery: {"A message is on its way", "If there is an account by that name, what to do next is on its way to its owner."},
}

// alikeRung answers in the backend's place where configuration asks for it.
func alikeRung(c *config.Config, _ *Gate) (responseStep, error) {
	if !c.Identity.SignIn.Alike {
		return responseStep{}, nil
	}
	return responseStep{check: func(t *transit, res *http.Response, mends bool) gatehouse.Decision {
		if !mends || !t.tells(res) {
			return gatehouse.Passed()
		}
		return t.makeAlike(res)
	}}, nil
}

// tells reports whether the backend's answer may tell whether an account exists: a
// sign-in that failed, and whatever is said of a recovery that somebody asks for.
// What the backend could not judge is its failure, and told as one.
func (t *transit) tells(res *http.Response) bool {
	a := &t.attempt
	switch a.Kind {
	case signin.SignIn:
		return a.outcome == signin.Failure
	case signin.Recovery: // with a secret it ends one, which the owner alone can
		return len(a.Secrets) == 0 && res.StatusCode >= 200 && res.StatusCode < 500
	}
	return false
}

// makeAlike takes the backend's answer away, and waits until the time at which all
// such answers leave. The backend is done with the request meanwhile.
func (t *transit) makeAlike(res *http.Response) gatehouse.Decision {
	a := &t.attempt
	_ = res.Body.Close() // nothing of it is sent
	t.leave()
	kept := t.alikeHeader(res)
	switch err := t.gate.signIns.alike.Wait(t.r.Context(), a.Route, a.sent); {
	case errors.Is(err, throttle.ErrCrowded):
		return gatehouse.Denied(throttle.RuleCrowded, gatehouse.Place{}, "more failures at once than are kept back until their time").WithStatus(http.StatusTooManyRequests)
	case err != nil:
		panic(http.ErrAbortHandler) // the client has gone
	}
	doc := problemDocument{Type: "about:blank", Title: alikeWords[a.Kind][0], Detail: alikeWords[a.Kind][1], Status: alikeAnswers[a.Kind], Back: t.back()}
	var body bytes.Buffer
	kind := "application/problem+json"
	switch {
	case prefersHTML(t.r.Header.Values("Accept")):
		kind = "text/html; charset=utf-8"
		_ = problemTemplate.Execute(&body, doc) // never fails: a bytes.Buffer takes everything
	default:
		if doc.Status < http.StatusBadRequest {
			kind = "application/json"
		}
		_ = json.NewEncoder(&body).Encode(doc)
	}
	kept.Set("Content-Type", kind)
	kept.Set("Content-Length", strconv.Itoa(body.Len()))
	res.Header, res.Trailer = kept, nil
	res.StatusCode, res.Status = doc.Status, strconv.Itoa(doc.Status)+" "+http.StatusText(doc.Status)
	res.Body, res.ContentLength, res.TransferEncoding, res.Uncompressed = io.NopCloser(&body), int64(body.Len()), nil, false
	return gatehouse.Passed()
}

// alikeHeader is the document's head, with what has to stay of the answer's: who
// may read it, how the client stands with its limits, how one signs in where the password comes with each request, and the
// cookies that every failure renews.
func (t *transit) alikeHeader(res *http.Response) http.Header {
	h := http.Header{}
	for _, name := range [...]string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Ratelimit", "Ratelimit-Policy"} {
		if v := res.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if t.attempt.basic() {
		h["Www-Authenticate"] = res.Header["Www-Authenticate"]
	}
	var brought, set []string
	for _, c := range t.r.Cookies() {
		brought = append(brought, c.Name)
	}
	for _, line := range res.Header["Set-Cookie"] {
		set = append(set, cookieName(line))
	}
	may := t.gate.signIns.alike.Cookies(t.attempt.Route, brought, set)
	for i, line := range res.Header["Set-Cookie"] {
		if may[set[i]] {
			h.Add("Set-Cookie", line)
		}
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", problemPolicy)
	h.Set("Vary", "Accept, Origin")
	t.w.ownHeaders(h)
	return h
}

func cookieName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(name)
}

// back is where the sign-in's page is: the page of this site that the request came
// from, or the path that it was sent to.
func (t *transit) back() string {
	to := t.r.URL.EscapedPath()
	if from, err := url.Parse(t.r.Header.Get("Referer")); err == nil && from.Host != "" && strings.EqualFold(from.Host, t.host()) {
		to = from.EscapedPath()
		if from.RawQuery != "" {
			to += "?" + from.RawQuery
		}
	}
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\x00\t\r\n") {
		return "/"
	}
	return to
}
