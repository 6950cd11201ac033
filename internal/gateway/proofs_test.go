package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/events"
)

func TestProofs_OfARequestThatPassed_AreTold(t *testing.T) {
	g, _, ann, bob := marketGate(t, "")
	told := func(a *http.Response) []gatehouse.Event {
		t.Helper()
		found, err := g.Admin().Find(t.Context(), a.Header.Get(RequestIDHeader))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, c := range []struct{ method, path, why string }{
		{"GET", "/api/orders/1", "/api/orders/{id}: the answer says that it is the principal's"},
		{"GET", "/api/orders", "/api/orders: what was another's was cut out"},
		{"PUT", "/api/orders/1", "/api/orders/{id}: the probe's answer is the principal's"},
	} {
		a := ann.do(c.method, c.path, "")
		found := told(a.Response)
		i := len(found) - 1 // what was cut out is an event of its own
		if i < 0 || found[i].Outcome != gatehouse.Proven || !strings.HasPrefix(found[i].Evidence, c.why) || found[i].Principal != "ann" {
			t.Errorf("%s %s: %s: %+v", c.method, c.path, a.Status, found)
		}
	}
	a := bob.do("GET", "/api/orders/1", "")
	if found := told(a.Response); len(found) != 1 || found[0].Outcome == gatehouse.Proven {
		t.Errorf("refused: %+v", found)
	}
	if told := g.found(EventFilter{}, "gate_owner_proven"); len(told) != 0 {
		t.Errorf("the log has %+v", told)
	}
}

func TestProofs_AreBounded(t *testing.T) {
	var p proofs
	for i := range keptProofs + 10 {
		p.add(proven{about: events.About{Request: fmt.Sprint("request-", i)}, proofs: []ownership.Proof{{Path: "/a", Why: "because"}}})
	}
	if len(p.last) != keptProofs || p.find("request-9") != nil || len(p.find("request-10")) != 1 || len(p.find(fmt.Sprint("request-", keptProofs+9))) != 1 {
		t.Errorf("%d are kept", len(p.last))
	}
}
