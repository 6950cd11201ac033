package learn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
)

const page = "text/html; charset=utf-8"

func TestSuggest_IdentifierThatIsThePrincipal_IsSelf(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		id := 100 + n%6
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/api/users/%d", id), body: fmt.Sprintf(`{"id":%d,"name":"Ann"}`, id)})
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/api/users/%d/orders", id), body: "[" + order(n, n%6) + "]"})
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/api/users/%d/orders/%d", id, 5000+n), body: order(5000+n, n%6)})
		w.see(asked{who: numbered(n % 6), method: "PUT", path: fmt.Sprintf("/api/users/%d", id), json: `{"name":"Ann"}`, status: 204})
		w.see(asked{who: numbered(n % 6), method: "POST", path: "/profile", form: fmt.Sprintf("id=%d&name=Ann", id), status: 303, location: "/profile?done=saved"})
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/statement?user_id=%d&page=2", id), kind: page, body: "<p>Your statement</p>"})
	}
	w.want(
		"GET,POST,PUT,PATCH,DELETE /api/users/{id} self=true as=users.id",
		"GET,POST,PUT,PATCH,DELETE /api/users/{id}/orders self=true as=users.id",
		"GET,POST,PUT,PATCH,DELETE /api/users/{user_id}/orders/{id} id=[path:user_id] self=true as=users.id",
		"GET,POST,PUT,PATCH,DELETE /api/users/{user_id}/orders/{id} field=[user_id] as=users.id",
		"POST /profile id=[body:id] self=true as=users.id",
		"GET /statement id=[query:user_id] self=true as=users.id",
	)
}

func TestSuggest_FormThatNamesOnesOwn_CoversThePageThatShowsIt(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		w.see(asked{who: numbered(n % 6), path: "/profile", kind: page, body: "<h1>Profile</h1>"})
		w.see(asked{who: numbered(n % 6), method: "POST", path: "/profile", form: fmt.Sprintf("id=%d&name=Ann", 100+n%6), status: 303, location: "/profile?done=saved"})
	}
	w.want("GET,POST /profile id=[body:id] self=true as=users.id")
}

func TestSuggest_ListOfOnesOwn_IsJudgedByItems(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		who := n % 6
		w.see(asked{who: numbered(who), path: "/api/orders", body: `{"total":2,"orders":[` + order(10*who, who) + "," + order(10*who+1, who) + "]}"})
		w.see(asked{who: numbered(who), path: "/api/letters?page=2", body: fmt.Sprintf(`[{"id":%d,"owner":{"id":"%d"}},{"id":%d,"owner":{"id":"%d"}}]`, n, 100+who, n+1, 100+who)})
		// A timeline: everybody's beside one's own.
		w.see(asked{who: numbered(who), path: "/api/timeline", body: fmt.Sprintf(`[{"id":1,"user_id":%d},{"id":2,"user_id":%d},{"id":3,"user_id":%d}]`, 100+who, 101+who, 102+who)})
		w.see(asked{who: numbered(who), path: "/api/empty", body: "[]"})
	}
	w.want(
		"GET /api/letters items=[] field=[owner.id] as=users.id",
		"GET /api/orders items=orders[] field=[user_id] as=users.id counts=[total]",
	)
}

func TestSuggest_MembersBesideIt_LeaveTheLikeliest(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		who, by := n%6, 100+n%6
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/notes/%d", 1000*who+n), body: fmt.Sprintf(`{"id":%d,"created_by":%d,"meta":{"editor":%d},"owner_id":%d,"viewer":{"id":%d},"version":1}`, n, by, by, by, by)})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /notes/{id} field=[owner_id] as=users.id")
	if e := w.evidence("GET /notes/{id}").Evidence; !strings.Contains(e, "so had `created_by`, `meta.editor`") || strings.Contains(e, "viewer") {
		t.Error(e)
	}
}

func TestSuggest_MemberThatSaysWhoAsks_IsNoOwner(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 120 {
		// Everybody reads the same twenty, and each answer has who reads.
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/articles/%d", n%20), body: fmt.Sprintf(`{"id":%d,"reader":%d,"text":"the same words for everybody who reads number %d"}`, n%20, 100+n%6, n%20)})
	}
	for _, l := range w.rules() {
		if strings.Contains(l, "field") {
			t.Error(l)
		}
	}
}

func TestSuggest_Column_StandsBesideTheMemberOrAlone(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		who := n % 6
		rows := map[string][]string{"orders.user_id": {fmt.Sprint(100 + who)}, "products.maker_id": {fmt.Sprint(n)}}
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/orders/%d", 1000*who+n), body: order(n, who), owners: rows})
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/invoices/%d", 1000*who+n), kind: "application/pdf", body: "%PDF-1.7", owners: rows})
	}
	w.want(
		"GET /invoices/{id} column=orders.user_id as=users.id",
		"GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] column=orders.user_id as=users.id",
	)
}

func TestSuggest_Tenants_AreComparedAsWell(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		p := numbered(n % 6)
		p.Tenant = fmt.Sprintf("t%d", n%3)
		w.see(asked{who: p, path: fmt.Sprintf("/orders/%d", n), body: fmt.Sprintf(`{"user_id":%d,"tenant":"t%d","currency":"EUR"}`, 100+n%6, n%3)})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id tenant=[tenant]")
}

// buy has a person order something, look at the list, and at the order.
func buy(w *world, p gatehouse.Principal, id int) {
	w.see(asked{who: p, method: "POST", path: "/checkout", form: "street=Quay+3", status: 303, location: fmt.Sprintf("/orders/%d?done=ordered", id)})
	look(w, p, id)
	w.see(asked{who: p, path: "/account", kind: page, body: fmt.Sprintf(`<a href="/products/%d">Mug</a><a href="/orders/%d">Order</a><a href='/orders/%d/print'>Print</a>`, id%3, id, id)})
}

func look(w *world, p gatehouse.Principal, id int) {
	w.see(asked{who: p, path: fmt.Sprintf("/orders/%d", id), kind: page,
		body: fmt.Sprintf(`<h1>Order %d</h1><a href="/account">Account</a><form action="/orders/%d/cancel"></form>`, id, id)})
}

func TestSuggest_PagesThatNameNobody_GoByTheLedger(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		buy(w, ann(n%6), 400+n)
		if n%5 == 0 {
			w.see(asked{who: ann(n % 6), method: "POST", path: fmt.Sprintf("/orders/%d/cancel", 400+n), status: 303, location: fmt.Sprintf("/orders/%d?done=cancelled", 400+n)})
		}
	}
	w.want(
		"GET,POST,PUT,PATCH,DELETE /orders/{id} ledger gives=POST:/checkout",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/cancel ledger gives=POST:/checkout",
	)
	want := "60 of 60 identifiers that `/orders/{id}` was asked for had been given to the same principal by `POST /checkout`, 6 principals, 0 shared; of POST, PUT, PATCH, DELETE little or nothing was seen, which the rule is for as well"
	if got := w.evidence("GET /orders/{id}").Evidence; got != want {
		t.Error(got)
	}
	// Old orders, which only the list of one's own leads to.
	for n := range 12 {
		w.see(asked{who: ann(n % 6), path: "/account", kind: page, body: fmt.Sprintf(`<a href=/orders/%d>Order</a>`, 40+n)})
		look(w, ann(n%6), 40+n)
	}
	w.want(
		"GET,POST,PUT,PATCH,DELETE /orders/{id} ledger gives=GET:/account gives=POST:/checkout",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/cancel ledger gives=GET:/account gives=POST:/checkout",
	)
}

func TestSuggest_IdentifiersInJSON_AreGivenAsWell(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 40 {
		p, id := ann(n%5), fmt.Sprintf("7c9e6679-7425-40de-944b-%012x", n)
		w.see(asked{who: p, path: "/api/files", body: fmt.Sprintf(`{"files":[{"id":"%s","name":"a.pdf"}]}`, id)})
		w.see(asked{who: p, path: "/files/" + id, kind: "application/pdf", body: "%PDF"})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /files/{id} ledger gives=GET:/api/files:files[].id")
}

func TestSuggest_ChangesBelowAThing_AskItsOwner(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(6, 10, numbered)
	for n := range 12 {
		id := 1000*(1+n%6) + n/6
		path := fmt.Sprintf("/orders/%d", id)
		w.see(asked{who: numbered(n % 6), method: "PATCH", path: path, json: `{"note":"x"}`, body: order(id, n%6)})
		w.see(asked{who: numbered(n % 6), method: "DELETE", path: path, status: 204})
		w.see(asked{who: numbered(n % 6), method: "POST", path: path + "/cancel", status: 303, location: path})
		w.see(asked{who: numbered(n % 6), path: path + "/invoice", kind: "application/pdf", body: "%PDF"})
		w.see(asked{who: numbered(n % 6), method: "DELETE", path: fmt.Sprintf("%s/lines/%d", path, n), status: 204})
		w.see(asked{who: numbered(n % 6), method: "POST", path: "/claims", json: fmt.Sprintf(`{"order_id":%d,"why":"broken"}`, id), status: 201, body: `{}`})
	}
	w.want(
		"POST /claims thing=/orders id=[body:order_id] probe=/orders/{order_id}",
		"GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/cancel probe=/orders/{id}",
		"GET,POST,PUT,PATCH,DELETE /orders/{id}/invoice probe=/orders/{id}",
		"GET,POST,PUT,PATCH,DELETE /orders/{order_id}/lines/{id} thing=/orders id=[path:order_id] probe=/orders/{order_id}",
	)
}

func TestSuggest_ThingsThatEverybodyIsShown_ArePublic(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 120 {
		p := ann(n % 8)
		if n%5 == 0 {
			p = gatehouse.Principal{}
		}
		id := 1 + n/8%6
		w.see(asked{who: p, path: fmt.Sprintf("/api/products/%d", id), body: fmt.Sprintf(`{"id":%d,"name":"mug%d","maker_id":7,"price":%d}`, id, id, id*3)})
		w.see(asked{who: p, path: fmt.Sprintf("/products/%d", id), kind: page, body: fmt.Sprintf(`<p>Signed in: %s</p><h1>Mug number%d of the kiln, thrown by hand in a small house near the sea</h1> token%d`, p.ID, id, n)})
		// A month is everybody's word for something of their own.
		words := strings.Repeat(fmt.Sprintf("entry%dof%d row%dfor%d ", n%8, id, n%8, id), 20)
		w.see(asked{who: p, path: fmt.Sprintf("/months/2026-%02d", id), kind: page, body: words})
	}
	w.want("GET /api/products/{id} public=everybody is shown the same", "GET /products/{id} public=everybody is shown the same")
	if e := w.evidence("GET /months/{id}").Evidence; !strings.Contains(e, "selects, and names no thing") {
		t.Error(e)
	}
}

func TestSuggest_SharedByFew_IsSaidAndNotProposed(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 120 {
		// Each board is of two people.
		board := n % 6 / 2
		w.see(asked{who: numbered(n % 6), path: fmt.Sprintf("/boards/%d", 10*board+n/60), body: fmt.Sprintf(`{"id":%d,"owner_id":%d}`, board, 100+2*board)})
	}
	w.want()
	if e := w.evidence("GET /boards/{id}").Evidence; !strings.Contains(e, "60 had another's, of 3 principals") {
		t.Error(e)
	}
}

func TestSuggest_Administrators_AreNoContradiction(t *testing.T) {
	w := newWorld(t, learn.Options{})
	customer := func(n int) gatehouse.Principal {
		p := numbered(n)
		p.Roles = []string{"customer"}
		return p
	}
	w.visit(12, 10, customer)
	admin := numbered(90)
	admin.Roles = []string{"admin"}
	for n := range 60 {
		w.see(asked{who: admin, path: fmt.Sprintf("/orders/%d", 1000*(1+n%12)+n/12), body: order(n, n%12)})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id admins=[admin]")
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.Contains(e, "60 of others' were shown to principals of the role admin") {
		t.Error(e)
	}
}

func TestSuggest_ChangeThatTellsItsOwnerAfterwards_IsNotProposed(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 60 {
		w.see(asked{who: numbered(n % 6), method: "POST", path: fmt.Sprintf("/orders/%d/cancel", n), body: order(n, n%6)})
		w.see(asked{who: numbered(n % 6), method: "POST", path: fmt.Sprintf("/letters/%d/send", n), status: 204,
			owners: map[string][]string{"letters.user_id": {fmt.Sprint(100 + n%6)}}})
	}
	w.want("POST /letters/{id}/send column=letters.user_id as=users.id atwrite=true")
	if e := w.evidence("POST /orders/{id}/cancel").Evidence; !strings.Contains(e, "told when the change is done") {
		t.Error(e)
	}
	// With a page that shows the thing, that is asked.
	w.visit(6, 10, numbered)
	w.want("POST /letters/{id}/send column=letters.user_id as=users.id atwrite=true", "GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id", "GET,POST,PUT,PATCH,DELETE /orders/{id}/cancel probe=/orders/{id}")
}
