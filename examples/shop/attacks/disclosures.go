package attacks

import (
	"context"
	"net/http"
	"strings"
)

const (
	traversal  = "Path traversal"
	disclosure = "Disclosure"
)

func disclosures() []Case {
	return []Case{
		{ID: "traversal-query", Title: "Download the shop's configuration", Class: traversal, Stops: []string{"application/rules"},
			Try: "{base}/download?file=../../config/shop.env", Run: discloses("/download?file=../../config/shop.env", "PAYMENT_API_KEY=")},
		{ID: "traversal-path", Title: "The same by a picture's path", Class: traversal, Stops: []string{"application/protocol"},
			Try: "curl {base}/pictures/..%2f..%2fconfig%2fshop.env", Run: discloses("/pictures/..%2f..%2fconfig%2fshop.env", "PAYMENT_API_KEY=")},
		{ID: "stack-trace", Title: "An error that shows the statement and the stack", Class: disclosure, Stops: []string{"application/leaks"},
			Try: "{base}/products/seven", Run: discloses("/products/seven", "goroutine ", "SELECT id, slug")},
		{ID: "stack-trace-api", Title: "The same in JSON", Class: disclosure, Stops: []string{"application/leaks"},
			Try: "curl {base}/api/products?sort=colour", Run: discloses("/api/products?sort=colour", "goroutine ", "ORDER BY colour")},
		{ID: "debug", Title: "The debug page with its keys", Class: disclosure, Stops: []string{"application/exposed"},
			Try: "{base}/debug", Run: discloses("/debug", "PAYMENT_API_KEY", "made-up-payment-key")},
		{ID: "framing", Title: "Show the sign-in inside another site's page", Class: disclosure, Stops: []string{"application/headers"},
			Try: "a page of another site with <iframe src={base}/login>", Run: framed},
		{ID: "ssrf", Title: "Have the shop fetch from its own warehouse", Class: "Server-side request forgery", Stops: []string{"application/rules"},
			Try: "{base}/profile: picture from the web  http://warehouse.internal/  and open the picture's address", Run: forgeRequest},
	}
}

// discloses is an attack by one address: it succeeded where all the words are
// in the answer.
func discloses(path string, words ...string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		r, err := newVisitor(t).get(ctx, path)
		if err != nil {
			return Result{}, err
		}
		for _, w := range words {
			if !r.has(w) {
				return failed(r, "the answer does not tell")
			}
		}
		return succeeded(r, "the answer tells: %s", strings.TrimSpace(words[0]))
	}
}

func framed(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/login", from: sender{origin: "https://evil.example", relation: "cross-site", mode: "navigate"},
		header: map[string]string{"Sec-Fetch-Dest": "iframe"}})
	if err != nil {
		return Result{}, err
	}
	policy := strings.Join(r.header.Values("Content-Security-Policy"), ";")
	framed := r.status == http.StatusOK && r.header.Get("X-Frame-Options") == "" && !strings.Contains(policy, "frame-ancestors")
	return judgedBy("application/headers", r, framed, "any site may show it in a frame", "other sites may not show it in a frame")
}

func forgeRequest(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "picture this")
	if err != nil {
		return Result{}, err
	}
	if _, err := v.post(ctx, "/profile/picture-from-url", "url", "http://warehouse.internal/"); err != nil {
		return Result{}, err
	}
	r, err := v.picture(ctx)
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has("alarm_code"), "the warehouse's alarm code came as a picture", "nothing of the warehouse came")
}
