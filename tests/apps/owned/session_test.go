package owned

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// A person has an account, and what stands for one in its program: a name, a
// password, and a mark that each of the person's things has in its text.
type person struct {
	name, password, mark string

	s      *site
	client *http.Client
	// vars are what was taken from answers.
	vars map[string]string
	// bearer is what stands in Authorization; basic signs in there with each request.
	bearer string
	basic  bool
}

var names = [...]string{"ann", "bob", "cleo", "dan"}

// people are four, with names under a domain where one is given.
func people(s *site, domain string) (all []*person) {
	for _, n := range names {
		p := &person{name: n + domain, password: "the password of " + n, mark: "mark-of-" + n, s: s}
		p.begin()
		all = append(all, p)
	}
	return all
}

// begin is a browser without cookies.
func (p *person) begin() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.s.t.Fatal(err)
	}
	p.bearer = ""
	if p.vars == nil {
		p.vars = map[string]string{"name": p.name, "password": p.password, "mark": p.mark}
	}
	p.client = &http.Client{Timeout: patience, Jar: jar, Transport: p.s.transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// A step is a request of a session: one line of the table.
type step struct {
	do string // "GET /orders/{order}"
	// form, json and text are bodies; text has a type of its own.
	form, json, text, kind string
	header                 string // "Depth: 1"
	api                    bool   // by HTTP Basic in place of the cookies
	want                   int    // 200 where 0
	// take are variables, each with an expression whose first group is looked for in
	// the answer and its Location: "order" gets the first, "order0", "order1", … all.
	take map[string]string
}

// An answered is an answer that was read.
type answered struct {
	*http.Response
	text string
}

var variable = regexp.MustCompile(`\{(\w+)\}`)

func (p *person) fill(t *testing.T, text string, escape func(string) string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		v, ok := p.vars[name[1:len(name)-1]]
		if !ok {
			t.Fatalf("%s: nothing gave %s, wanted for %s", p.name, name, text)
		}
		return escape(v)
	})
}

func plain(s string) string { return s }

// does does the steps in turn, and wants each to be answered as it is ordinarily.
func (p *person) does(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		a := p.sends(t, s)
		if want := cmp.Or(s.want, http.StatusOK); a.StatusCode != want {
			t.Errorf("%s: %s (%s): %s, want %d\n%s", p.name, s.do, a.Request.URL.RequestURI(), a.Status, want, head(a.text))
			continue
		}
		for name, expression := range s.take {
			p.take(t, s, name, regexp.MustCompile(expression), a)
		}
	}
}

func head(s string) string { return s[:min(len(s), 400)] }

func (p *person) take(t *testing.T, s step, name string, from *regexp.Regexp, a answered) {
	found := from.FindAllStringSubmatch(a.Header.Get("Location")+"\n"+a.text, -1)
	if len(found) == 0 {
		t.Errorf("%s: %s: nothing in the answer is %s for {%s}:\n%s", p.name, s.do, from, name, head(a.text))
		return
	}
	p.vars[name] = found[0][1]
	for i, f := range found {
		p.vars[fmt.Sprint(name, i)] = f[1]
	}
}

// sends sends one step.
func (p *person) sends(t *testing.T, s step) answered {
	t.Helper()
	method, path, _ := strings.Cut(s.do, " ")
	body, kind := s.text, s.kind
	switch {
	case s.form != "":
		body, kind = s.form, "application/x-www-form-urlencoded"
	case s.json != "":
		body, kind = s.json, "application/json"
	}
	escape := plain
	if s.form != "" {
		escape = url.QueryEscape
	}
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	for line := range strings.SplitSeq(s.header, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h.Set(name, p.fill(t, value, plain))
		}
	}
	fillBody := body
	if body != "" {
		fillBody = variable.ReplaceAllStringFunc(body, func(name string) string {
			if _, known := p.vars[name[1:len(name)-1]]; !known {
				return name
			}
			return escape(p.vars[name[1:len(name)-1]])
		})
	}
	return p.send(t, method, p.fill(t, path, url.PathEscape), h, fillBody, s.api)
}

// send sends a request with the person's credentials.
func (p *person) send(t *testing.T, method, target string, h http.Header, body string, api bool) answered {
	t.Helper()
	r, err := http.NewRequest(method, p.s.origin+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Header = h.Clone()
	if method != http.MethodGet && r.Header.Get("Origin") == "" && !api && p.bearer == "" {
		r.Header.Set("Origin", p.s.origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	client := p.client
	switch {
	case p.bearer != "":
		r.Header.Set("Authorization", p.bearer)
	case api || p.basic:
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(p.name+":"+p.password)))
		client = &http.Client{Timeout: patience, Transport: client.Transport, CheckRedirect: client.CheckRedirect}
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", p.name, method, target, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %s %s: reading the answer: %v", p.name, method, target, err)
	}
	return answered{res, string(text)}
}

// encoded is a value as a form has it.
func encoded(s string) string { return url.QueryEscape(s) }
