package ordinaryweek_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/tests/attacks/ordinaryweek"
)

var update = flag.Bool("update", false, "write testdata/pins.golden")

// The pins were made before anything was tuned on the weeks: a week that changes
// is another one.
func TestWeek_IsAsPinned(t *testing.T) {
	var out strings.Builder
	all := slices.Concat(ordinaryweek.Tuning(), ordinaryweek.Held())
	if os.Getenv("GATEHOUSE_LONG") == "" && !*update {
		all = all[:3]
	}
	for _, seed := range all {
		week := ordinaryweek.Week(seed)
		fmt.Fprintf(&out, "%d %d %s\n", seed, len(week), ordinaryweek.Hash(week))
		if len(week) < 200_000 {
			t.Errorf("seed %d: %d requests, want 200,000 and more", seed, len(week))
		}
	}
	const golden = "testdata/pins.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(want), out.String()) {
		t.Errorf("the weeks are\n%s\nand were\n%s", out.String(), want)
	}
}

func TestWeek_HoldsEverySort(t *testing.T) {
	counts := map[string]int{}
	clients := map[string]bool{}
	var failed int
	last := ordinaryweek.Begin()
	for _, r := range ordinaryweek.Week(1) {
		counts[r.Sort]++
		clients[r.Client.String()] = true
		if r.Status >= 400 {
			failed++
		}
		if r.At.Before(last) {
			t.Fatal("the requests are out of order")
		}
		last = r.At
	}
	for _, sort := range []string{"home", "office", "school", "phone", "app", "crawler", "monitor", "reader", "staff", "partner"} {
		if counts[sort] < 500 {
			t.Errorf("%d requests of %s", counts[sort], sort)
		}
	}
	t.Log(counts, len(clients), "addresses,", failed, "failures")
}
