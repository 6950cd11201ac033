package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/access"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/input"
)

type recorder struct {
	mu     sync.Mutex
	events []gatehouse.Event
	fail   error
}

func (r *recorder) Record(_ context.Context, e gatehouse.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return r.fail
}

type site struct {
	*access.Access
	recorder
	at time.Time
}

func newSite(t *testing.T) *site {
	s := &site{at: noon}
	o := shop()
	o.Recorder, o.Now = &s.recorder, func() time.Time { return s.at }
	s.Access = newAccess(t, o)
	return s
}

func (s *site) ask(t *testing.T, who gatehouse.Principal, path string) {
	t.Helper()
	q := access.Request{Method: "GET", Path: path, Principal: who}
	err := s.Note(t.Context(), events.About{Principal: who.ID}, q, input.Route("GET", path), s.Check(q, s.at))
	if !errors.Is(err, s.fail) {
		t.Error(err)
	}
}

func TestUncovered_ListsRoutesWithoutARule(t *testing.T) {
	s := newSite(t)
	for i := range 3 {
		s.ask(t, nobody, fmt.Sprintf("/products/%d", i))
	}
	s.ask(t, ann, "/invoices/7")
	s.ask(t, ann, "/orders/7")
	s.ask(t, nobody, "/admin/x")
	got, beyond := s.Uncovered()
	if len(got) != 2 || beyond != 0 || got[0] != (access.Uncovered{Route: "GET /invoices/{id}", Requests: 1, SignedIn: 1}) || got[1] != (access.Uncovered{Route: "GET /products/{id}", Requests: 3}) {
		t.Errorf("%+v, %d beyond", got, beyond)
	}
	for i := range 5000 {
		s.ask(t, nobody, fmt.Sprintf("/p%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676))
	}
	if got, beyond := s.Uncovered(); len(got) != 2048 || beyond != 2954 {
		t.Errorf("%d listed, %d beyond: want a bound", len(got), beyond)
	}
}

func TestProbing_ThirdRouteOfAnotherRoleWithinTenMinutes_IsToldOnce(t *testing.T) {
	s := newSite(t)
	s.ask(t, ann, "/admin/users/7")
	s.ask(t, ann, "/admin/users/8") // the same route
	s.ask(t, ann, "/admin/keys")
	if len(s.events) != 0 {
		t.Fatalf("told after two routes: %+v", s.events)
	}
	s.ask(t, ann, "/admin/reports/may")
	s.ask(t, ann, "/admin/secrets")
	s.ask(t, ann, "/internal/metrics")
	if len(s.events) != 1 || s.events[0].Name != "gate_probing" || s.events[0].Principal != "ann" || s.events[0].Detail["count"] != "3" || s.events[0].Rung != access.Rung {
		t.Fatalf("%+v", s.events)
	}
	s.at = s.at.Add(11 * time.Minute)
	for _, p := range []string{"/admin/a", "/admin/b", "/admin/c"} {
		s.ask(t, ann, p)
	}
	if len(s.events) != 2 {
		t.Errorf("%d events, want one for each window", len(s.events))
	}
}

func TestProbing_OrdinaryRefusals_AreSilent(t *testing.T) {
	s := newSite(t)
	for range 50 { // a stale link, again and again
		s.ask(t, ann, "/admin/keys")
		s.ask(t, ann, "/admin/users/7")
	}
	for range 20 { // now and then another
		s.at = s.at.Add(6 * time.Minute)
		s.ask(t, seller, fmt.Sprintf("/admin/page-%s", s.at.Format("150405")))
	}
	for range 5 { // nobody is no account; sign-in and age are no doors of another role
		for _, p := range []string{"/admin/x", "/admin/y", "/admin/z", "/admin/keys"} {
			s.ask(t, nobody, p)
			s.ask(t, stale, "/admin/keys")
		}
	}
	if len(s.events) != 0 {
		t.Errorf("%+v", s.events)
	}
}

func TestProbing_APageThatAsksInEverybodysName_GoesSilentAtTheFifth(t *testing.T) {
	s := newSite(t)
	for n := range 200 {
		who := gatehouse.Principal{ID: fmt.Sprint("visitor", n), Issuer: "backend"}
		for _, p := range []string{"/admin/stats", "/admin/flags", "/admin/keys", "/admin/reports/may"} {
			s.ask(t, who, p)
		}
		s.at = s.at.Add(time.Minute)
	}
	if len(s.events) != 4 {
		t.Errorf("%d events, want those of the first four accounts", len(s.events))
	}
	s.ask(t, ann, "/admin/one")
	s.ask(t, ann, "/admin/two")
	s.ask(t, ann, "/admin/three")
	if len(s.events) != 5 {
		t.Error("probing beside such a page is not told")
	}
}

func TestProbing_ManyAccountsAndRoutes_MemoryIsBounded(t *testing.T) {
	s := newSite(t)
	for n := range 20_000 {
		s.ask(t, gatehouse.Principal{ID: fmt.Sprint(n)}, fmt.Sprintf("/admin/%c%c%c%c", 'a'+n%26, 'a'+n/26%26, 'a'+n/676%26, 'a'+n/17576))
	}
	if got := s.ProbingHeld(); got > 2*(4096+2048) {
		t.Errorf("%d entries held", got)
	}
}

func TestNote_RecorderFails_SaysSo(t *testing.T) {
	s := newSite(t)
	s.fail = errors.New("disk full")
	q := access.Request{Method: "GET", Path: "/admin/x", Principal: ann}
	var err error
	for _, p := range []string{"GET /a", "GET /b", "GET /c"} {
		err = s.Note(t.Context(), events.About{}, q, p, s.Check(q, s.at))
	}
	if !errors.Is(err, s.fail) {
		t.Errorf("error %v", err)
	}
}

func TestAccess_ManyAtOnce(t *testing.T) {
	s := newSite(t)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 500 {
				q := access.Request{Method: "GET", Path: fmt.Sprintf("/admin/%d", i), Principal: gatehouse.Principal{ID: fmt.Sprint(n)}}
				_ = s.Note(t.Context(), events.About{}, q, "GET "+q.Path, s.Check(q, noon))
				s.Uncovered()
			}
		})
	}
	all.Wait()
}
