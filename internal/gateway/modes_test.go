package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// forged is a form that another site has a visitor's browser send.
func forged(g *testGate, path string) answered {
	g.t.Helper()
	return g.post(path, "application/x-www-form-urlencoded", "a=1", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
}

func TestModes_DecideWhatBecomesOfARefusal(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		observe    bool
		status     int
		outcome    gatehouse.Outcome // empty: no event
	}{
		{"shipped", "", false, 403, gatehouse.Refused},
		{"enforce", "modes: {application/csrf: enforce}", false, 403, gatehouse.Refused},
		{"observe", "modes: {application/csrf: observe}", false, 200, gatehouse.Observed},
		{"off", "modes: {application/csrf: {mode: off, reason: test}}", false, 200, ""},
		{"--observe", "modes: {application/csrf: enforce}", true, 200, gatehouse.Observed},
		{"--observe leaves off off", "modes: {application/csrf: {mode: off, reason: test}}", true, 200, ""},
		{"rule observed", "modes: {application/csrf/cross-site: observe}", false, 200, gatehouse.Observed},
		{"rule off", "modes: {application/csrf/cross-site: {mode: off, reason: test}}", false, 200, ""},
		{"rule enforced in a rung observed", "modes: {application/csrf: observe, application/csrf/cross-site: enforce}", false, 403, gatehouse.Refused},
		{"another rule observed", "modes: {application/csrf/same-site: observe}", false, 403, gatehouse.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			changes := []change{written(t, c.yaml)}
			if c.observe {
				changes = append(changes, observing)
			}
			g := newGate(t, hello, changes...)
			a := forged(g, "/buy")
			if a.StatusCode != c.status {
				t.Errorf("%s", a.Status)
			}
			found := g.told(a.Header.Get(RequestIDHeader))
			if c.outcome == "" {
				if len(found) != 0 {
					t.Errorf("events: %+v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("events: %+v", found)
			}
			e := found[0]
			if e.Outcome != c.outcome || e.Rung != "application/csrf" || e.Rule != "cross-site" || e.Route != "POST /buy" || e.Path != "/buy" ||
				e.Status != 403 || e.Client != "127.0.0.1" || e.Request != a.Header.Get(RequestIDHeader) {
				t.Errorf("event: %+v", e)
			}
			line := rungLine(g, "application/csrf")
			if line.Refused+line.Observed != 1 || line.Last.IsZero() {
				t.Errorf("layers: %+v", line)
			}
		})
	}
}

func rungLine(g *testGate, name string) RungLine {
	l, err := g.Layers(context.Background())
	if err != nil {
		g.t.Fatal(err)
	}
	i := slices.IndexFunc(l.Rungs, func(r RungLine) bool { return r.Name == name })
	return l.Rungs[i]
}

// withCheck puts a request check in front of the others.
func withCheck(g *testGate, mode gatehouse.Mode, check requestCheck) {
	asm := *g.current.Load()
	r := &rung{name: "test/check", stops: "tests", event: events.AuthzFail}
	step := requestStep{activeRung{rung: r, mode: mode, hits: new(hits)}, check}
	asm.request = append([]requestStep{step}, asm.request...)
	g.current.Store(&asm)
}

func TestCheck_ThatPanics_Denies(t *testing.T) {
	reached := false
	g := newGate(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	withCheck(g, gatehouse.Enforce, func(*transit) gatehouse.Decision {
		var nothing map[string]int
		nothing["secret-in-a-panic"] = 1 //lint:ignore SA5000 the panic is what is tested
		return gatehouse.Passed()
	})
	a := g.get("/x")
	if a.StatusCode != http.StatusInternalServerError || reached || strings.Contains(a.text, "panic") || strings.Contains(a.text, "nil map") {
		t.Errorf("%s %q", a.Status, a.text)
	}
	found := g.told(a.Header.Get(RequestIDHeader))
	var names []string
	for _, e := range found {
		names = append(names, e.Name+" "+e.Rule)
	}
	if len(found) != 2 || !slices.Contains(names, "sys_crash ") || !slices.Contains(names, "authz_fail panic") {
		t.Errorf("events: %q", names)
	}
	if a := g.get("/again"); a.StatusCode != http.StatusInternalServerError {
		t.Errorf("the gate serves on: %s", a.Status)
	}
}

// In observe nothing is refused, a check that fails included.
func TestCheck_ThatPanics_InObserve_Passes(t *testing.T) {
	g := newGate(t, hello)
	withCheck(g, gatehouse.Observe, func(*transit) gatehouse.Decision { panic("x") })
	if a := g.get("/"); a.StatusCode != 200 {
		t.Errorf("%s", a.Status)
	}
}

// The zero Decision is what a check returns that forgot to decide.
func TestCheck_ThatForgetsToDecide_Denies(t *testing.T) {
	g := newGate(t, hello)
	withCheck(g, gatehouse.Enforce, func(*transit) gatehouse.Decision { return gatehouse.Decision{} })
	if a := g.get("/"); a.StatusCode != http.StatusForbidden {
		t.Errorf("%s", a.Status)
	}
}

func withResponseCheck(g *testGate, check responseCheck) {
	asm := *g.current.Load()
	r := &rung{name: "test/answer", stops: "tests", event: events.AuthzFail}
	asm.response = append([]responseStep{{activeRung: activeRung{rung: r, hits: new(hits)}, check: check}}, asm.response...)
	g.current.Store(&asm)
}

func TestResponseCheck_Refuses_TheAnswerIsNotSent(t *testing.T) {
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "leak=1")
		w.Header().Set("X-Leak", "1")
		io.WriteString(w, "the secret")
	}))
	for name, check := range map[string]responseCheck{
		"refuses": func(*transit, *http.Response, bool) gatehouse.Decision {
			return gatehouse.Denied("leak", gatehouse.Place{}, "x")
		},
		"panics": func(*transit, *http.Response, bool) gatehouse.Decision { panic("x") },
	} {
		withResponseCheck(g, check)
		a := g.get("/")
		if a.StatusCode < 400 || strings.Contains(a.text, "secret") || a.Header.Get("X-Leak")+a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s %v %q", name, a.Status, a.Header, a.text)
		}
	}
}

const allowBuy = `{id: buy, rung: application/csrf, rule: cross-site, path: "POST /buy/{item}", reason: the partner's widget}`

func TestAllow_LetsExactlyItsRequestPass(t *testing.T) {
	dir := stateFolder(t)
	config := written(t, "allow: ["+allowBuy+"]")
	g := newGate(t, hello, config, onDisk(dir))
	a := forged(g, "/buy/7")
	if found := g.told(a.Header.Get(RequestIDHeader)); a.StatusCode != 200 || len(found) != 1 || found[0].Outcome != gatehouse.Allowed {
		t.Errorf("%s %+v", a.Status, found)
	}
	for _, path := range []string{"/buy", "/buy/7/8", "/buy/7/", "/sell/7", "/buy/7%2f8/x"} {
		if a := forged(g, path); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	r := g.request("PUT", "/buy/7", strings.NewReader("a"), "Sec-Fetch-Site: cross-site")
	if a := g.do(r); a.StatusCode != http.StatusForbidden {
		t.Errorf("another method: %s", a.Status)
	}
	if line := allowLine(g); line.Hits != 1 || line.State != "used" || line.Last.IsZero() {
		t.Errorf("%+v", line)
	}
	g.end()
	g = newGate(t, hello, config, onDisk(dir))
	first := allowLine(g)
	if first.Hits != 1 || first.State != "used" || first.Since.IsZero() {
		t.Errorf("after a restart: %+v", first)
	}
	forged(g, "/buy/8")
	if line := allowLine(g); line.Hits != 2 || !line.Since.Equal(first.Since) {
		t.Errorf("after a restart and a use: %+v", line)
	}
}

func allowLine(g *testGate) AllowLine {
	g.t.Helper()
	l, err := g.Layers(context.Background())
	if err != nil || len(l.Allow) != 1 {
		g.t.Fatalf("%+v %v", l.Allow, err)
	}
	return l.Allow[0]
}

func TestAllow_Expires_WhileTheGateRuns(t *testing.T) {
	var offset atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	entry := strings.Replace(allowBuy, "reason:", "expires: "+tomorrow+", reason:", 1)
	g := newGate(t, hello, written(t, "allow: ["+entry+"]"), func(o *Options) { o.Now = now })
	if a := forged(g, "/buy/7"); a.StatusCode != 200 {
		t.Errorf("before: %s", a.Status)
	}
	offset.Store(int64(25 * time.Hour))
	if a := forged(g, "/buy/7"); a.StatusCode != http.StatusForbidden {
		t.Errorf("after: %s", a.Status)
	}
	if line := allowLine(g); line.State != "expired" {
		t.Errorf("%+v", line)
	}
}

// configured gives what a reload is handed.
func configured(g *testGate, change func(*config.Config)) *config.Config {
	c := *g.current.Load().config
	change(&c)
	return &c
}

func TestReload_UnderLoad_EachRequestMeetsOneConfiguration(t *testing.T) {
	// A backend for each configuration says which one it is; the mode changes
	// with it. A mixture would pass a forged request to the wrong one.
	open := newBackend(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "open") }))
	g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "closed") }))
	observe := map[string]config.ModeSetting{"application/csrf": {Mode: gatehouse.Observe}}
	closedConfig := g.current.Load().config
	openConfig := configured(g, func(c *config.Config) { c.Upstream, c.Modes = open.URL, observe })
	stop := make(chan struct{})
	var all sync.WaitGroup
	var passed, refused atomic.Int64
	for range 8 {
		client := g.newClient(true)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				res, err := client.Do(g.request("POST", "/", strings.NewReader("x"), "Sec-Fetch-Site: cross-site"))
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				switch {
				case res.StatusCode == 200 && string(text) == "open":
					passed.Add(1)
				case res.StatusCode == 403:
					refused.Add(1)
				default:
					t.Errorf("%s %q", res.Status, text)
				}
			}
		})
	}
	for i := range 40 {
		c := closedConfig
		if i%2 == 0 {
			c = openConfig
		}
		if err := g.Reload(c); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	close(stop)
	all.Wait()
	if passed.Load() == 0 || refused.Load() == 0 {
		t.Errorf("passed %d, refused %d", passed.Load(), refused.Load())
	}
}

func TestReload_Bad_IsRefusedAndTold(t *testing.T) {
	loaded := errors.New("gatehouse.yaml:3:1: modes.nothing: is no rung")
	g := newGate(t, hello, func(o *Options) { o.Load = func() (*config.Config, error) { return nil, loaded } })
	if err := g.Admin().Reload(context.Background()); !errors.Is(err, loaded) {
		t.Errorf("%v", err)
	}
	before := g.current.Load()
	for name, c := range map[string]*config.Config{
		"bad upstream": configured(g, func(c *config.Config) { c.Upstream = "ftp://x" }),
		"bad route":    configured(g, func(c *config.Config) { c.Routes = []config.Route{{Path: "no slash"}} }),
		"bad allow":    configured(g, func(c *config.Config) { c.Allow = []config.AllowEntry{{ID: "x", Path: "{"}} }),
		"bad origin": configured(g, func(c *config.Config) {
			c.Application.CSRF.TrustedOrigins = []config.TrustedOrigin{{Origin: "x"}}
		}),
	} {
		if err := g.Reload(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if g.current.Load() != before {
		t.Error("the configuration was replaced")
	}
	if a := g.get("/"); a.StatusCode != 200 {
		t.Errorf("%s", a.Status)
	}
	if found := g.found(EventFilter{}, "gate_config_refused"); len(found) != 5 {
		t.Errorf("%d events", len(found))
	}
}

func TestReload_WhatNeedsARestart_IsNamed(t *testing.T) {
	g := newGate(t, hello)
	for key, change := range map[string]func(*config.Config){
		"network.listen":   func(c *config.Config) { c.Network.Listen = []string{":1"} },
		"network.redirect": func(c *config.Config) { c.Network.Redirect = ":80" },
		"transport.certificates": func(c *config.Config) {
			c.Transport.Certificates.Files = []config.CertificateFile{{Certificate: "a", Key: "b"}}
		},
		"store.durable": func(c *config.Config) { c.Store.Durable = "sqlite" },
		"events.file":   func(c *config.Config) { c.Events.File = "x" },
		"site":          func(c *config.Config) { c.Site = "https://x.example" },
	} {
		err := g.Reload(configured(g, change))
		if err == nil || strings.Count(err.Error(), key) != 1 || !strings.Contains(err.Error(), "restart") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestReload_Unrestricted_ChangesTakeEffect(t *testing.T) {
	g := newGate(t, hello)
	if a := forged(g, "/"); a.StatusCode != 403 {
		t.Fatal(a.Status)
	}
	err := g.Reload(configured(g, func(c *config.Config) {
		c.Routes = []config.Route{{Path: "/", CSRF: config.RouteCSRF{Exempt: "webhook", Reason: "test"}}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if a := forged(g, "/"); a.StatusCode != 200 {
		t.Error(a.Status)
	}
	if found := g.found(EventFilter{}, "gate_bypass"); len(found) != 1 {
		t.Errorf("the bypass is not told: %+v", found)
	}
}

func TestEvents_ThatCanNotBeWritten(t *testing.T) {
	for _, c := range []struct {
		onFailure string
		status    int
	}{{"pass", 200}, {"refuse", 503}} {
		g := newGate(t, hello, written(t, fmt.Sprintf("modes: {application/csrf: observe}\nevents: {on_failure: %s}", c.onFailure)))
		if err := g.events.Close(context.Background()); err != nil { // nothing can be recorded any more
			t.Fatal(err)
		}
		if a := forged(g, "/"); a.StatusCode != c.status {
			t.Errorf("%s: what is observed got %s", c.onFailure, a.Status)
		}
		if a := g.get("/"); a.StatusCode != 200 {
			t.Errorf("%s: what nobody objects to got %s", c.onFailure, a.Status)
		}
		g2 := newGate(t, hello, written(t, fmt.Sprintf("events: {on_failure: %s}", c.onFailure)))
		_ = g2.events.Close(context.Background())
		if a := forged(g2, "/"); a.StatusCode != 403 {
			t.Errorf("%s: what is refused got %s", c.onFailure, a.Status)
		}
	}
}
