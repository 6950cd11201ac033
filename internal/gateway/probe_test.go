package gateway

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestOwnership_SessionThatTellsNoName_IsNotAskedAtEachRequest(t *testing.T) {
	b := &copier{office: office{sessions: map[string]string{}}}
	var ahead atomic.Int64
	g := newGate(t, b, func(o *Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}, written(t, `
modes: {application/ownership: enforce}
network: {trusted_proxies: [127.0.0.1]}
identity: {backend_session: {me: [{path: /api/me, aliases: {id: users.id}}]}}
application:
  ownership:
    rules: [{path: "/orders/{id}", owner: {field: user_id, as: users.id}}]
`))
	g.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ann, other := &visitor{g: g, from: "192.0.2.1"}, &visitor{g: g, from: "192.0.2.2"}
	ann.signIn("ann", officePasswords["ann"])
	other.signIn("ann", officePasswords["ann"])
	for range 5 {
		if a := ann.do("GET", "/orders/1", ""); a.StatusCode != http.StatusNotFound {
			t.Fatalf("nobody knows ann's number: %d", a.StatusCode)
		}
	}
	if n := b.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	b.knows.Store(true)
	if a := other.do("GET", "/orders/1", ""); a.StatusCode != http.StatusOK {
		t.Errorf("another session: %d %s", a.StatusCode, a.text)
	}
	ahead.Store(int64(untoldFor))
	if a := ann.do("GET", "/orders/1", ""); a.StatusCode != http.StatusOK {
		t.Errorf("a while later: %d %s", a.StatusCode, a.text)
	}
}
