package gateway

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership"
)

// A copier is an office that copies anybody's orders into receipts, and that is slow
// to tell who somebody is.
type copier struct {
	office
	made, asked atomic.Int32
	knows       atomic.Bool
}

func (b *copier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/api/me":
		if b.asked.Add(1); b.knows.Load() {
			fmt.Fprint(w, `{"email":"ann","id":7}`)
		} else {
			fmt.Fprint(w, `{}`)
		}
	case "/orders/1":
		fmt.Fprint(w, `{"owner":"ann","user_id":7}`)
	case "/copy":
		http.Redirect(w, r, fmt.Sprintf("/receipts/%d", 76+b.made.Add(1)), http.StatusSeeOther)
	case "/receipts/77", "/receipts/78":
		w.WriteHeader(http.StatusOK)
	default:
		b.office.ServeHTTP(w, r)
	}
}

func TestOwnership_ObservedRefusal_GivesNothing(t *testing.T) {
	g := newGate(t, &copier{office: office{sessions: map[string]string{}}}, written(t, `
network: {trusted_proxies: [127.0.0.1]}
application:
  ownership:
    rules:
    - {path: "/orders/{id}", owner: {field: owner}}
    - {path: /copy, id: ["query:of"], owner: {probe: "/orders/{id}"}}
    - {path: "/receipts/{id}", owner: {ledger: true}, gives: [{path: /copy, methods: [POST]}]}
`))
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for number, name := range []string{"bob", "ann"} { // observed, bob's copy of ann's order is made
		v := &visitor{g: g, from: fmt.Sprintf("192.0.2.%d", number+1)}
		v.signIn(name, officePasswords[name])
		if a := v.do("POST", "/copy?of=1", ""); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s copies: %d %s", name, a.StatusCode, a.text)
		}
		a := v.do("GET", fmt.Sprint("/receipts/", 77+number), "")
		told := g.told(a.Header.Get(RequestIDHeader))
		if unknown := len(told) == 1 && told[0].Rule == ownership.RuleUnknown; unknown != (name == "bob") {
			t.Errorf("the receipt that %s made: told %+v", name, told)
		}
	}
}
