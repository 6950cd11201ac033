package gateway

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// A problem is all that a client is told of a refusal or a failure (RFC 9457):
// never the rule, the reason or the input.
type problem struct {
	Status int
	// Request is the identifier to quote to the operator.
	Request string
	// RetryAfter, in seconds, is told where it is not zero.
	RetryAfter int
	// Cookies are set beside it.
	Cookies []*http.Cookie
}

// maxDeletions bounds for how many domains a cookie is deleted.
const maxDeletions = 4

// deletions delete a cookie at a client, who does not say for which domain it
// holds: for the host, and for what stands above it. Browsers keep to what a host
// may delete.
func deletions(name, host string) (all []*http.Cookie) {
	del := func(domain string) {
		all = append(all, &http.Cookie{Name: name, Path: "/", Domain: domain, MaxAge: -1, Secure: true, HttpOnly: true})
	}
	del("")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || strings.HasPrefix(name, "__Host-") {
		return all
	}
	for domain, more := host, true; more && strings.Contains(domain, ".") && len(all) < maxDeletions; _, domain, more = strings.Cut(domain, ".") {
		del(domain)
	}
	return all
}

// words are what a status is called to a client, and what to do.
var words = map[int][2]string{
	http.StatusBadRequest:            {"Bad request", "The request is not well formed."},
	http.StatusUnauthorized:          {"Sign in first", "This is for whoever is signed in."},
	http.StatusTooManyRequests:       {"Too often", "Please wait before you try again."},
	http.StatusForbidden:             {"Refused", "This request was refused."},
	http.StatusNotFound:              {"Not found", "There is nothing here."},
	http.StatusRequestTimeout:        {"Too slow", "The request did not arrive in time."},
	http.StatusRequestEntityTooLarge: {"Too large", "The request is larger than this site takes."},
	http.StatusUnsupportedMediaType:  {"Unsupported encoding", "The request's encoding is not one that this site reads."},
	http.StatusInternalServerError:   {"Something went wrong", "The request could not be handled."},
	http.StatusBadGateway:            {"The site is not answering", "Please try again in a moment."},
	http.StatusServiceUnavailable:    {"Too busy", "Please try again in a moment."},
	http.StatusGatewayTimeout:        {"The site is taking too long", "Please try again in a moment."},
}

//go:embed problem.html
var problemPage string

var problemTemplate = template.Must(template.New("problem").Parse(problemPage))

// problemPolicy lets the page have its one style sheet, and nothing else.
var problemPolicy = func() string {
	_, style, _ := strings.Cut(problemPage, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// problemDocument is the form of application/problem+json.
type problemDocument struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
	Request  string `json:"request_id,omitempty"`
	// Back is where a page's link leads, a path of this site.
	Back string `json:"-"`
}

// writeProblem answers with p, as a small page where the client prefers HTML.
func writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	told, ok := words[p.Status]
	if !ok {
		told = [2]string{http.StatusText(p.Status), ""}
	}
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges", "Trailer", "Set-Cookie"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", problemPolicy)
	if own, ok := w.(interface{ ownHeaders(http.Header) }); ok {
		own.ownHeaders(h)
	}
	h.Add("Vary", "Accept")
	for _, c := range p.Cookies {
		if line := c.String(); line != "" { // a name that is none can't be deleted
			h.Add("Set-Cookie", line)
		}
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
		if p.Status == http.StatusTooManyRequests {
			told[1] = "Please try again in " + inWords(p.RetryAfter) + "."
		}
	}
	doc := problemDocument{Type: "about:blank", Title: told[0], Status: p.Status, Detail: told[1], Request: p.Request}
	if p.Request != "" {
		doc.Instance = "urn:gatehouse:request:" + p.Request
	}
	// Errors of the two writes below mean that the client has gone.
	if prefersHTML(r.Header.Values("Accept")) {
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(p.Status)
		_ = problemTemplate.Execute(w, doc)
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(doc)
}

// inWords is a time to wait, for a person, and not too short.
func inWords(seconds int) string {
	n, unit := seconds, "second"
	switch {
	case seconds > 2*3600:
		n, unit = (seconds+3599)/3600, "hour"
	case seconds > 120:
		n, unit = (seconds+59)/60, "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// prefersHTML reports whether the client names text/html with at least the
// weight that it gives JSON. Browsers do for pages, scripts and tools do not.
func prefersHTML(accept []string) bool {
	html, jsonWeight := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		weight := 1.0
		for param := range strings.SplitSeq(params, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
				if q, err := strconv.ParseFloat(v, 64); err == nil {
					weight = q
				}
			}
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "application/xhtml+xml":
			html = max(html, weight)
		case "application/json", "application/problem+json":
			jsonWeight = max(jsonWeight, weight)
		}
	}
	return html > 0 && html >= jsonWeight
}
