package sanitize

import (
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// Rung is the layer's name on the ladder.
const Rung = "application/sanitize"

// The rules that a decision names.
const (
	// RuleTaken: something of a rich-text field could run, and was taken out.
	RuleTaken = "taken-out"
	// RuleUnread: a body with a rich-text field could not be read, so that nothing
	// could be taken out.
	RuleUnread = "unread"
)

// Fields are rich-text fields of a path.
type Fields struct {
	Path string // a pattern of package input
	// Names are those of form and multipart fields, and of JSON values as events
	// name them: "body", "post.body", "items[].text".
	Names []string
}

// Options configure a Sanitizer. The zero value changes nothing.
type Options struct {
	Fields []Fields
}

// A Sanitizer is the rung. Make it with [New]. It may be used concurrently.
type Sanitizer struct {
	routes []route
	policy *bluemonday.Policy
}

type route struct {
	path  input.Pattern
	names map[string]bool
}

// New checks the options.
func New(o Options) (*Sanitizer, error) {
	s := &Sanitizer{policy: policy()}
	for i, f := range o.Fields {
		path, err := input.ParsePattern(f.Path)
		if err != nil {
			return nil, fmt.Errorf("sanitize: Options.Fields[%d]: %w", i, err)
		}
		if len(f.Names) == 0 {
			return nil, fmt.Errorf("sanitize: Options.Fields[%d] (%s) names no field", i, f.Path)
		}
		r := route{path, map[string]bool{}}
		for _, name := range f.Names {
			r.names[name] = true
		}
		s.routes = append(s.routes, r)
	}
	return s, nil
}

// policy is what editors write: text, lists, tables, links, pictures, and how they
// look. Everything else is taken out (OWASP XSS Prevention, "HTML Sanitization").
func policy() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.RequireNoFollowOnLinks(false)
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^[\w\s-]{0,200}$`)).Globally()
	p.AllowAttrs("target").Matching(regexp.MustCompile(`^_(blank|self)$`)).OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^[a-z\s]{0,100}$`)).OnElements("a")
	p.AllowStyles("color", "background-color", "text-align", "text-decoration", "font-size", "font-weight", "font-style", "font-family",
		"width", "height", "float", "vertical-align", "border-collapse", "line-height", "list-style-type",
		"margin-left", "margin-right", "padding-left").Globally()
	p.AllowElements("figure", "figcaption", "u", "s", "mark", "font")
	p.AllowAttrs("color", "size", "face").OnElements("font")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("border", "cellpadding", "cellspacing", "align", "valign", "bgcolor").Matching(regexp.MustCompile(`^[#\w]{0,20}$`)).OnElements("table", "tr", "td", "th", "thead", "tbody", "tfoot", "img")
	p.AllowDataURIImages()
	return p
}

// Names gives the fields that are rich text at a path; nil where none is.
func (s *Sanitizer) Names(escapedPath string) map[string]bool {
	for _, r := range s.routes {
		if r.path.Match(escapedPath) {
			return r.names
		}
	}
	return nil
}

// ErrUnread is why a body can't be rewritten: it is none of the three kinds, or
// is not well formed.
var ErrUnread = errors.New("sanitize: the body is no form, JSON or multipart that can be read")

// Rewrite takes out of a body's fields what could run. It gives the body as it came
// where there is nothing; else the new one, with the places that were changed.
func (s *Sanitizer) Rewrite(contentType string, names map[string]bool, body []byte) ([]byte, []gatehouse.Place, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, nil, ErrUnread
	}
	w := &rewriting{s: s, names: names, body: body}
	switch {
	case len(body) == 0:
		return body, nil, nil
	case kind == "application/x-www-form-urlencoded":
		w.form()
	case kind == "multipart/form-data":
		err = w.multipart(params["boundary"])
	case kind == "application/json", strings.HasSuffix(kind, "+json"), looksLikeJSON(body):
		err = w.json()
	case kind == "text/plain" || strings.HasPrefix(kind, "image/"), kind == "application/octet-stream":
		return body, nil, nil // no field of any name
	default:
		return nil, nil, ErrUnread
	}
	if err != nil {
		return nil, nil, err
	}
	if len(w.changed) == 0 {
		return body, nil, nil
	}
	return w.out(), w.changed, nil
}

// A rewriting notes which pieces of a body others take the place of.
type rewriting struct {
	s       *Sanitizer
	names   map[string]bool
	body    []byte
	edits   []edit
	changed []gatehouse.Place
}

type edit struct {
	from, to int
	text     []byte
}

func (w *rewriting) replace(from, to int, text []byte, place gatehouse.Place) {
	w.edits = append(w.edits, edit{from, to, text})
	w.changed = append(w.changed, place)
}

func (w *rewriting) out() []byte {
	var out []byte
	at := 0
	for _, e := range w.edits {
		out = append(append(out, w.body[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, w.body[at:]...)
}

// Value takes out of one text what could run, and reports whether that was anything.
func (s *Sanitizer) Value(text string) (string, bool) {
	if !strings.ContainsAny(text, "<&") {
		return text, false
	}
	clean := s.policy.Sanitize(text)
	if clean == text || same(text, clean) {
		return text, false
	}
	return clean, true
}

// same reports whether two texts are the same markup, however they are spelled: the
// cleaner writes quotes as references, and adds what is missing.
func same(a, b string) bool {
	x, y := html.NewTokenizer(strings.NewReader(a)), html.NewTokenizer(strings.NewReader(b))
	var textX, textY strings.Builder
	for {
		kindX, kindY := nextTag(x, &textX), nextTag(y, &textY)
		if textX.String() != textY.String() || kindX != kindY {
			return false
		}
		if kindX == html.ErrorToken {
			return true
		}
		textX.Reset()
		textY.Reset()
		if !sameTag(x.Token(), y.Token()) {
			return false
		}
	}
}

// nextTag reads over text to the next tag.
func nextTag(z *html.Tokenizer, text *strings.Builder) html.TokenType {
	for {
		switch kind := z.Next(); kind {
		case html.TextToken:
			text.WriteString(z.Token().Data)
		case html.SelfClosingTagToken:
			return html.StartTagToken
		default:
			return kind
		}
	}
}

func sameTag(a, b html.Token) bool {
	if a.Data != b.Data {
		return false
	}
	// Styles are written anew: their words count, not their spelling.
	words := func(t html.Token) map[string]string {
		all := map[string]string{}
		for _, attr := range t.Attr {
			value := attr.Val
			if attr.Key == "style" {
				value = strings.Trim(strings.Join(strings.Fields(strings.NewReplacer(";", " ", ":", " ").Replace(strings.ToLower(value))), " "), " ")
			}
			all[attr.Key] = value
		}
		return all
	}
	x, y := words(a), words(b)
	for key, value := range x {
		if y[key] != value {
			return false
		}
	}
	return true
}
