package attacks

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

const (
	forgery = "CSRF"
	sharing = "CORS"
	evil    = "https://evil.example"
)

func crossSite() []Case {
	csrf, cors := []string{"application/csrf"}, []string{"application/cors"}
	return []Case{
		{ID: "csrf-form", Title: "Another site's form changes an order's address", Class: forgery, Stops: csrf,
			Try: "signed in, open a page of another site with <form method=post action={base}/orders/N/address> that sends itself",
			Run: forgedForm(sender{evil, "cross-site", "navigate"})},
		{ID: "csrf-sibling", Title: "The same from a sibling domain", Class: forgery, Stops: csrf,
			Try: "a page on another port of the shop's own host with a form for {base}/orders/N/address",
			Run: forgedForm(sender{"https://blog.example.test", "same-site", "navigate"})},
		{ID: "csrf-old-browser", Title: "The same in a browser of before 2020", Class: forgery, Stops: csrf,
			Try: "curl {base}/orders/N/address -b wren_session=YOURS -H 'Origin: https://evil.example' -d street=x -d city=y",
			Run: forgedForm(sender{origin: evil})},
		{ID: "csrf-null-origin", Title: "The same from a sandboxed frame", Class: forgery, Stops: csrf,
			Try: "curl {base}/orders/N/address -b wren_session=YOURS -H 'Origin: null' -d street=x -d city=y",
			Run: forgedForm(sender{origin: "null"})},
		{ID: "csrf-json", Title: "Another site's form fills the cart by JSON as text", Class: forgery, Stops: csrf,
			Try: `a page of another site with <form method=post enctype=text/plain action={base}/api/cart> and {"product":9,"quantity":9} in it`,
			Run: forgedJSON},
		{ID: "csrf-upload", Title: "Another site's script uploads a picture", Class: forgery, Stops: csrf,
			Try: "fetch('{base}/profile/picture', {method:'POST', mode:'no-cors', credentials:'include', body: aForm}) on another site",
			Run: forgedUpload},
		{ID: "cors-read", Title: "Another site reads the visitor's profile", Class: sharing, Stops: cors,
			Try: "fetch('{base}/api/profile', {credentials:'include'}) on another site",
			Run: sharedWith(evil)},
		{ID: "cors-null", Title: "A sandboxed frame reads it", Class: sharing, Stops: cors,
			Try: "fetch('{base}/api/profile', {credentials:'include'}) in <iframe sandbox=allow-scripts>",
			Run: sharedWith("null")},
		{ID: "cors-write", Title: "Another site changes the profile, after a preflight", Class: sharing, Stops: append(csrf, cors...),
			Try: "fetch('{base}/api/profile', {method:'PATCH', credentials:'include', headers:{'Content-Type':'application/json'}, body:'{}'}) on another site",
			Run: preflighted},
	}
}

func forgedForm(from sender) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		victim, err := signUp(ctx, t, "just looking")
		if err != nil {
			return Result{}, err
		}
		o, err := victim.order(ctx, "Home Street 1", "")
		if err != nil {
			return Result{}, err
		}
		r, err := victim.send(ctx, ask{method: http.MethodPost, path: o.path + "/address", kind: formKind, body: query("street", "Thief Lane 1", "city", "Nowhere"), from: from})
		if err != nil {
			return Result{}, err
		}
		after, err := victim.placed(ctx, o.path)
		if err != nil {
			return Result{}, err
		}
		return judgedBy("application/cookies", r, after.Street == "Thief Lane 1", "the parcel goes to Thief Lane", "the address is as it was")
	}
}

func forgedJSON(ctx context.Context, t *Target) (Result, error) {
	victim, err := signUp(ctx, t, "just looking")
	if err != nil {
		return Result{}, err
	}
	before := victim.copied()
	r, err := victim.send(ctx, ask{method: http.MethodPost, path: "/api/cart", kind: "text/plain", body: `{"product":9,"quantity":9,"x":"="}`, from: sender{evil, "cross-site", "navigate"}})
	if err != nil {
		return Result{}, err
	}
	cart, err := before.get(ctx, "/cart")
	if err != nil {
		return Result{}, err
	}
	return judgedBy("application/cookies", r, cart.has("Kitchen knife"), "nine knives are in the visitor's cart", "the visitor's cart is as it was")
}

func forgedUpload(ctx context.Context, t *Target) (Result, error) {
	victim, err := signUp(ctx, t, "just looking")
	if err != nil {
		return Result{}, err
	}
	a, err := upload(sender{evil, "cross-site", "no-cors"}, "/profile/picture", "grin.png", "image/png", smallPNG())
	if err != nil {
		return Result{}, err
	}
	r, err := victim.send(ctx, a)
	if err != nil {
		return Result{}, err
	}
	p, err := victim.profile(ctx)
	if err != nil {
		return Result{}, err
	}
	return judgedBy("application/cookies", r, p.Picture != "", "the visitor has a new face", "the visitor's picture is as it was")
}

// shares tells whether a browser would let a page of this origin read the
// answer that was asked for with cookies (Fetch standard, CORS check).
func (r *reply) shares(origin string) bool {
	return r.header.Get("Access-Control-Allow-Origin") == origin && r.header.Get("Access-Control-Allow-Credentials") == "true"
}

func sharedWith(origin string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		victim, err := signUp(ctx, t, "mine alone")
		if err != nil {
			return Result{}, err
		}
		r, err := victim.send(ctx, ask{method: http.MethodGet, path: "/api/profile", from: sender{origin, "cross-site", "cors"}})
		if err != nil {
			return Result{}, err
		}
		return judgedBy("application/cookies", r, r.shares(origin) && r.has(victim.email), "another site reads the visitor's e-mail address", "another site's page can't read it")
	}
}

func preflighted(ctx context.Context, t *Target) (Result, error) {
	victim, err := signUp(ctx, t, "mine alone")
	if err != nil {
		return Result{}, err
	}
	from := sender{evil, "cross-site", "cors"}
	// A preflight carries no cookies.
	r, err := newVisitor(t).send(ctx, ask{method: http.MethodOptions, path: "/api/profile", from: from,
		header: map[string]string{"Access-Control-Request-Method": http.MethodPatch, "Access-Control-Request-Headers": "content-type"}})
	if err != nil {
		return Result{}, err
	}
	if !r.shares(evil) || !strings.Contains(r.header.Get("Access-Control-Allow-Methods"), http.MethodPatch) {
		return failed(r, "the preflight is not answered: a browser sends nothing more")
	}
	name := "Forged " + marker()
	if r, err = victim.send(ctx, ask{method: http.MethodPatch, path: "/api/profile", kind: "application/json", body: fmt.Sprintf(`{"name":%q}`, name), from: from}); err != nil {
		return Result{}, err
	}
	p, err := victim.profile(ctx)
	if err != nil {
		return Result{}, err
	}
	return judgedBy("application/cookies", r, p.Name == name, "another site changed the visitor's name", "the visitor's name is as it was")
}
