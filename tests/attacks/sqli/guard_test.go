package sqli

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// goals are the shares in per mille that the guard must refuse, by what the
// application does to its input; nothing said is no goal. Cold is with nothing
// learned. They hold for what was developed with, and for what was held out.
var (
	goals     = map[string]int{"none": 995, "truncate": 980, "base64": 980}
	coldGoals = map[string]int{"none": 970}
)

// TestGuard_FrozenCorpus_IsRefused judges every case, and holds the lists of
// misses to the files.
func TestGuard_FrozenCorpus_IsRefused(t *testing.T) {
	sites, err := Sites()
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{"dev", "held"} {
		cases := loadHalf(t, split)
		var missed strings.Builder
		for _, cold := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/cold=%v", split, cold), func(t *testing.T) {
				guard := newGuard(t, sites, cold)
				share := judgeAll(t, guard, cases, cold, &missed)
				want := goals
				if cold {
					want = coldGoals
				}
				for transform, all := range share.all {
					t.Logf("%-12s %4d of %4d: %.1f %%", transform, share.refused[transform], all, 100*float64(share.refused[transform])/float64(all))
					if goal := want[transform]; 1000*share.refused[transform] < goal*all {
						t.Errorf("%s: %d of %d refused, want %d in 1,000", transform, share.refused[transform], all, goal)
					}
				}
			})
		}
		checkMisses(t, split, missed.String())
	}
}

// loadHalf gives the cases to develop with, or all that are held out.
func loadHalf(t *testing.T, half string) (cases []Case) {
	t.Helper()
	for _, split := range generated {
		if strings.HasPrefix(split, half) {
			more, err := once[split]()
			if err != nil {
				t.Fatal(err)
			}
			cases = append(cases, more...)
		}
	}
	return cases
}

func newGuard(t *testing.T, sites []Site, cold bool) *taint.Guard {
	t.Helper()
	guard, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if cold {
		return guard
	}
	st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}}
	for _, s := range sites {
		for _, st.SQL = range s.Ordinary {
			guard.Learn(st, taint.Origin{}, time.Unix(0, 0))
		}
	}
	return guard
}

type shares struct{ all, refused map[string]int }

func judgeAll(t *testing.T, guard *taint.Guard, cases []Case, cold bool, missed *strings.Builder) shares {
	t.Helper()
	share := shares{map[string]int{}, map[string]int{}}
	for _, c := range cases {
		st := taint.Statement{Account: "shop", Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, Exchange: "x", SQL: c.SQL}
		d := guard.Judge(st, candidatesOf(t, c, st.Exchange))
		share.all[c.Transform]++
		if d.Verdict == gatehouse.Deny {
			share.refused[c.Transform]++
			continue
		}
		learned := "learned"
		if cold {
			learned = "nothing learned"
		}
		fmt.Fprintf(missed, "%s (%s)\n  %q\n", c.ID, learned, c.SQL)
	}
	return share
}

func candidatesOf(t *testing.T, c Case, exchange string) []taint.Candidate {
	t.Helper()
	var all []taint.Candidate
	for _, in := range c.Inputs {
		place, err := gatehouse.ParsePlace(in.Kind + ":" + in.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, taint.Candidate{Value: in.Value, Place: place, Exchange: exchange})
	}
	for _, row := range c.Rows {
		all = append(all, taint.Candidate{Value: row, Place: gatehouse.Place{Kind: gatehouse.Row}, Exchange: exchange})
	}
	return all
}

// checkMisses holds what the guard lets through to testdata/misses-SPLIT.txt.
func checkMisses(t *testing.T, split, got string) {
	t.Helper()
	name := "testdata/misses-" + split + ".txt"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || string(want) != got {
		t.Errorf("%s does not list what got through (%v): run with GATEHOUSE_LONG=1 -update", name, err)
	}
}
