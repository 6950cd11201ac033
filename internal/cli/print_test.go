package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
)

func TestPaint_OnATerminalAlone_AndNotWithNO_COLOR(t *testing.T) {
	for name, test := range map[string]struct {
		terminal, noColor bool
		want              string
	}{
		"a terminal":               {terminal: true, want: "\x1b[31mx\x1b[0m"},
		"a terminal with NO_COLOR": {terminal: true, noColor: true, want: "x"},
		"a pipe":                   {want: "x"},
	} {
		lookup := func(key string) (string, bool) { return "", key == "NO_COLOR" && test.noColor }
		g := &globals{process: Process{Terminal: test.terminal, LookupEnv: lookup}}
		if got := g.paint("x", red); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestTable_AlignsByLettersNotBytes(t *testing.T) {
	var table table
	table.add("é", "one")
	table.add("ab", "two")
	table.paintLast(func(_ int, cell string) string { return "<" + cell + ">" })
	var out strings.Builder
	if err := table.print(&out, " "); err != nil {
		t.Fatal(err)
	}
	if want := " é   one\n <ab>  <two>\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestAgo(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for want, d := range map[string]time.Duration{
		"just now": 59 * time.Second, "5 min ago": 5*time.Minute + time.Second, "47 h ago": 47 * time.Hour, "3 days ago": 73 * time.Hour,
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := ago(time.Time{}, now); got != "never" {
		t.Errorf("zero: %q, want never", got)
	}
}

// Errors become one line each, and the exit code that the package promises.
func TestReport_GivesTheCodeAndOneLine(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code int
		said string
	}{
		"none":     {nil, exitDone, ""},
		"findings": {findings(), exitFindings, ""},
		"usage":    {usage("want %s", "this"), exitUsage, "gatehouse: want this\n"},
		"failed":   {errors.Join(errors.New("a"), errors.New("b")), exitFailed, "gatehouse: a; b\n"},
		"wrapped":  {fmt.Errorf("while: %w", &exit{exitFindings, errors.New("none")}), exitFindings, "gatehouse: while: none\n"},
		"mistakes in a file": {
			config.Errors{{File: "a.yaml", Line: 1, Column: 2, Words: "bad"}, {File: "a.yaml", Line: 3, Column: 4, Words: "worse"}},
			exitUsage, "a.yaml:1:2: bad\na.yaml:3:4: worse\n",
		},
		"a mistake in a flag": {config.Errors{{Key: "--upstream", Words: "bad"}}, exitUsage, "gatehouse: --upstream: bad\n"},
	} {
		var said bytes.Buffer
		if code := report(Process{Stderr: &said}, test.err); code != test.code || said.String() != test.said {
			t.Errorf("%s: exit %d, %q; want %d, %q", name, code, said.String(), test.code, test.said)
		}
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for given, want := range map[string]string{
		"": "", "30d": "2026-03-31T12:00:00Z", "36h": "2026-03-02", "2026-06-30": "2026-06-30",
		"0d": "usage", "-1d": "usage", "2026-02-28": "usage", "soon": "usage", "30": "usage",
	} {
		got, err := expiry(given, now)
		switch {
		case want == "usage":
			if e := new(exit); !errors.As(err, &e) || e.code != exitUsage {
				t.Errorf("%q: %v, want wrong usage", given, err)
			}
		case err != nil:
			t.Errorf("%q: %v", given, err)
		case want == "" && !got.IsZero(), want != "" && got.String() != want:
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}

func TestPrefixOf(t *testing.T) {
	for given, want := range map[string]string{
		"203.0.113.7": "203.0.113.7/32", "::ffff:203.0.113.7": "203.0.113.7/32", "2001:db8::1": "2001:db8::1/128",
		"203.0.113.7/24": "203.0.113.0/24", "203.0.113.7:80": "", "example.com": "", "": "", "10.0.0.0/33": "",
	} {
		got, err := prefixOf(given)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %s, %v; want %q", given, got, err, want)
		}
	}
}

// An entry is about the refusal, where a request was observed by another rung
// before it was refused; what no entry can let pass is said.
func TestObjection(t *testing.T) {
	event := func(rung, rule string, o gatehouse.Outcome) gatehouse.Event {
		return gatehouse.Event{Rung: rung, Rule: rule, Outcome: o}
	}
	for name, test := range map[string]struct {
		found []gatehouse.Event
		rule  string
		err   string
	}{
		"refused after it was observed": {
			[]gatehouse.Event{event("input", "json", gatehouse.Observed), event("application/csrf", "cross-site", gatehouse.Refused)}, "cross-site", "",
		},
		"observed alone":      {[]gatehouse.Event{event("input", "json", gatehouse.Observed)}, "json", ""},
		"allowed already":     {[]gatehouse.Event{event("input", "json", gatehouse.Allowed)}, "", "nothing to allow"},
		"no rung's":           {[]gatehouse.Event{{Name: "gate_upstream_failed"}}, "", "nothing to allow"},
		"by address":          {[]gatehouse.Event{event("network/client", "banned", gatehouse.Refused)}, "", "goes by address"},
		"a rung without mode": {[]gatehouse.Event{event("network/headers", "x", gatehouse.Refused)}, "", "can't be let pass"},
		"a rung that is gone": {[]gatehouse.Event{event("application/old", "x", gatehouse.Refused)}, "", "can't be let pass"},
		"a check that failed": {[]gatehouse.Event{event("input", "panic", gatehouse.Refused)}, "", "a fault to report"},
	} {
		e, err := objection("id", test.found)
		if test.err == "" && (err != nil || e.Rule != test.rule) || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: rule %q, %v; want %q, %q", name, e.Rule, err, test.rule, test.err)
		}
	}
}

func TestCutBackend(t *testing.T) {
	own, backend := cutBackend([]string{"run", "--", "sh", "-c", "x", "--", "y"})
	if fmt.Sprint(own, backend) != "[run] [sh -c x -- y]" {
		t.Errorf("got %q and %q", own, backend)
	}
	if _, backend := cutBackend([]string{"run"}); backend != nil {
		t.Errorf("without --: %q, want nil", backend)
	}
	if _, backend := cutBackend([]string{"run", "--"}); backend == nil {
		t.Error("with nothing after --: nil, want an empty command, which is wrong usage")
	}
}

func TestTold_SaysWhoLearnedOfTheRefusal(t *testing.T) {
	for want, e := range map[string]gatehouse.Event{
		"an error, to the application whose own work it was": {Outcome: gatehouse.Refused, Rung: "data/policy"},
		"nothing: the connection was closed":                 {Outcome: gatehouse.Refused, Rung: "network/address"},
		"status 403, and this identifier":                    {Outcome: gatehouse.Refused, Rung: "data/guard", Request: "x", Status: 403},
		"":                                                   {Outcome: gatehouse.Observed, Rung: "data/policy"},
	} {
		if got := told(e); got != want {
			t.Errorf("%s: told %q, want %q", e.Rung, got, want)
		}
	}
}
