package signin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// A person has a browser with cookies, and sees what it is shown.
type person struct {
	s   *site
	app *application
	c   *http.Client
	// from is an address of their own.
	from string
}

// newPerson comes with a browser in which nothing is left of anybody.
func (a *application) newPerson() *person {
	jar, _ := cookiejar.New(nil) // never fails without options
	a.people++
	return &person{s: a.site, app: a, from: fmt.Sprintf("198.51.100.%d", a.people), c: &http.Client{Transport: a.transport, Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *person) do(method, path, contentType, body string) answered {
	p.s.t.Helper()
	r, err := http.NewRequest(method, p.s.origin+path, strings.NewReader(body))
	if err != nil {
		p.s.t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", p.from)
	r.Header.Set("X-Forwarded-Proto", "https")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Origin", p.s.origin)
		r.Header.Set("Referer", p.s.origin+path)
	}
	return readAll(p.s.t, p.c, r)
}

func (p *person) get(path string) answered { p.s.t.Helper(); return p.do("GET", path, "", "") }

func (p *person) post(path string, fields url.Values) answered {
	p.s.t.Helper()
	return p.do("POST", path, "application/x-www-form-urlencoded", fields.Encode())
}

func (p *person) postJSON(path string, v any) answered {
	p.s.t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		p.s.t.Fatal(err)
	}
	return p.do("POST", path, "application/json", b.String())
}

// past asks the application itself, with the person's cookies: what it says is
// what really happened.
func (p *person) past(path string) answered {
	p.s.t.Helper()
	r, err := http.NewRequest("GET", p.app.backend+path, nil)
	if err != nil {
		p.s.t.Fatal(err)
	}
	origin, err := url.Parse(p.s.origin)
	if err != nil {
		p.s.t.Fatal(err)
	}
	r.Host = origin.Host
	r.Header.Set("X-Forwarded-Proto", "https")
	for _, c := range p.c.Jar.Cookies(origin) {
		r.AddCookie(c)
	}
	c := &http.Client{Transport: p.app.straight, Timeout: patience, CheckRedirect: p.c.CheckRedirect}
	return readAll(p.s.t, c, r)
}

// drop forgets the cookies whose name has a part in it, as the end of a browser's
// session does, and gives how many there were.
func (p *person) drop(part string) (n int) {
	p.s.t.Helper()
	origin, err := url.Parse(p.s.origin)
	if err != nil {
		p.s.t.Fatal(err)
	}
	for _, c := range p.c.Jar.Cookies(origin) {
		if strings.Contains(c.Name, part) {
			n++
			p.c.Jar.SetCookies(origin, []*http.Cookie{{Name: c.Name, Path: "/", Secure: true, MaxAge: -1}})
		}
	}
	return n
}

var (
	inputs    = regexp.MustCompile(`(?s)<input[^>]*>`)
	attribute = regexp.MustCompile(`([\w-]+)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))`)
)

// hidden are the hidden fields of a page's forms, whose names have a part in them.
func hidden(page, part string) url.Values {
	found := url.Values{}
	for _, tag := range inputs.FindAllString(page, -1) {
		a := map[string]string{}
		for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
			a[m[1]] = html.UnescapeString(m[2] + m[3] + m[4])
		}
		if a["type"] == "hidden" && strings.Contains(a["name"], part) {
			found.Set(a["name"], a["value"])
		}
	}
	return found
}
