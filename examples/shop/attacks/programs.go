package attacks

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
)

func programs() []Case {
	const class = "Programs"
	return []Case{
		{ID: "api-products", Title: "List products as JSON", Kind: Ordinary, Class: class, Try: "curl '{base}/api/products?category=Garden&sort=price'", Run: listsProducts},
		{ID: "api-maker", Title: "List what one maker makes", Kind: Ordinary, Class: class, Try: "curl '{base}/api/products?maker=Wren'", Run: shows("/api/products?maker=Wren", 200, "Quiet clock", "Wren house")},
		{ID: "api-session", Title: "Sign in and read one's orders as a program", Kind: Ordinary, Class: class, Try: "curl {base}/api/session -d '{…}', then {base}/api/orders", Run: programSignsIn},
		{ID: "api-token", Title: "List the customers by the owner's program, with a token", Kind: Ordinary, Class: class, Try: "curl {base}/api/token -d '{…}', then {base}/api/staff/customers -H 'Authorization: Bearer …'", Run: listsCustomers},
		{ID: "api-token-customer", Title: "Browse as a customer's program, with a token", Kind: Ordinary, Class: class, Try: "curl {base}/api/token -d '{…}', then {base}/api/products -H 'Authorization: Bearer …'", Run: browsesWithToken},
		{ID: "api-cart", Title: "Fill the cart from the page's script", Kind: Ordinary, Class: class, Try: "{base}/products/24: Add to cart, with JavaScript", Run: scriptFillsCart},
		{ID: "api-order", Title: "Change one's own order, with unicode", Kind: Ordinary, Class: class, Try: "curl -X PATCH {base}/api/orders/N -d '{…}'", Run: programChangesOrder},
		{ID: "api-profile", Title: "Change one's profile with code and quotes in it", Kind: Ordinary, Class: class, Try: "curl -X PATCH {base}/api/profile -d '{…}'", Run: programChangesProfile},
		{ID: "api-bad-json", Title: "Send broken JSON and be told so", Kind: Ordinary, Class: class, Try: "curl {base}/api/cart -d '{'", Run: sendsBrokenJSON},
		{ID: "range", Title: "Ask for a part of a picture", Kind: Ordinary, Class: class, Try: "curl -r 5-24 {base}/pictures/lamp.svg", Run: asksForRange},
		{ID: "head", Title: "Ask for a page's head", Kind: Ordinary, Class: class, Try: "curl -I {base}/catalogue", Run: asksForHead},
		{ID: "conditional", Title: "Ask for a picture only if it changed", Kind: Ordinary, Class: class, Try: "curl {base}/pictures/lamp.svg -H 'If-None-Match: …'", Run: asksIfChanged},
		{ID: "feed", Title: "Read the catalogue ten times in a row", Kind: Ordinary, Class: class, Try: "curl {base}/api/products, ten times", Run: readsOften},
	}
}

type listed struct {
	Products []article `json:"products"`
}

func listsProducts(ctx context.Context, t *Target) (Result, error) {
	r, err := newProgram(t).get(ctx, "/api/products?category=Garden&sort=price")
	if err != nil {
		return Result{}, err
	}
	var l listed
	if err := r.json(&l); err != nil {
		return Result{}, err
	}
	ok := len(l.Products) == 4 && l.Products[0].Price <= l.Products[1].Price && l.Products[1].Price <= l.Products[3].Price
	return judged(r, ok, "four products, cheapest first", "the list is not that of the garden's products, cheapest first")
}

func programSignsIn(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "beep boop")
	if err != nil {
		return Result{}, err
	}
	o, err := account.order(ctx, "Quay 3", "")
	if err != nil {
		return Result{}, err
	}
	program := newProgram(t)
	if _, err := program.sendJSON(ctx, http.MethodPost, "/api/session", map[string]string{"email": account.email, "password": account.password}); err != nil {
		return Result{}, err
	}
	r, err := program.get(ctx, "/api/orders")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, `"id":`+strconv.FormatInt(o.ID, 10), `"goods_cents":3600`)
}

func scriptFillsCart(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	if _, err := v.sendJSON(ctx, http.MethodPost, "/api/cart", map[string]int{"product": 24, "quantity": 2}); err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/api/cart")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, `"Six pencils"`, `"goods_cents":2400`)
}

func programChangesOrder(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "unicorn")
	if err != nil {
		return Result{}, err
	}
	o, err := v.order(ctx, "Old Street 1", "")
	if err != nil {
		return Result{}, err
	}
	v.program = true
	want := "für Žofia & 陽子 – \"bitte\" klingeln \u202f👋"
	r, err := v.sendJSON(ctx, http.MethodPatch, "/api"+o.path, map[string]string{"note": want})
	if err != nil {
		return Result{}, err
	}
	after, err := v.placed(ctx, o.path)
	if err != nil {
		return Result{}, err
	}
	return judged(r, after.Note == want && after.Street == o.Street, "as it should be", "the note is not what was sent")
}

func programChangesProfile(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "poke")
	if err != nil {
		return Result{}, err
	}
	name := `Robert'); DROP TABLE "students";-- Jr. {{7*7}} ${x}`
	r, err := v.sendJSON(ctx, http.MethodPatch, "/api/profile", map[string]string{"name": name})
	if err != nil {
		return Result{}, err
	}
	after, err := v.profile(ctx)
	if err != nil {
		return Result{}, err
	}
	return judged(r, after.Name == name && after.Role == "customer", "as it should be", "the name is not what was sent")
}

func sendsBrokenJSON(ctx context.Context, t *Target) (Result, error) {
	r, err := newProgram(t).send(ctx, ask{method: http.MethodPost, path: "/api/cart", kind: "application/json", body: `{"product":`})
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusBadRequest, "told so", "a program is not told that its JSON is broken")
}

func asksForRange(ctx context.Context, t *Target) (Result, error) {
	v := newProgram(t)
	whole, err := v.get(ctx, "/pictures/lamp.svg")
	if err != nil {
		return Result{}, err
	}
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/pictures/lamp.svg", header: map[string]string{"Range": "bytes=5-24"}})
	if err != nil {
		return Result{}, err
	}
	ok := r.status == http.StatusPartialContent && len(whole.body) > 25 && bytes.Equal(r.body, whole.body[5:25])
	return judged(r, ok, "the part that was asked for", "not the part that was asked for")
}

func asksForHead(ctx context.Context, t *Target) (Result, error) {
	r, err := newProgram(t).send(ctx, ask{method: http.MethodHead, path: "/catalogue"})
	if err != nil {
		return Result{}, err
	}
	ok := r.status == http.StatusOK && len(r.body) == 0 && strings.HasPrefix(r.header.Get("Content-Type"), "text/html")
	return judged(r, ok, "a head without a body", "not a head without a body")
}

func asksIfChanged(ctx context.Context, t *Target) (Result, error) {
	v := newProgram(t)
	whole, err := v.get(ctx, "/pictures/lamp.svg")
	if err != nil {
		return Result{}, err
	}
	r, err := v.send(ctx, ask{method: http.MethodGet, path: "/pictures/lamp.svg", header: map[string]string{"If-None-Match": whole.header.Get("Etag")}})
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusNotModified && len(r.body) == 0, "not changed", "sent again though it did not change")
}

func readsOften(ctx context.Context, t *Target) (Result, error) {
	v, last := newProgram(t), &reply{}
	for range 10 {
		r, err := v.get(ctx, "/api/products")
		if err != nil {
			return Result{}, err
		}
		if last = r; r.status != http.StatusOK {
			return failed(r, "ended by %d", r.status)
		}
	}
	return last.expect(http.StatusOK, `"Heron teapot"`)
}
