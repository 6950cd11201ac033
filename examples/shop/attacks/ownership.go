package attacks

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

const brokenAccess = "Somebody else's data"

func ownership() []Case {
	owned := []string{"application/ownership"}
	return []Case{
		{ID: "idor-order", Title: "Read somebody else's order", Class: brokenAccess, Stops: owned,
			Try: "sign in as jonas@example.com, password1, and open {base}/orders/42, which is Marta's", Run: readOrder},
		{ID: "idor-order-api", Title: "Read any order, not even signed in", Class: brokenAccess, Stops: owned,
			Try: "curl {base}/api/orders/42", Run: readOrderAPI},
		{ID: "idor-profile", Title: "Read somebody else's profile", Class: brokenAccess, Stops: owned,
			Try: "sign in and open {base}/profile?id=2", Run: readProfile},
		{ID: "idor-list", Title: "List somebody else's orders", Class: brokenAccess, Stops: owned,
			Try: "curl {base}/api/orders?customer=2 -b wren_session=YOURS", Run: listOrders},
		{ID: "idor-invoice", Title: "Download somebody else's invoice", Class: brokenAccess, Stops: owned,
			Try: "sign in and open {base}/orders/42/invoice", Run: readInvoice},
		{ID: "idor-cancel", Title: "Cancel somebody else's order", Class: brokenAccess, Stops: owned,
			Try: "sign in as jonas@example.com and press Cancel on {base}/orders/42", Run: cancelOther},
		{ID: "idor-order-patch", Title: "Send somebody else's parcel to oneself", Class: brokenAccess, Stops: owned,
			Try: `curl -X PATCH {base}/api/orders/42 -b wren_session=YOURS -d '{"street":"Thief Lane 1"}'`, Run: redirectOther},
		{ID: "idor-profile-write", Title: "Change somebody else's profile", Class: brokenAccess, Stops: owned,
			Try: "{base}/profile: change the hidden field id to 2, and save", Run: writeProfile},
		{ID: "access-price", Title: "Set a price without being an admin", Class: "Missing check", Stops: []string{"application/access"},
			Try: "curl {base}/admin/products/18 -b wren_session=YOURS -d price=1", Run: setPrice},
		{ID: "access-case", Title: "Read the list of customers by a path in capitals", Class: "Missing check", Stops: []string{"application/access"},
			Try: "sign in as jonas@example.com, password1, and open {base}/Admin/Customers", Run: readCustomers("/Admin/Customers")},
		{ID: "access-slashes", Title: "The same by a path with two slashes", Class: "Missing check", Stops: []string{"application/access"},
			Try: "sign in as jonas@example.com, password1, and open {base}/admin//customers", Run: readCustomers("/admin//customers")},
		{ID: "mass-assignment", Title: "Give oneself the admin's role", Class: "Missing check", Stops: []string{"application/ownership", "application/schema", "application/access"},
			Try: `curl -X PATCH {base}/api/profile -b wren_session=YOURS -d '{"role":"admin"}'`, Run: promoteOneself},
	}
}

// two makes a victim with an order at a street of its own, and an attacker.
func two(ctx context.Context, t *Target) (victim, attacker *visitor, o placed, err error) {
	if victim, err = signUp(ctx, t, "nobody's business"); err != nil {
		return nil, nil, o, err
	}
	if o, err = victim.order(ctx, "Secret Street "+marker(), ""); err != nil {
		return nil, nil, o, err
	}
	attacker, err = signUp(ctx, t, "let me see")
	return victim, attacker, o, err
}

func readOrder(ctx context.Context, t *Target) (Result, error) {
	_, attacker, o, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attacker.get(ctx, o.path)
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has(o.Street), "another's address was shown", "another's address was not shown")
}

func readOrderAPI(ctx context.Context, t *Target) (Result, error) {
	_, _, o, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := newProgram(t).get(ctx, "/api"+o.path)
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has(o.Street), "another's address was told", "another's address was not told")
}

func listOrders(ctx context.Context, t *Target) (Result, error) {
	victim, attacker, o, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attacker.get(ctx, "/api/orders?customer="+strconv.FormatInt(victim.id, 10))
	if err != nil {
		return Result{}, err
	}
	return judgedBy("application/ownership", r, r.has(o.Street), "another's orders were listed", "another's orders were not listed")
}

func readInvoice(ctx context.Context, t *Target) (Result, error) {
	_, attacker, o, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attacker.get(ctx, o.path+"/invoice")
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has(o.Street), "another's invoice was given", "another's invoice was not given")
}

func readProfile(ctx context.Context, t *Target) (Result, error) {
	victim, attacker, _, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attacker.get(ctx, "/profile?id="+strconv.FormatInt(victim.id, 10))
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.has(victim.email), "another's e-mail address was shown", "another's e-mail address was not shown")
}

// onOrder runs an attack on another's order, and asks the victim whether the
// order changed.
func onOrder(ctx context.Context, t *Target, attack func(attacker *visitor, o placed) (*reply, error), done func(placed) bool) (Result, error) {
	victim, attacker, o, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attack(attacker, o)
	if err != nil {
		return Result{}, err
	}
	after, err := victim.placed(ctx, o.path)
	if err != nil {
		return Result{}, err
	}
	return judged(r, done(after), "another's order was changed", "another's order is as it was")
}

func cancelOther(ctx context.Context, t *Target) (Result, error) {
	return onOrder(ctx, t, func(attacker *visitor, o placed) (*reply, error) {
		return attacker.post(ctx, o.path+"/cancel")
	}, func(after placed) bool { return after.Status == "cancelled" })
}

func redirectOther(ctx context.Context, t *Target) (Result, error) {
	return onOrder(ctx, t, func(attacker *visitor, o placed) (*reply, error) {
		return attacker.sendJSON(ctx, http.MethodPatch, "/api"+o.path, map[string]string{"street": "Thief Lane 1"})
	}, func(after placed) bool { return after.Street == "Thief Lane 1" })
}

func writeProfile(ctx context.Context, t *Target) (Result, error) {
	victim, attacker, _, err := two(ctx, t)
	if err != nil {
		return Result{}, err
	}
	r, err := attacker.post(ctx, "/profile", "id", strconv.FormatInt(victim.id, 10), "name", "Somebody Else", "nickname", "Nobody")
	if err != nil {
		return Result{}, err
	}
	after, err := victim.profile(ctx)
	if err != nil {
		return Result{}, err
	}
	return judged(r, after.Name == "Somebody Else", "another's name was changed", "another's name is as it was")
}

type article struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Price int64  `json:"price_cents"`
}

func (v *visitor) article(ctx context.Context, id int) (article, error) {
	var a article
	r, err := v.get(ctx, fmt.Sprintf("/api/products/%d", id))
	if err != nil {
		return a, err
	}
	return a, r.json(&a)
}

func setPrice(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "a good price")
	if err != nil {
		return Result{}, err
	}
	v, err := account.signedIn(ctx)
	if err != nil {
		return Result{}, err
	}
	before, err := v.article(ctx, 18)
	if err != nil {
		return Result{}, preparing(err)
	}
	r, err := v.post(ctx, "/admin/products/18", "price", strconv.FormatInt(before.Price+1, 10))
	if err != nil {
		return Result{}, err
	}
	after, err := v.article(ctx, 18)
	if err != nil {
		return Result{}, err
	}
	if after.Price == before.Price {
		return failed(r, "the price is as it was")
	}
	if _, err := v.post(ctx, "/admin/products/18", "price", strconv.FormatInt(before.Price, 10)); err != nil {
		return Result{}, err
	}
	return succeeded(r, "a customer set the price")
}

func promoteOneself(ctx context.Context, t *Target) (Result, error) {
	v, err := signUp(ctx, t, "only the best")
	if err != nil {
		return Result{}, err
	}
	if _, err := v.sendJSON(ctx, http.MethodPatch, "/api/profile", map[string]string{"role": "admin"}); err != nil {
		return Result{}, err
	}
	again, err := v.signedIn(ctx) // the session of before is a customer's to whoever remembers
	if err != nil {
		return Result{}, err
	}
	return again.entersOffice(ctx)
}

// signedIn is the account's owner in another browser.
func (v *visitor) signedIn(ctx context.Context) (*visitor, error) {
	other := newVisitor(v.t)
	_, err := other.post(ctx, "/login", "email", v.email, "password", v.password)
	return other, preparing(err)
}

// readCustomers asks for the back office's list as a customer, by a path that the
// shop's check does not know and its routes do.
func readCustomers(path string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		account, err := signUp(ctx, t, "just a customer")
		if err != nil {
			return Result{}, err
		}
		v, err := account.signedIn(ctx)
		if err != nil {
			return Result{}, err
		}
		r, err := v.get(ctx, path)
		if err != nil {
			return Result{}, err
		}
		return judged(r, r.has(owner().Email), "the shop's customers were listed", "the shop's customers were not listed")
	}
}
