package learn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership/learn"
)

// What programs that others wrote taught: see
// docs/decisions/ownership-on-real-applications.md.

func TestSuggest_MethodsNobodyUsed_AreUnderTheRuleAsWell(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(4, 6, numbered)
	for n := range 24 { // the list says nothing of the thing's changes
		w.see(asked{who: numbered(n % 4), path: "/orders", body: "[" + order(n, n%4) + "]"})
	}
	w.want("GET /orders items=[] field=[user_id] as=users.id", "GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
	if e := w.evidence("GET /orders/{id}").Evidence; !strings.Contains(e, "of POST, PUT, PATCH, DELETE little or nothing was seen") {
		t.Error(e)
	}
}

func TestSuggest_MethodThatSpeaksAgainst_IsNotWidenedTo(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(4, 6, numbered)
	for n := range 40 { // everybody posts to everybody's
		w.see(asked{who: numbered(n % 4), method: "POST", path: fmt.Sprintf("/orders/%d", 1000*(1+(n+1)%4)+n%6), body: `{}`})
	}
	for _, l := range w.rules() {
		if methods, _, _ := strings.Cut(l, " "); strings.Contains(methods, "POST") {
			t.Errorf("%s\n%s", l, w.all())
		}
	}
}

func TestSuggest_WebDAV_IsLearnedAndWidened(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 24 {
		who := ann(n % 4)
		w.see(asked{who: who, method: "PROPFIND", path: "/dav/" + who.ID + "/", status: 207, kind: "text/xml", body: "<multistatus/>"})
	}
	w.want("GET,POST,PUT,PATCH,DELETE,ACL,COPY,LOCK,MKCALENDAR,MKCOL,MOVE,PROPFIND,PROPPATCH,REPORT,UNLOCK /dav/{id}/ self=true as=id")
}

// Where numbers are counted up from one, each person's first shelf has the person's.
func TestSuggest_NumbersThatCoincide_NameNobody(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 40 {
		who := n % 4
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/shelves/%d", 100+who), kind: "text/html", body: "<p>a shelf"})
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/users/%d", 100+who), kind: "text/html", body: "<p>a person"})
		w.see(asked{who: numbered(who), method: "POST", path: "/subscribe", form: fmt.Sprintf("shelf_id=%d", 100+who), kind: "text/html", body: "<p>done"})
	}
	w.want("GET,POST,PUT,PATCH,DELETE /users/{id} self=true as=users.id")
}

func TestSuggest_WordWhereOthersHaveAnIdentifier_IsAnException(t *testing.T) {
	w := newWorld(t, learn.Options{})
	w.visit(4, 6, numbered)
	for n := range 12 {
		w.see(asked{who: numbered(n % 4), path: "/orders/counters", body: `{"open":3}`})
		w.see(asked{who: numbered(n % 2), path: "/orders/secret", body: `{"open":3}`}) // two people are not enough
	}
	w.want("GET /orders/counters public=a word stands where others have an identifier", "GET,POST,PUT,PATCH,DELETE /orders/{id} field=[user_id] as=users.id")
}

// The row of the session is read with every request, and always of who asks.
func TestSuggest_ColumnsReadWhateverIsAskedFor_TellNothing(t *testing.T) {
	w := newWorld(t, learn.Options{})
	for n := range 40 {
		who := n % 4
		all := map[string][]string{"public.web_sessions.user_id": {fmt.Sprint(100 + who)}, "settings.user_id": {fmt.Sprint(100 + who)}}
		for i := range 3 {
			w.see(asked{who: numbered(who), path: "/" + string(rune('a'+i)), kind: "text/html", body: "<p>a page", owners: all})
		}
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/notes/%d", 1000*who+n), kind: "text/html", body: "<p>a note", owners: all})
		with := map[string][]string{"drafts.user_id": {fmt.Sprint(100 + who)}, "public.letters.user_id": {fmt.Sprint(100 + who)}}
		w.see(asked{who: numbered(who), path: fmt.Sprintf("/letters/%d", 1000*who+n), kind: "text/html", body: "<p>a letter", owners: with})
	}
	w.want("GET /letters/{id} column=public.letters.user_id as=users.id")
}
