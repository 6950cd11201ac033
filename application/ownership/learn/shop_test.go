package learn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
)

// A shop of 37 people, with a catalogue, boards that two share, somebody who runs
// it, and somebody who walks through it all: what is proposed is what a person would
// write who knew the shop.
func TestShop_WithEverybodyInIt_IsProposedAsAPersonWouldWriteIt(t *testing.T) {
	w := newWorld(t, learn.Options{})
	customer := func(n int) gatehouse.Principal {
		p := ann(n)
		p.Roles = []string{"customer"}
		return p
	}
	boss := ann(90)
	boss.Roles = []string{"admin"}
	me := func(p gatehouse.Principal, n int) {
		w.see(asked{who: p, path: "/api/me", body: fmt.Sprintf(`{"id":%d,"email":"%s","role":"%s"}`, 100+n, p.ID, p.Roles[0])})
	}
	product := func(p gatehouse.Principal, id int) {
		w.see(asked{who: p, path: fmt.Sprintf("/api/products/%d", id), body: fmt.Sprintf(`{"id":%d,"name":"mug%d","maker":"kiln%d"}`, id, id, id)})
	}
	for n := range 1204 {
		who, id := n%37, 4000+n
		me(customer(who), who)
		w.see(asked{who: customer(who), path: fmt.Sprintf("/api/orders/%d", id), body: order(id, who)})
		w.see(asked{who: customer(who), path: "/api/orders", body: `{"count":1,"orders":[` + order(id, who) + `]}`})
		product(customer(who), 1+n%12)
		if n%10 == 0 {
			product(gatehouse.Principal{}, 1+n%12)
			w.see(asked{who: customer(who), method: "PATCH", path: fmt.Sprintf("/api/orders/%d", id), json: `{"note":"x"}`, body: order(id, who)})
		}
		if n < 600 {
			buy(w, customer(who), id)
			w.see(asked{who: customer(who), path: fmt.Sprintf("/api/boards/%d", who/2), body: fmt.Sprintf(`{"id":%d,"owner_id":%d}`, who/2, 100+who/2*2)})
		}
	}
	for n := range 60 { // the boss sees everything
		me(boss, 90)
		w.see(asked{who: boss, path: fmt.Sprintf("/api/orders/%d", 4000+n), body: order(4000+n, n%37)})
		look(w, boss, 4000+n)
	}
	for n := range 20 { // and somebody walks
		me(customer(50), 50)
		w.see(asked{who: customer(50), path: fmt.Sprintf("/api/orders/%d", 4100+n), body: order(4100+n, (100+n)%37)})
		if n < 8 {
			look(w, customer(50), 4100+n)
		}
	}
	w.want(
		"me /api/me map[id:users.id]",
		"GET /api/me id=[query:id] field=[id] as=users.id",
		"GET /api/orders items=orders[] field=[user_id] as=users.id counts=[count]",
		"GET,POST,PUT,PATCH,DELETE /api/orders/{id} field=[user_id] as=users.id admins=[admin]",
		"GET /api/products/{id} public=everybody is shown the same",
		"GET,POST,PUT,PATCH,DELETE /orders/{id} ledger gives=GET:/api/orders:orders[].id gives=POST:/checkout admins=[admin]",
	)
	e := w.evidence("GET /api/orders/{id}").Evidence
	for _, words := range []string{
		"1,204 of 1,224 answers of `/api/orders/{id}` had `user_id` equal to the principal's `users.id`, 37 principals",
		"60 of others' were shown to principals of the role admin",
		"it would have refused 20, all of 1 principal of 38: a walk?",
	} {
		if !strings.Contains(e, words) {
			t.Errorf("%s\ndoes not say %s", e, words)
		}
	}
}
