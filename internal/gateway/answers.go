package gateway

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/cookies"
	"github.com/gatehousehq/gatehouse/application/cors"
	"github.com/gatehousehq/gatehouse/application/exposed"
	"github.com/gatehousehq/gatehouse/application/headers"
	"github.com/gatehousehq/gatehouse/application/leaks"
	"github.com/gatehousehq/gatehouse/application/markup"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/secret"
)

// This file joins the rungs that look at answers to their lines of the ladder.

func corsOptions(c *config.Config) cors.Options {
	o := cors.Options{Site: c.Site}
	for _, r := range c.Application.CORS {
		o.Rules = append(o.Rules, cors.Rule{
			Path: r.Path, Origins: r.Origins, Credentials: r.Credentials, Methods: r.Methods, Headers: r.Headers,
			Expose: r.Expose, MaxAge: r.MaxAge.Std(), Reason: r.Reason,
		})
	}
	return o
}

// preflightRung answers the preflights of paths that have a rule.
func preflightRung(c *config.Config, _ *Gate) (requestCheck, error) {
	rules, err := cors.New(corsOptions(c))
	if err != nil {
		return nil, err
	}
	return func(t *transit) gatehouse.Decision {
		header, d, ok := rules.Preflight(t.r)
		if !ok {
			return gatehouse.Passed()
		}
		if d.Verdict == gatehouse.Pass {
			t.answer(http.StatusNoContent, header)
		}
		return d
	}, nil
}

func corsRung(c *config.Config, _ *Gate) (responseStep, error) {
	rules, err := cors.New(corsOptions(c))
	if err != nil {
		return responseStep{}, err
	}
	return responseStep{
		check: func(t *transit, res *http.Response, mends bool) gatehouse.Decision {
			if rules.For(t.r.URL.EscapedPath()) && !mends {
				return gatehouse.Passed()
			}
			return rules.Answer(t.r, t.host(), t.x.Route, res.Header)
		},
		repair: func(res *http.Response) { cors.Repair(res.Header) },
	}, nil
}

func cookiesRung(c *config.Config, _ *Gate) (responseStep, error) {
	var o cookies.Options
	for _, r := range c.Application.Cookies.Readable {
		o.Readable = append(o.Readable, cookies.Readable{Name: r.Name, Reason: r.Reason})
	}
	rung, err := cookies.New(o)
	if err != nil {
		return responseStep{}, err
	}
	return responseStep{check: func(t *transit, res *http.Response, mends bool) gatehouse.Decision {
		rung.Sent(t.r, t.sent)
		return rung.Check(res.Header, t.client.Proto == "https", mends)
	}}, nil
}

// sent reports whether the request has a value among its query and fields.
func (t *transit) sent(value string) bool {
	if t.x.Inputs == nil {
		return false
	}
	for _, in := range t.x.Inputs.Query() {
		if in.Value == value {
			return true
		}
	}
	for _, in := range t.x.Inputs.Body() {
		if in.Value == value {
			return true
		}
	}
	return false
}

// hsts grows with how long the gate has served the site.
var hsts = [...]struct{ after, age time.Duration }{
	{0, 5 * time.Minute}, {7 * 24 * time.Hour, 24 * time.Hour}, {28 * 24 * time.Hour, 2 * 365 * 24 * time.Hour},
}

// siteHeaders are the security headers as the site has them now: HSTS grows.
type siteHeaders struct {
	gate *Gate
	ages []*headers.Headers
}

func (g *Gate) siteHeaders(c *config.Config) (*siteHeaders, error) {
	s := c.Application.Headers
	o := headers.Options{Policy: s.CSP, IncludeSubDomains: s.HSTS.IncludeSubDomains, KeepBanners: s.KeepBanners}
	all := &siteHeaders{gate: g}
	for _, step := range hsts {
		if o.HSTS = step.age; c.Transport.Certificates.Local || s.HSTS.Off.Given() {
			o.HSTS = 0 // nobody must be kept from a site by a certificate for development
		}
		h, err := headers.New(o)
		if err != nil {
			return nil, err
		}
		all.ages = append(all.ages, h)
	}
	return all, nil
}

func (s *siteHeaders) now() *headers.Headers {
	served := s.gate.now().Sub(s.gate.firstServed())
	for i := len(hsts) - 1; i > 0; i-- {
		if served >= hsts[i].after {
			return s.ages[i]
		}
	}
	return s.ages[0]
}

func headersRung(c *config.Config, g *Gate) (responseStep, error) {
	s := c.Application.Headers
	all, err := g.siteHeaders(c)
	if err != nil {
		return responseStep{}, err
	}
	scan := func(t *transit, res *http.Response, _ refuser) bodyScan {
		if s.CSP != "" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || res.StatusCode != http.StatusOK || t.x.Route == "" || !g.sampled() {
			return nil
		}
		return &pageScan{g.reports, t.client.Addr.String()}
	}
	return responseStep{scan: scan, check: func(t *transit, res *http.Response, mends bool) gatehouse.Decision {
		if !mends {
			return gatehouse.Passed()
		}
		return all.now().Check(t.headersOf(), res.StatusCode, res.Header)
	}}, nil
}

func (t *transit) headersOf() headers.Request {
	return headers.Request{Host: t.host(), Secure: t.client.Proto == "https", Dest: t.r.Header.Get("Sec-Fetch-Dest")}
}

// ownHeaders gives a page that the gate wrote itself the strictest headers.
func (a *answer) ownHeaders(h http.Header) {
	a.t.asm.headers.now().OwnPage(a.t.headersOf(), h)
}

func leaksRung(c *config.Config, _ *Gate) (responseStep, error) {
	var o leaks.Options
	for _, r := range c.Routes {
		if r.Open.Reason.Given() {
			o.Except = append(o.Except, leaks.Exception{Path: r.Path, Reason: r.Open.Reason})
		}
	}
	rung, err := leaks.New(o)
	if err != nil {
		return responseStep{}, err
	}
	return responseStep{scan: func(t *transit, res *http.Response, refuse refuser) bodyScan {
		if s := rung.Begin(res, t.x.Candidates(), refuse); s != nil {
			return &leakScan{s}
		}
		return nil
	}}, nil
}

// A leakScan keeps what an answer said for whoever asks why it was replaced.
type leakScan struct{ *leaks.Scan }

func (s *leakScan) Held(first []byte, final bool) gatehouse.Decision {
	d := s.Scan.Held(first, final)
	if d.Verdict != gatehouse.Pass {
		d.Evidence += ". It said: " + secret.Cut(secret.Line(leaks.Redact(first)), 600)
	}
	return d
}

func markupRung(c *config.Config, _ *Gate) (responseStep, error) {
	o := markup.Options{Hosts: c.Application.Markup.Redirects}
	for _, r := range c.Routes {
		if r.Markup.Reason.Given() {
			o.Except = append(o.Except, markup.Exception{Path: r.Path, Reason: r.Markup.Reason})
		}
	}
	rung, err := markup.New(o)
	if err != nil {
		return responseStep{}, err
	}
	return responseStep{
		check: func(t *transit, res *http.Response, _ bool) gatehouse.Decision {
			return rung.CheckHead(t.host(), res.StatusCode, res.Header, t.x.Candidates())
		},
		scan: func(t *transit, res *http.Response, refuse refuser) bodyScan {
			if s := rung.Begin(res, t.x.Candidates(), refuse); s != nil {
				return markupScan{s}
			}
			return nil
		},
	}, nil
}

// A markupScan may write more than it reads.
type markupScan struct{ *markup.Scan }

func (markupScan) resizes() bool { return true }

func exposedOptions(c *config.Config) exposed.Options {
	var o exposed.Options
	for _, r := range c.Routes {
		if r.Open.Reason.Given() {
			o.Open = append(o.Open, exposed.Opening{Path: r.Path, Reason: r.Open.Reason})
		}
	}
	return o
}

func exposedRung(c *config.Config, _ *Gate) (requestCheck, error) {
	rung, err := exposed.New(exposedOptions(c))
	if err != nil {
		return nil, err
	}
	return func(t *transit) gatehouse.Decision {
		if d := rung.Check(t.r); d.Verdict != gatehouse.Pass {
			return d
		}
		for _, f := range exposed.InURL(t.r) {
			if !f.Lesser {
				return gatehouse.Denied(f.Rule, f.Place, "%s", f.Evidence)
			}
		}
		return gatehouse.Passed()
	}, nil
}

// exposedAnswerRung closes what only its answer tells.
func exposedAnswerRung(c *config.Config, _ *Gate) (responseStep, error) {
	rung, err := exposed.New(exposedOptions(c))
	if err != nil {
		return responseStep{}, err
	}
	return responseStep{scan: func(t *transit, res *http.Response, _ refuser) bodyScan {
		if !rung.WantsAnswer(t.r) {
			return nil
		}
		return &exposedScan{rung: rung, r: t.r, res: res}
	}}, nil
}

// An exposedScan looks at the beginning of an answer.
type exposedScan struct {
	rung *exposed.Exposed
	r    *http.Request
	res  *http.Response
}

func (s *exposedScan) Held(first []byte, _ bool) gatehouse.Decision {
	return s.rung.CheckAnswer(s.r, s.res.StatusCode, s.res.Header, first)
}

func (s *exposedScan) Next(dst, piece []byte, _ bool) []byte {
	return append(dst, piece...)
}
