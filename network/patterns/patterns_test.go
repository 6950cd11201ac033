package patterns

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/events"
)

type watch struct {
	*Patterns
	at     time.Time
	alarms []Alarm
}

func newWatch(t testing.TB, o Options) *watch {
	t.Helper()
	w := &watch{at: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { return w.at }
	var err error
	if w.Patterns, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *watch) see(s Seen) {
	if s.Method == "" {
		s.Method = "GET"
	}
	if !s.Addr.IsValid() {
		s.Addr = netip.MustParseAddr("203.0.113.9")
	}
	w.alarms = append(w.alarms, w.Observe(s)...)
}

func (w *watch) kinds() string {
	var list []string
	for _, a := range w.alarms {
		list = append(list, a.Kind.String())
	}
	return strings.Join(list, " ")
}

// word gives a path that is no identifier to package input.
func word(i int) string { return fmt.Sprintf("/p%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26) }

func from(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}) }

// settle has others use a route as people do, so that it is known.
func (w *watch) settle(path string, principals bool) {
	for i := range settled + 5 {
		s := Seen{Addr: from(i), Path: fmt.Sprintf(path, 5000+i*7), Status: 200}
		if principals {
			s.Principal = fmt.Sprint("account ", i)
		}
		w.see(s)
	}
}

func TestScan_FortyRoutesThatDoNotExistInAnHour_IsToldOnce(t *testing.T) {
	w := newWatch(t, Options{})
	for i := range scanHour - 1 {
		w.see(Seen{Path: word(i), Status: 404})
	}
	if w.kinds() != "" {
		t.Fatalf("told early: %s", w.kinds())
	}
	for i := range 50 {
		w.see(Seen{Path: word(100 + i), Status: 404})
	}
	if w.alarms[0].Kind != Scan || w.alarms[0].Count != scanHour || w.alarms[0].Client.String() != "203.0.113.9/32" || strings.Count(w.kinds(), "scan") != 2 { // of the hour, and of the day
		t.Errorf("%+v", w.alarms)
	}
}

func TestScan_OrdinaryMisses_AreSilent(t *testing.T) {
	w := newWatch(t, Options{})
	for i := range 200 { // a crawler that finds most of what it asks for
		w.see(Seen{Path: word(i), Status: 404})
		w.see(Seen{Path: fmt.Sprintf("/products/%d", i), Status: 200})
		w.see(Seen{Path: "/", Status: 200})
		w.at = w.at.Add(time.Second)
	}
	for i := range 60 { // sixty broken links that everybody meets
		for n := range 6 {
			w.see(Seen{Addr: from(n), Path: word(1000 + i), Status: 404})
			w.see(Seen{Addr: from(n), Path: "/", Status: 200})
		}
	}
	for range 500 { // a reader of a feed that is gone
		w.see(Seen{Addr: from(77), Path: "/blog/rss", Status: 410})
	}
	for i := range 300 { // identifiers of one route
		w.see(Seen{Addr: from(78), Path: fmt.Sprintf("/products/%d", i), Status: 404})
	}
	if strings.Contains(w.kinds(), "scan") || strings.Contains(w.kinds(), "tool") {
		t.Errorf("%+v", w.alarms)
	}
}

func TestTool_FamiliesInAnHour(t *testing.T) {
	w := newWatch(t, Options{})
	for _, p := range []string{"/.env", "/.env.bak", "/app/.env", "/wp-login.php", "/blog/wp-login.php", "/.git/HEAD"} {
		w.see(Seen{Path: p, Status: 404})
	}
	if w.kinds() != "" {
		t.Fatalf("three families: %s", w.kinds())
	}
	w.see(Seen{Path: "/PhpMyAdmin/", Status: 403})
	w.see(Seen{Path: "/solr/", Status: 404})
	if w.kinds() != "tool" {
		t.Errorf("%s", w.kinds())
	}
	// A site that runs these answers well.
	w = newWatch(t, Options{})
	for _, p := range []string{"/wp-login.php", "/wp-admin/", "/xmlrpc.php", "/wp-content/plugins/x.js", "/phpmyadmin/", "/jenkins/", "/owa/"} {
		w.see(Seen{Path: p, Status: 200})
	}
	if w.kinds() != "" {
		t.Errorf("%s", w.kinds())
	}
}

func TestWalk_OneAfterTheOther_BothWaysAndByPrincipal(t *testing.T) {
	for name, step := range map[string]int{"up": 1, "down": -1} {
		w := newWatch(t, Options{})
		w.settle("/orders/%d", true)
		for i := range 300 { // each request from another network
			w.see(Seen{Addr: from(1000 + i), Path: fmt.Sprintf("/orders/%d", 90_000+i*step), Status: 200, Principal: "mallory"})
			w.at = w.at.Add(time.Second)
		}
		if w.kinds() != "walk" || w.alarms[0].Principal != "mallory" || w.alarms[0].Route != "GET /orders/{id}" || w.alarms[0].Count != sequenceHour {
			t.Errorf("%s: %+v", name, w.alarms)
		}
	}
}

func TestWalk_ByGuessing_IsToldByRefusals(t *testing.T) {
	w := newWatch(t, Options{})
	for i := range 50 { // at a route nobody has used before
		w.see(Seen{Path: fmt.Sprintf("/files/%08x-1111-4111-8111-111111111111", i*7919), Status: 404, Principal: "mallory"})
	}
	if w.kinds() != "walk" || w.alarms[0].Count != refusedHour {
		t.Errorf("%+v", w.alarms)
	}
}

// Asking twice is no disguise, whatever hashes fall on the same mark.
func TestWalk_ByGuessingEachAFewTimes_IsToldAlways(t *testing.T) {
	for seed := range 40 {
		w := newWatch(t, Options{})
		for i := range 180 {
			w.see(Seen{Path: fmt.Sprintf("/orders/%d", 1000+seed*7919+i/3*7), Status: 403, Principal: "mallory"})
		}
		if !strings.Contains(w.kinds(), "walk") { // the rise of failures is told as well
			t.Errorf("seed %d: %+v", seed, w.alarms)
		}
	}
}

func TestWalk_OrdinaryUse_IsSilent(t *testing.T) {
	w := newWatch(t, Options{Exempt: []Exemption{{Path: "/api/stock/{id}", Principal: "export", Reason: "a partner"}}})
	for i := range 2000 {
		w.see(Seen{Path: fmt.Sprintf("/api/stock/%d", i), Status: 200, Principal: "export"})
	}
	// A catalogue that strangers use: whoever walks it.
	for i := range publicBy {
		w.see(Seen{Addr: from(i), Path: fmt.Sprintf("/products/%d", i*31), Status: 200})
	}
	w.settle("/products/%d", false)
	for i := range 2000 {
		w.see(Seen{Path: fmt.Sprintf("/products/%d", i), Status: 200, Principal: "crawling@example.org"})
	}
	// A release breaks all links of a route: for others as for a crawler.
	for i := range 400 {
		w.see(Seen{Addr: from(i % 100), Path: fmt.Sprintf("/products/%d/reviews", i), Status: 404})
	}
	for i := range 200 {
		w.see(Seen{Path: fmt.Sprintf("/products/%d/reviews", i), Status: 404})
	}
	// Pages that show two dozen pictures each, to many: what others do is ordinary.
	for n := range 30 {
		for i := range 24 * 6 {
			w.see(Seen{Addr: from(200 + n), Path: fmt.Sprintf("/attachments/%d", n*1000+i), Status: 200, Principal: fmt.Sprint("photo ", n)})
		}
		w.at = w.at.Add(61 * time.Minute)
	}
	for i := range 24 * 12 {
		w.see(Seen{Addr: from(201), Path: fmt.Sprintf("/attachments/%d", i), Status: 200, Principal: "photo 0"})
	}
	// The same number again and again, which polls.
	for range 1000 {
		w.see(Seen{Addr: from(300), Path: "/jobs/17", Status: 200, Principal: "poller"})
	}
	if w.kinds() != "" {
		t.Errorf("%+v", w.alarms)
	}
}

func TestFailures_AboveTheOrdinaryLevel(t *testing.T) {
	others := func(w *watch, i int, status int) {
		w.see(Seen{Addr: from(i % 50), Path: "/", Status: 200})
		w.see(Seen{Addr: from(i % 50), Path: fmt.Sprint("/search?", i%7), Status: status})
	}
	w := newWatch(t, Options{})
	for i := range 200 {
		others(w, i, 200)
		w.see(Seen{Path: "/search", Query: fmt.Sprint("q=", i), Status: 500})
	}
	if w.kinds() != "failures" {
		t.Errorf("%s", w.kinds())
	}
	w = newWatch(t, Options{}) // the whole site fails
	for i := range 200 {
		others(w, i, 502)
		w.see(Seen{Path: "/search", Query: fmt.Sprint("q=", i), Status: 502})
	}
	for range 2000 { // an app with an expired token
		w.see(Seen{Addr: from(99), Path: "/api/notifications", Status: 401})
	}
	if w.kinds() != "" {
		t.Errorf("%+v", w.alarms)
	}
}

func TestFailures_OfAClientThatAlwaysFails_AreItsOrdinaryLevel(t *testing.T) {
	w := newWatch(t, Options{})
	for i := range 10 * 200 {
		w.see(Seen{Addr: from(i % 50), Path: "/", Status: 200})
		if i < 1000 && i%20 == 0 || i >= 1000 && i%2 == 0 { // a checker of links: few at first
			w.see(Seen{Path: "/check/page", Query: fmt.Sprint(i), Status: 404})
		}
		w.at = w.at.Add(3 * time.Second)
	}
	if w.kinds() != "" {
		t.Errorf("%+v", w.alarms)
	}
}

func TestSignIns_RiseAtTheSite(t *testing.T) {
	w := newWatch(t, Options{})
	hour := func(failed, succeeded int) {
		for i := range max(failed, succeeded) {
			if i < failed {
				w.see(Seen{Addr: from(i), Method: "POST", Path: "/login", Status: 401, SignIn: Failed, Principal: fmt.Sprint("u", i)})
			}
			if i < succeeded {
				w.see(Seen{Addr: from(i), Method: "POST", Path: "/login", Status: 303, SignIn: Succeeded, Principal: fmt.Sprint("u", i)})
			}
		}
		w.at = w.at.Add(61 * time.Minute)
	}
	for range 5 {
		hour(20, 100)
	}
	hour(200, 600) // Monday morning: many more, as good as ever
	if w.kinds() != "" {
		t.Fatalf("%+v", w.alarms)
	}
	hour(600, 60)
	if w.kinds() != "sign-ins" || w.alarms[0].Client.IsValid() {
		t.Errorf("%+v", w.alarms)
	}
}

func TestDevice_NewOnesAreANoticeAndTheFirstIsNone(t *testing.T) {
	w := newWatch(t, Options{})
	in := func(who, device string) {
		w.see(Seen{Addr: from(len(w.alarms)), Method: "POST", Path: "/login", Status: 303, Principal: who, Device: device, SignIn: Succeeded})
	}
	in("ann", "laptop")
	in("ann", "laptop")
	in("ben", "laptop")
	in("ann", "")
	w.see(Seen{Path: "/", Status: 200, Principal: "ann", Device: "phone"}) // no sign-in
	w.see(Seen{Method: "POST", Path: "/login", Status: 401, Principal: "ann", Device: "thief", SignIn: Failed})
	if w.kinds() != "" {
		t.Fatalf("%+v", w.alarms)
	}
	in("ann", "phone")
	in("ann", "phone")
	if w.kinds() != "device" || w.alarms[0].Principal != "ann" || w.alarms[0].Count != 1 {
		t.Errorf("%+v", w.alarms)
	}
}

func TestObserve_TenTimesTheClients_MemoryIsBounded(t *testing.T) {
	w := newWatch(t, Options{MaxClients: 2000})
	for i := range 20_000 {
		a := netip.AddrFrom4([4]byte{5, byte(i >> 16), byte(i >> 8), byte(i)})
		w.see(Seen{Addr: a, Path: fmt.Sprintf("%s/%d", word(i), i), Status: 404, Principal: fmt.Sprint(i)})
		w.see(Seen{Addr: a, Method: "POST", Path: "/login", Status: 303, Principal: fmt.Sprint(i), Device: "x", SignIn: Succeeded})
	}
	for name, n := range map[string]int{
		"clients": len(w.clients.young) + len(w.clients.old), "walkers": len(w.walkers.young) + len(w.walkers.old), "devices": len(w.devices.young) + len(w.devices.old),
	} {
		if n > 2000 {
			t.Errorf("%d %s held", n, name)
		}
	}
	if n := len(w.routes.young) + len(w.routes.old); n > 2*w.routes.most {
		t.Errorf("%d routes held", n)
	}
	if got := w.Observe(Seen{}); got != nil {
		t.Error("a client without an address")
	}
}

func TestObserve_ManyAtOnce(t *testing.T) {
	w := newWatch(t, Options{})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 500 {
				w.Observe(Seen{Addr: from(n), Method: "GET", Path: fmt.Sprintf("/orders/%d", i), Status: 404, Principal: fmt.Sprint(n % 3)})
			}
		})
	}
	all.Wait()
}

func TestNew_BadOptions_AreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"MaxClients":          {MaxClients: 3},
		"no reason":           {Exempt: []Exemption{{Path: "/a"}}},
		"exempts everything":  {Exempt: []Exemption{{Reason: "x"}}},
		"begins with a slash": {Exempt: []Exemption{{Path: "a", Reason: "x"}}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAlarm_Event(t *testing.T) {
	for kind, name := range map[Kind]string{
		Scan: "malicious_excess_404", Tool: "malicious_attack_tool", Walk: "malicious_direct_reference", Failures: "gate_failures_rise", SignIns: "gate_failures_rise", Device: "gate_new_device",
	} {
		e := Alarm{Kind: kind, Count: 40, Window: time.Hour, Words: "words", Route: "GET /orders/{id}"}.Event(events.About{Client: "203.0.113.9"})
		if e.Name != name || (e.Client == "") != (kind == SignIns) {
			t.Errorf("%s: %+v", kind, e)
		}
	}
}

// FuzzObserve: whatever is asked for, nothing panics and one request alone is
// nothing unusual but what a scanner's list explains.
func FuzzObserve(f *testing.F) {
	f.Add("/orders/17", "GET", "q=1")
	f.Add("/a/{id}/%7Bid%7D/9", "POST", "")
	f.Add("//", "", "&")
	w := newWatch(f, Options{})
	f.Fuzz(func(t *testing.T, path, method, query string) {
		for _, a := range w.Observe(Seen{Addr: from(len(path) % 7), Method: method, Path: path, Query: query, Status: 404, Principal: query}) {
			if a.Count == 0 || a.Words == "" {
				t.Errorf("%+v", a)
			}
		}
		if id, _, numbered := identifierOf(path, "GET /orders/{id}"); numbered && id == "" {
			t.Error("a number that is no identifier")
		}
	})
}
