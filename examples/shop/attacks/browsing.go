package attacks

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/html"
)

func browsing() []Case {
	const class = "Browsing"
	look := func(id, title, path string, status int, words ...string) Case {
		return Case{ID: id, Title: title, Kind: Ordinary, Class: class, Try: "{base}" + path, Run: shows(path, status, words...)}
	}
	return []Case{
		look("home", "Open the shop", "/", 200, "Useful things,", "Heron teapot", "/static/style.css"),
		look("catalogue", "Look through the catalogue", "/catalogue", 200, "Reading lamp", "Six pencils"),
		look("category", "Look at one category", "/catalogue?category=Garden", 200, "Hand trowel", "Watering can"),
		look("sorted", "Sort a category by price", "/catalogue?category=Table&sort=price", 200, "Morning mug", "Heron teapot"),
		look("product", "Look at a product and its reviews", "/products/1", 200, "Heron teapot", "doesn't drip", "€ 64.00"),
		look("search", "Search for a lamp", "/search?q=lamp", 200, "Reading lamp"),
		look("search-apostrophe", "Search for O'Reilly", "/search?q=O%27Reilly", 200, "1 found", "Hand trowel"),
		look("search-category", "Search in one category", "/search?q=bre&category=Kitchen", 200, "Oak bread board"),
		look("search-equation", "Search for 1=1", "/search?q=1%3D1", 200, "0 found", "1=1"),
		look("search-percent", "Search for 100 % wool", "/search?q=100+%25+lambswool", 200, "100 % lambswool"),
		look("search-words-of-sql", "Search for a table to select from", "/search?q=select+a+table+from+the+union", 200, "0 found"),
		look("search-unicode", "Search for a pot of tea in Japanese", "/search?q=%E6%80%A5%E9%A0%88+%F0%9F%AB%96", 200, "急須 🫖"),
		look("campaign", "Arrive from a newsletter with tracking parameters", "/products/15?utm_source=mail&utm_campaign=a%2Bb&ref=&x[]=1", 200, "Wool blanket"),
		look("not-found", "Open a page that is not there", "/products/999", 404, "There is nothing here"),
		{ID: "seen", Title: "See what one looked at before", Kind: Ordinary, Class: class, Try: "{base}/products/3, then {base}/products/4", Run: seenBefore},
		{ID: "assets", Title: "Load everything that a page asks for", Kind: Ordinary, Class: class, Try: "{base}/products/10 with the browser's network view", Run: loadsAssets},
		{ID: "download", Title: "Download a product's picture", Kind: Ordinary, Class: class, Try: "{base}/download?file=teapot.svg", Run: downloads},
	}
}

// shows opens a page, and wants a status and words in its text or source.
func shows(path string, status int, words ...string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		r, err := newVisitor(t).get(ctx, path)
		if err != nil {
			return Result{}, err
		}
		return r.expect(status, words...)
	}
}

// expect judges an answer by its status and by words that have to be in it.
func (r *reply) expect(status int, words ...string) (Result, error) {
	if r.status != status {
		return failed(r, "the answer was %d instead of %d", r.status, status)
	}
	text := r.text()
	for _, w := range words {
		if !r.has(w) && !strings.Contains(text, w) {
			return failed(r, "%q is missing in the answer", w)
		}
	}
	return succeeded(r, "as it should be")
}

// text is what a person reads: the text of an HTML answer, spaces joined.
func (r *reply) text() string {
	document, err := html.Parse(bytes.NewReader(r.body))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for node := range document.Descendants() {
		if node.Type == html.TextNode {
			b.WriteString(node.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func seenBefore(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	for _, path := range []string{"/products/3", "/products/5"} {
		if _, err := v.get(ctx, path); err != nil {
			return Result{}, err
		}
	}
	r, err := v.get(ctx, "/products/4")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "You looked at", "Nesting bowls", "Carafe and glass")
}

func loadsAssets(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	page, err := v.get(ctx, "/products/10")
	if err != nil {
		return Result{}, err
	}
	document, err := html.Parse(bytes.NewReader(page.body))
	if err != nil {
		return Result{}, err
	}
	count := 0
	for node := range document.Descendants() {
		for _, a := range node.Attr {
			if a.Key != "src" && (a.Key != "href" || node.Data != "link") {
				continue
			}
			r, err := v.get(ctx, a.Val)
			if err != nil {
				return Result{}, err
			}
			if r.status != http.StatusOK || len(r.body) == 0 {
				return failed(r, "%s gave %d", a.Val, r.status)
			}
			count++
		}
	}
	return judged(page, count >= 4, fmt.Sprintf("%d files loaded", count), "the page asks for too little")
}

func downloads(ctx context.Context, t *Target) (Result, error) {
	r, err := newVisitor(t).get(ctx, "/download?file=teapot.svg")
	if err != nil {
		return Result{}, err
	}
	ok := r.status == http.StatusOK && r.has("<svg") && strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment")
	return judged(r, ok, "as it should be", "the picture did not come as a file")
}
