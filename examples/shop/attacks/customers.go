package attacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Customers is an ordinary week of the shop: n people who make accounts, buy, look
// at what they bought, change it, and keep their profiles, on the pages and by the
// programs that they have. It is what a gate learns from.
func Customers(ctx context.Context, t *Target, n int) error {
	for i := range n {
		if err := customer(ctx, t, i); err != nil {
			return fmt.Errorf("attacks: customer %d: %w", i, err)
		}
	}
	return nil
}

// customer is one of them: a first visit, and another from a second browser.
func customer(ctx context.Context, t *Target, i int) error {
	first, err := signUp(ctx, t, "ordinary "+marker())
	if err != nil {
		return err
	}
	var orders []placed
	for n := range 2 + i%2 {
		o, err := first.order(ctx, fmt.Sprint("Lindenweg ", i+n), "")
		if err != nil {
			return err
		}
		orders = append(orders, o)
	}
	again, err := first.signedIn(ctx)
	if err != nil {
		return err
	}
	again.id, again.name, again.email = first.id, first.name, first.email
	more, err := again.order(ctx, fmt.Sprint("Ahornweg ", i), "")
	if err != nil {
		return err
	}
	if err := again.opened(ctx, more.path+"?done=ordered"); err != nil {
		return err
	}
	orders = append(orders, more)
	for _, visit := range []func(context.Context, *visitor, []placed, int) error{looksAtOrders, changesOrders, keepsProfile, looksAround} {
		if err := visit(ctx, again, orders, i); err != nil {
			return err
		}
	}
	return nil
}

// opened is an error where a page did not open.
func (v *visitor) opened(ctx context.Context, paths ...string) error {
	for _, path := range paths {
		r, err := v.get(ctx, path)
		if err != nil {
			return err
		}
		if r.status != http.StatusOK {
			return fmt.Errorf("%s was answered by %d", path, r.status)
		}
	}
	return nil
}

func looksAtOrders(ctx context.Context, v *visitor, orders []placed, _ int) error {
	if err := v.opened(ctx, "/account", "/api/orders", "/api/orders?customer="+strconv.FormatInt(v.id, 10)); err != nil {
		return err
	}
	for _, o := range orders {
		if err := v.opened(ctx, o.path, "/api"+o.path, o.path+"?done=address", o.path+"/invoice"); err != nil {
			return err
		}
	}
	return nil
}

func changesOrders(ctx context.Context, v *visitor, orders []placed, i int) error {
	var errs []error
	done := func(_ *reply, err error) { errs = append(errs, err) }
	for n, o := range orders {
		done(v.post(ctx, o.path+"/address", "street", fmt.Sprint("Rosenweg ", n), "city", "10115 Berlin"))
		done(v.sendJSON(ctx, http.MethodPatch, "/api"+o.path, map[string]string{"note": "please ring twice"}))
	}
	if i%2 == 0 {
		done(v.post(ctx, orders[0].path+"/cancel"))
	}
	done(v.post(ctx, orders[len(orders)-1].path+"/cancel"))
	return errors.Join(errs...)
}

func keepsProfile(ctx context.Context, v *visitor, _ []placed, _ int) error {
	if err := v.opened(ctx, "/profile", "/api/profile", "/profile?id="+strconv.FormatInt(v.id, 10), "/api/profile?id="+strconv.FormatInt(v.id, 10)); err != nil {
		return err
	}
	_, err := v.post(ctx, "/profile", "id", strconv.FormatInt(v.id, 10), "name", "A Customer", "nickname", marker(), "street", "Rosenweg 1", "city", "10115 Berlin")
	_, patched := v.sendJSON(ctx, http.MethodPatch, "/api/profile", map[string]string{"nickname": marker(), "city": "20457 Hamburg"})
	_, again := v.post(ctx, "/profile", "id", strconv.FormatInt(v.id, 10), "name", "A Customer", "nickname", marker(), "street", "Rosenweg 2", "city", "10115 Berlin")
	_, more := v.sendJSON(ctx, http.MethodPatch, "/api/profile", map[string]string{"name": "A Customer", "street": "Am Kai 3"})
	return errors.Join(err, patched, again, more)
}

// looksAround is what everybody sees alike.
func looksAround(ctx context.Context, v *visitor, _ []placed, i int) error {
	paths := []string{"/", "/catalogue"}
	for n := range 6 {
		id := strconv.Itoa(1 + (i+n)%8)
		paths = append(paths, "/products/"+id, "/api/products/"+id)
	}
	return v.opened(ctx, paths...)
}
