package attacks

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

func buying() []Case {
	const class = "Buying"
	return []Case{
		{ID: "cart", Title: "Fill, change and empty a cart, not signed in", Kind: Ordinary, Class: class, Try: "{base}/products/6: Add to cart", Run: fillsCart},
		{ID: "cart-kept", Title: "Keep the cart through signing up", Kind: Ordinary, Class: class, Try: "fill a cart, then {base}/signup", Run: keepsCart},
		{ID: "order", Title: "Order something, to an address with an apostrophe", Kind: Ordinary, Class: class, Try: "{base}/checkout with  12 O'Connell St; #3 -- rear", Run: orders},
		{ID: "order-note", Title: "Order with a note of several lines", Kind: Ordinary, Class: class, Try: "{base}/checkout with a note that quotes, and that has lines", Run: ordersWithNote},
		{ID: "order-address", Title: "Send one's own order elsewhere", Kind: Ordinary, Class: class, Try: "{base}/orders/N: Send it elsewhere", Run: changesAddress},
		{ID: "order-cancel", Title: "Cancel one's own order", Kind: Ordinary, Class: class, Try: "{base}/orders/N: Cancel this order", Run: cancels},
		{ID: "review", Title: "Review a product, with an apostrophe, SQL and bold words", Kind: Ordinary, Class: class,
			Try: "{base}/products/13: I'd SELECT it again FROM any shop, it's <b>really</b> good",
			Run: reviews("13", "I'd SELECT it again FROM any shop WHERE lanterns are sold; it's <b>really</b> good -- MARK",
				"I'd SELECT it again FROM any shop WHERE lanterns are sold; it's")},
		{ID: "review-technical", Title: "Review with code and angle brackets", Kind: Ordinary, Class: class,
			Try: "{base}/products/14: <3 it! if (a < b && c > d) { pour(\"tea\"); }  1' OR '1'='1 is my password ;-)",
			Run: reviews("14", `I &lt;3 it! if (height < 20 && width > 5) { pour("tea"); } MARK and 1' OR '1'='1 is not my password ;-)`,
				`I <3 it! if (height < 20 && width > 5) { pour("tea"); }`, "1' OR '1'='1 is not my password ;-)")},
		{ID: "review-long", Title: "Write a long review with emoji", Kind: Ordinary, Class: class, Try: "{base}/products/16 with ten thousand characters",
			Run: reviews("16", "MARK "+strings.Repeat("Très doux, 100 % lin, größer als gedacht 🛋️. ", 220), "Très doux, 100 % lin, größer als gedacht 🛋️.")},
		{ID: "helpful", Title: "Find a review helpful", Kind: Ordinary, Class: class, Try: "{base}/products/2: Helpful", Run: votes},
	}
}

func fillsCart(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	steps := []struct {
		path, quantity string
		words          []string
	}{
		{"/cart/add", "2", []string{"Oak bread board", "€ 92.00"}},
		{"/cart/update", "1", []string{"Oak bread board", "€ 46.00", "€ 51.90"}},
		{"/cart/update", "0", []string{"It is empty"}},
	}
	last := &reply{}
	for _, step := range steps {
		r, err := v.post(ctx, step.path, "product", "6", "quantity", step.quantity)
		if err != nil {
			return Result{}, err
		}
		if last, err = v.get(ctx, r.location()); err != nil {
			return Result{}, err
		}
		if result, err := last.expect(http.StatusOK, step.words...); err != nil || !result.Succeeded {
			return result, err
		}
	}
	return succeeded(last, "as it should be")
}

func keepsCart(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	if _, err := v.post(ctx, "/cart/add", "product", "20", "quantity", "3"); err != nil {
		return Result{}, err
	}
	if _, err := v.post(ctx, "/signup", "name", "Keeps Carts", "email", marker()+"@example.com", "password", "watering"); err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, "/cart")
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Watering can", "€ 162.00")
}

// ordersTo orders to a street with a note, and wants to find both again.
func ordersTo(ctx context.Context, t *Target, street, note string, words ...string) (Result, error) {
	v, err := signUp(ctx, t, "by the next post")
	if err != nil {
		return Result{}, err
	}
	o, err := v.order(ctx, street, note)
	if err != nil {
		return Result{}, err
	}
	r, err := v.get(ctx, o.path)
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, append(words, "Order "+strconv.FormatInt(o.ID, 10), "Morning mug", street)...)
}

func orders(ctx context.Context, t *Target) (Result, error) {
	return ordersTo(ctx, t, "12 O'Connell St; #3 -- rear", "")
}

func ordersWithNote(ctx context.Context, t *Target) (Result, error) {
	return ordersTo(ctx, t, "Quay 3", "Dear all,\r\n\"the blue one\", please; not the 'green' one.\r\n/* ring twice */", `"the blue one", please; not the 'green' one.`, "/* ring twice */")
}

// changesOrder sends a form to one's own order, and wants words on its page.
func changesOrder(ctx context.Context, t *Target, form string, pairs []string, words ...string) (Result, error) {
	v, err := signUp(ctx, t, "second thoughts")
	if err != nil {
		return Result{}, err
	}
	o, err := v.order(ctx, "Old Street 1", "")
	if err != nil {
		return Result{}, err
	}
	r, err := v.post(ctx, o.path+form, pairs...)
	if err != nil {
		return Result{}, err
	}
	if r, err = v.get(ctx, r.location()); err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, words...)
}

func changesAddress(ctx context.Context, t *Target) (Result, error) {
	return changesOrder(ctx, t, "/address", []string{"street", "Straße des 17. Juni 135", "city", "10623 Berlin"}, "Straße des 17. Juni 135")
}

func cancels(ctx context.Context, t *Target) (Result, error) {
	return changesOrder(ctx, t, "/cancel", nil, "The order is cancelled.")
}

// reviews writes a review and wants to read it. What is read leaves the tags
// out: bold words may come as bold words or, where a gate makes markup
// harmless, as they were typed.
func reviews(product, body string, read ...string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		v, err := signUp(ctx, t, "five stars")
		if err != nil {
			return Result{}, err
		}
		mark := marker()
		words := strings.ReplaceAll(body, "MARK", mark)
		r, err := v.post(ctx, "/products/"+product+"/reviews", "stars", "5", "body", words)
		if err != nil {
			return Result{}, err
		}
		if r, err = v.get(ctx, strings.TrimSuffix(r.location(), "#reviews")); err != nil {
			return Result{}, err
		}
		return r.expect(http.StatusOK, append(read, "Thank you for your review.", mark)...)
	}
}

func votes(ctx context.Context, t *Target) (Result, error) {
	v := newVisitor(t)
	r, err := v.get(ctx, "/products/2")
	if err != nil {
		return Result{}, err
	}
	_, after, _ := strings.Cut(string(r.body), `data-review="`)
	id, _, _ := strings.Cut(after, `"`)
	if r, err = v.post(ctx, "/reviews/helpful", "product", "2", "review", id); err != nil {
		return Result{}, err
	}
	if r, err = v.get(ctx, strings.TrimSuffix(r.location(), "#reviews")); err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, "Thank you, that helps others too.")
}
