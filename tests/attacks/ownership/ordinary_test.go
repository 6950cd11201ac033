package ownership

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A life is one person's ordinary use of the site, who reads, lists, makes, changes
// and deletes what is theirs.
type life struct {
	*person
	s *site
	r *rand.Rand
	// mine are the things that they know of, by kind; lent those of others.
	mine map[string][]string
	lent []string
	sent int
}

// pick is one of the person's things.
func (l *life) pick(kind string) string { return l.mine[kind][l.r.IntN(len(l.mine[kind]))] }

// want sends a request that must work, and gives its answer.
func (l *life) want(method, target, body, part string) *answered {
	l.sent++
	a := l.s.do(l.person, method, target, body)
	if a.StatusCode >= 400 || !strings.Contains(a.text, part) {
		l.s.t.Errorf("%s %s %s of %s: %d, without %q: %.200s: %s", method, target, body, l.Name, a.StatusCode, part, a.text, l.s.why(a.request()))
	}
	return a
}

// step is some ordinary thing to do: one to four requests.
func (l *life) step() {
	order := l.pick("orders")
	switch l.r.IntN(20) {
	case 0:
		l.want("GET", fmt.Sprintf("/api/orders?user_id=%d", l.ID), "", order)
	case 1:
		l.want("GET", fmt.Sprintf("/api/documents?user_id=%d", l.ID), "", `"total":`)
	case 2:
		l.want("GET", fmt.Sprintf("/api/invoices?user_id=%d", l.ID), "", `"count":`)
	case 3, 4: // makes, reads, changes, deletes
		made := l.want("POST", "/api/orders", `{"status":"new"}`, `"user_id"`)
		at := made.Header.Get("Location")
		l.want("GET", at, "", `"user_id"`)
		l.want("PATCH", at, `{"status":"paid"}`, "")
		l.want("DELETE", at, "", "")
	case 5: // buys, and looks at the receipt
		at := l.want("POST", "/checkout", "article=7&quantity=2", "").Header.Get("Location")
		l.want("GET", at, "", "<h1>Receipt")
		if l.r.IntN(3) == 0 {
			l.want("POST", at+"/cancel", "why=changed+my+mind", "")
		}
	case 6:
		l.want("GET", "/files/"+l.pick("files"), "", "")
	case 7:
		l.want("GET", "/files/"+l.pick("files")+"?large=1", "", "xxx")
	case 8:
		l.want("GET", "/account", "", order)
	case 9:
		l.want("GET", "/receipts/"+l.pick("receipts"), "", "<h1>Receipt")
	case 10:
		l.want("GET", "/orders/"+order, "", "<h1>Order")
	case 11:
		l.want("GET", "/api/documents/"+l.pick("documents"), "", `"user_id"`)
		l.want("GET", "/api/documents/"+l.pick("documents")+"/raw", "", "")
	case 12:
		l.want("PUT", "/api/invoices/"+l.pick("invoices"), `{"status":"paid"}`, "")
	case 13:
		l.want("POST", "/graphql", `{"query":"{ order(id: `+order+`) { user_id status } me { user_id } }"}`, "user_id")
	case 14:
		l.want("POST", "/graphql", `{"query":"mutation($i: Change) { updateOrder(id: `+order+`, input: $i) { status } }","variables":{"i":{"status":"seen"}}}`, "seen")
	case 15:
		l.want("GET", "/api/order?id="+order, "", order)
		l.want("POST", "/api/order", "id="+order+"&status=again", "")
	case 16:
		l.want("GET", fmt.Sprintf("/api/users/%d/profile", l.ID), "", "secret")
		l.want("GET", "/api/reports/"+l.pick("reports"), "", `"tenant"`)
	case 17:
		l.want("GET", "/api/orders/"+l.lent[l.r.IntN(len(l.lent))], "", `"shared"`)
	case 18:
		l.want("POST", "/api/bulk", `{"ids":[`+order+`,`+l.pick("orders")+`]}`, "")
	default:
		l.want("GET", "/api/orders/"+order, "", order)
	}
}

// settle makes n people with some things each.
func settle(n int) (w *world, mine map[int64]map[string][]string) {
	r := rand.New(rand.NewPCG(500, 8))
	w, mine = &world{people: map[string]*user{}}, map[int64]map[string][]string{}
	for i := range n {
		u := &user{ID: int64(1000 + i), Name: fmt.Sprintf("person%d@example.com", i), Tenant: fmt.Sprintf("tenant-%d", i/10), Role: "user", Secret: canary(r), password: "pass " + letters(r, 8)}
		w.people[u.Name], mine[u.ID] = u, map[string][]string{}
		for kind, many := range map[string]int{"orders": 3, "documents": 2, "invoices": 2, "files": 1, "receipts": 1, "reports": 1} {
			for j := range many {
				x := &thing{Kind: kind, ID: fmt.Sprint(10_000 + 10*i + j), Owner: u.ID, Tenant: u.Tenant, Secret: canary(r), Status: "new", Shared: []int64{}}
				switch kind {
				case "documents":
					x.ID = uuid(r)
				case "invoices":
					x.ID = "inv-" + x.ID
				case "files":
					x.ID = x.ID + ".pdf"
				case "orders":
					x.Shared = []int64{int64(1000 + (i+1)%n)}
				}
				w.things, mine[u.ID][kind] = append(w.things, x), append(mine[u.ID][kind], x.ID)
			}
		}
	}
	return w, mine
}

// TestOrdinaryUse_OfManyPeople_IsNeverRefused sends 50,000 requests of 500 people,
// eight at once; one in a hundred in the short run, of 25.
func TestOrdinaryUse_OfManyPeople_IsNeverRefused(t *testing.T) {
	people, requests := 25, 500
	if long() {
		people, requests = 500, 50_000
	}
	w, mine := settle(people)
	db := sqliteShelf(t)
	db.define(t)
	db.fill(t, w)
	tenancy := newTenancy(db)
	for _, u := range w.people {
		tenancy.users[u.Name] = u
	}
	gate := startSite(t, serve(t, &backend{tenancy, false}), settings(w.everybody(), false))
	began := time.Now()
	var sent atomic.Int64
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			var lives []*life
			for i := worker; i < people; i += 8 {
				u := w.people[fmt.Sprintf("person%d@example.com", i)]
				before := int64(1000 + (i+people-1)%people)
				lives = append(lives, &life{person: gate.enter(u, i, i%2 == 0), s: gate, r: rand.New(rand.NewPCG(uint64(i), 9)), mine: mine[u.ID], lent: mine[before]["orders"]})
			}
			for n := 0; n < requests/8 && !t.Failed(); {
				l := lives[n%len(lives)]
				l.sent = 0
				l.step()
				n += l.sent
				sent.Add(int64(l.sent))
			}
		})
	}
	workers.Wait()
	for _, e := range gate.refusals() {
		t.Errorf("%s %s was refused: %s %s", e.Method, e.Path, e.Rule, e.Evidence)
	}
	t.Logf("%d requests of %d people in %v, 0 refused", sent.Load(), people, time.Since(began).Round(time.Second))
	if sent.Load() < int64(requests) {
		t.Errorf("%d requests, want %d", sent.Load(), requests)
	}
}

// TestAdministrator_WhoseSignInIsOld_IsAskedAgain has rules that let administrators
// at everybody's things for a quarter of an hour after they signed in.
func TestAdministrator_WhoseSignInIsOld_IsAskedAgain(t *testing.T) {
	w := newWorld(devSeeds[0])
	db := sqliteShelf(t)
	db.define(t)
	aged := func(text string) string {
		return strings.ReplaceAll(text, "admins: {roles: [admin]}", "admins: {roles: [admin], max_age: 15m}")
	}
	s := newStand(t, w, db, func(upstream string) (*site, shelf) {
		return startSite(t, upstream, aged(settings(w.everybody(), false))), db
	})
	order := w.of("orders", "owner").ID
	get := func(name string) int { return s.gate.do(s.people[name], "GET", "/api/orders/"+order, "").StatusCode }
	if got := get("root"); got != http.StatusOK {
		t.Fatalf("an administrator who has just signed in: %d", got)
	}
	s.gate.ahead.Add(int64(16 * time.Minute))
	if root, owner := get("root"), get("owner"); root != http.StatusUnauthorized || owner != http.StatusOK {
		t.Errorf("after a quarter of an hour: the administrator %d, the owner %d", root, owner)
	}
	if got := s.gate.do(s.people["root"], "DELETE", "/api/orders/"+order, "").StatusCode; got != http.StatusUnauthorized || len(changed(s.full, db.snapshot(t))) > 0 {
		t.Errorf("a deletion: %d, %v", got, changed(s.full, db.snapshot(t)))
	}
	s.people["root"] = s.gate.enter(w.people["root"], 77, false)
	if got := get("root"); got != http.StatusOK {
		t.Errorf("an administrator who has signed in again: %d", got)
	}
}
