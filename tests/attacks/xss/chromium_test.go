package xss

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// A cell is one payload in one context.
type cell struct {
	context int
	payload string
	held    bool
}

func cells(t *testing.T) []cell {
	t.Helper()
	c := corpus(t)
	var all []cell
	for n := range Contexts() {
		for _, p := range c.Dev {
			all = append(all, cell{n, p, false})
		}
		for _, p := range c.Held {
			all = append(all, cell{n, p, true})
		}
	}
	return all
}

// execute loads cells in Chromium from an origin, and gives which ran.
func execute(t *testing.T, b *browser.Browser, origin, evil string, all []cell) []bool {
	t.Helper()
	const batch = 40
	ran := make([]bool, 0, len(all))
	for len(ran) < len(all) {
		some := all[len(ran):min(len(ran)+batch, len(all))]
		var addresses []string
		for _, c := range some {
			q := url.Values{"context": {fmt.Sprint(c.context)}, "q": {strings.ReplaceAll(c.payload, "{E}", evil)}}
			addresses = append(addresses, origin+"/x?"+q.Encode())
		}
		text, err := json.Marshal(addresses)
		if err != nil {
			t.Fatal(err)
		}
		var result []bool
		b.Do(t, "loading frames", chromedp.Navigate(origin+"/h"), chromedp.WaitReady("script"),
			chromedp.Evaluate("run("+string(text)+")", &result, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		if len(result) != len(some) {
			t.Fatalf("%d results of %d frames", len(result), len(some))
		}
		ran = append(ran, result...)
	}
	return ran
}

// evilScript is a script of another origin.
func evilScript(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		fmt.Fprint(w, "top.postMessage(1, '*')")
	}))
	t.Cleanup(s.Close)
	return s.URL + "/e.js"
}

// gate starts one, with a configuration.
func gate(t *testing.T, upstream, config string) *testkit.Gate {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return testkit.StartGate(t, upstream, "--config", file)
}

// The two layers, each without the other.
const (
	markupAlone = "modes: {application/headers: {mode: off, reason: markup is measured alone}}\n"
	policyAlone = "modes: {application/markup: {mode: off, reason: the policy is measured alone}}\n" +
		"application: {headers: {csp: \"default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'\"}}\n"
)

// sample is one cell of a hundred, or all in the long run.
func sample(t *testing.T, all []cell) []cell {
	if os.Getenv("GATEHOUSE_LONG") != "" {
		return all
	}
	var some []cell
	for i := range all {
		if i%97 == 0 {
			some = append(some, all[i])
		}
	}
	t.Logf("%d of %d cells; GATEHOUSE_LONG=1 runs all", len(some), len(all))
	return some
}

func TestXSS_WhatRunsBare_RunsNowhereBehindTheGate(t *testing.T) {
	all := sample(t, cells(t))
	backend := httptest.NewServer(Handler())
	t.Cleanup(backend.Close)
	evil := evilScript(t)
	markupGate, policyGate := gate(t, backend.URL, markupAlone), gate(t, backend.URL, policyAlone)
	chromium := browser.Start(t, markupGate.SPKI(t), policyGate.SPKI(t))
	bare := execute(t, chromium, backend.URL, evil, all)
	var runs []cell
	for i, c := range all {
		if bare[i] {
			runs = append(runs, c)
		}
	}
	if len(runs)*10 < len(all) {
		t.Fatalf("%d of %d cells run bare: the control fails", len(runs), len(all))
	}
	through := func(g *testkit.Gate) []bool {
		return execute(t, chromium, "https://localhost"+g.Address[strings.LastIndex(g.Address, ":"):], evil, runs)
	}
	markup, policy := through(markupGate), through(policyGate)
	text := table(len(all), runs, markup, policy)
	if os.Getenv("GATEHOUSE_LONG") != "" {
		keep(t, "testdata/results.txt", text)
		return
	}
	for i, c := range runs {
		if markup[i] && !known(t, c) {
			t.Errorf("markup lets run in %s: %q", Contexts()[c.context].Name, c.payload)
		}
		if policy[i] {
			t.Errorf("the policy lets run in %s: %q", Contexts()[c.context].Name, c.payload)
		}
	}
}

// known reports whether a cell is among the misses that are written down.
func known(t *testing.T, c cell) bool {
	text, err := os.ReadFile("testdata/results.txt")
	return err == nil && strings.Contains(string(text), missLine(c))
}

func missLine(c cell) string {
	return fmt.Sprintf("  %s: %q\n", Contexts()[c.context].Name, c.payload)
}

func table(cells int, runs []cell, markup, policy []bool) []byte {
	type row struct{ dev, held, devMarkup, heldMarkup, policy int }
	rows := make([]row, len(Contexts())+1)
	var missed bytes.Buffer
	for i, c := range runs {
		for _, r := range []*row{&rows[c.context], &rows[len(rows)-1]} {
			if c.held {
				r.held++
			} else {
				r.dev++
			}
			switch {
			case markup[i]:
			case c.held:
				r.heldMarkup++
			default:
				r.devMarkup++
			}
			if !policy[i] {
				r.policy++
			}
		}
		if markup[i] {
			missed.WriteString(missLine(c))
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d payloads in %d contexts, executed in Chromium (GATEHOUSE_LONG=1 go test ./tests/attacks/xss -update).\n", cells/len(Contexts()), len(Contexts()))
	fmt.Fprintf(&out, "Of those that run bare: how many a layer alone stops.\n\n%-30s %10s %16s %16s %16s\n", "context", "run bare", "markup, seen", "markup, held out", "strict policy")
	for n, r := range rows {
		name := "all"
		if n < len(Contexts()) {
			name = Contexts()[n].Name
		}
		fmt.Fprintf(&out, "%-30s %10d %16s %16s %16s\n", name, r.dev+r.held, share(r.devMarkup, r.dev), share(r.heldMarkup, r.held), share(r.policy, r.dev+r.held))
	}
	fmt.Fprintf(&out, "\nMarkup alone lets run:\n%s", missed.String())
	out.WriteString("\nThe strict policy alone lets run:\n")
	for i, c := range runs {
		if policy[i] {
			out.WriteString(missLine(c))
		}
	}
	return out.Bytes()
}

func share(n, of int) string { return fmt.Sprintf("%d/%d", n, of) }

func keep(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("\n" + string(text))
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(want, text) {
		t.Errorf("%s says otherwise: %v", file, err)
	}
}
