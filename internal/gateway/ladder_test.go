package gateway

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestLadder_IsPinned shows every change of the ladder to whoever reviews it.
func TestLadder_IsPinned(t *testing.T) {
	var b strings.Builder
	for _, r := range rungs() {
		mode := r.mode.String()
		if r.fixed {
			mode = "fixed"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", r.table, r.name, mode)
		for _, rule := range sortedKeys(r.rules) {
			fmt.Fprintf(&b, "  rule %s: %s\n", rule, r.rules[rule])
		}
		fmt.Fprintf(&b, "  stops  %s\n  why    %s\n", r.stops, r.why)
		if r.holds != "" {
			fmt.Fprintf(&b, "  holds  %s\n", r.holds)
		}
	}
	const file = "testdata/ladder.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the ladder has changed; if it should, run go test -run Ladder -update\ngot:\n%s\nwant:\n%s", b.String(), want)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestLadder_EveryRungSaysWhatAPersonNeeds: the tables are read by people.
func TestLadder_EveryRungSaysWhatAPersonNeeds(t *testing.T) {
	for _, r := range rungs() {
		if r.name == "" || r.stops == "" || r.why == "" {
			t.Errorf("%s %q lacks a name, what it stops, or why it stands there", r.table, r.name)
		}
		if !r.fixed && r.event == nil {
			t.Errorf("%s %s refuses and has no event", r.table, r.name)
		}
	}
}
