package shop

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

type pages map[string]*template.Template

// A page is what every template is given.
type page struct {
	Title  string
	User   *user
	Cart   int64  // pieces in the cart
	Path   string // of the request
	Query  string // what is in the search field
	Notice string
	Data   any
}

func parsePages() (pages, error) {
	files, err := fs.Glob(assets, "templates/*.html")
	if err != nil {
		return nil, err
	}
	found := pages{}
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "templates/"), ".html")
		t, err := template.New("layout.html").Funcs(functions()).ParseFS(assets, "templates/layout.html", "templates/parts.html", f)
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		found[name] = t
	}
	return found, nil
}

func functions() template.FuncMap {
	return template.FuncMap{
		"price": func(cents int64) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) },
		"stars": func(n int) string {
			n = min(max(n, 0), 5)
			return strings.Repeat("★", n) + strings.Repeat("☆", 5-n)
		},
		"initial":  func(s string) string { return strings.ToUpper(string([]rune(s + "?")[0])) },
		"category": categories,
	}
}

// notices are what a page may say on top after a form was sent: ?done=KEY.
func notices() map[string]string {
	return map[string]string{
		"added": "It is in your cart.", "updated": "Your cart is up to date.", "ordered": "Thank you. We are wrapping it already.",
		"cancelled": "The order is cancelled.", "address": "We will send it to the new address.", "saved": "Saved.",
		"picture": "What a nice picture.", "review": "Thank you for your review.", "helpful": "Thank you, that helps others too.",
		"welcome": "Good to see you.", "bye": "You are signed out. Come back soon.", "price": "The price is changed.",
	}
}

func (s *Shop) render(w http.ResponseWriter, r *http.Request, v *visit, status int, name string, p page) {
	p.User, p.Path = v.user, r.URL.Path
	p.Query = r.URL.Query().Get("q")
	p.Notice = notices()[r.URL.Query().Get("done")]
	if v.token != "" {
		// A page is shown without the number where it can't be counted.
		_ = s.one(r.Context(), "SELECT coalesce(sum(quantity), 0) FROM cart_lines WHERE session = $1", []any{v.token}, &p.Cart)
	}
	var b bytes.Buffer
	if err := s.pages[name].Execute(&b, p); err != nil {
		s.log.Error("page failed", "page", name, "error", err)
		http.Error(w, "Internal error: "+err.Error(), http.StatusInternalServerError)
		return
	}
	// Hole: no headers against framing, sniffing or scripts, and a banner.
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Powered-By", "wren-shop/0.9")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the visitor left; nothing is lost
}

func (s *Shop) show(w http.ResponseWriter, r *http.Request, v *visit, name string, p page) error {
	s.render(w, r, v, http.StatusOK, name, p)
	return nil
}

func seeOther(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
