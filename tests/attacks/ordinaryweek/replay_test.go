package ordinaryweek_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/network/patterns"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/tests/attacks/ordinaryweek"
)

type silent struct{ banned int }

func (s *silent) Record(_ context.Context, e gatehouse.Event) error {
	if e.Name == "gate_banned" {
		s.banned++
	}
	return nil
}

// A replay is a gate's watch and bans, fed with requests at the time they were.
type replay struct {
	now      time.Time
	patterns *patterns.Patterns
	network  *network.Network
	silent
	alarms  []patterns.Alarm
	devices int
}

func newReplay(t testing.TB) *replay {
	t.Helper()
	r := &replay{now: ordinaryweek.Begin()}
	now := func() time.Time { return r.now }
	var err error
	r.patterns, err = patterns.New(patterns.Options{Now: now, Exempt: []patterns.Exemption{
		{Principal: "partner-export", Path: "/api/stock/{id}", Reason: "a partner reads all stock each night"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memory.New(memory.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r.network, err = network.New(network.Options{Store: s, Recorder: &r.silent, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.network.Close() })
	return r
}

// feed observes a request; each alarm of a client is a strike.
func (r *replay) feed(t testing.TB, q ordinaryweek.Request) {
	r.now = q.At
	path, query, _ := strings.Cut(q.Path, "?")
	got := r.patterns.Observe(patterns.Seen{
		Addr: q.Client, Method: q.Method, Path: path, Query: query, Status: q.Status, Principal: q.Principal, Device: q.Device, SignIn: patterns.SignIn(q.SignIn),
	})
	for _, a := range got {
		if a.Kind == patterns.Device {
			r.devices++
			continue
		}
		r.alarms = append(r.alarms, a)
		if a.Client.IsValid() {
			r.network.Strike(t.Context(), q.Client, 5, a.Kind.String())
		}
	}
	if q.Principal != "" && q.Status < 400 && q.SignIn != ordinaryweek.Failed {
		r.network.Good(q.Client, q.Principal)
	}
}

func weeks(held bool) []uint64 {
	list := ordinaryweek.Tuning()
	if held {
		list = ordinaryweek.Held()
	}
	if os.Getenv("GATEHOUSE_LONG") == "" {
		list = list[:1]
	}
	return list
}

// ordinary replays a week, in which nothing is to be said of anybody.
func ordinary(t *testing.T, seeds []uint64) {
	for _, seed := range seeds {
		r := newReplay(t)
		for _, q := range ordinaryweek.Week(seed) {
			r.feed(t, q)
		}
		for _, a := range r.alarms {
			t.Errorf("seed %d: %s of %s %q at %s: %d, %s", seed, a.Kind, a.Client, a.Principal, a.Route, a.Count, a.Words)
		}
		if r.banned != 0 {
			t.Errorf("seed %d: %d bans", seed, r.banned)
		}
		if r.devices == 0 || r.devices > 80 {
			t.Errorf("seed %d: %d new devices, where 3 of 100 people have one", seed, r.devices)
		}
		t.Logf("seed %d: %d alarms, %d bans, %d notices of new devices", seed, len(r.alarms), r.banned, r.devices)
	}
}

func TestOrdinaryWeek_SaysNothing(t *testing.T)          { ordinary(t, weeks(false)) }
func TestOrdinaryWeek_HeldSeeds_SayNothing(t *testing.T) { ordinary(t, weeks(true)) }

// found mixes each attack into its week, and wants it named, and nobody else.
func found(t *testing.T, seeds []uint64) {
	for _, seed := range seeds {
		r := newReplay(t)
		all := ordinaryweek.Week(seed)
		attacks := ordinaryweek.Attacks(seed)
		of := map[string]string{} // by account, and by address where that is one's own
		for _, a := range attacks {
			all = append(all, a.Requests...)
			for _, q := range a.Requests {
				of[q.Client.String()] = a.Name
				if q.Principal != "" {
					of[q.Principal] = a.Name
				}
			}
		}
		slices.SortStableFunc(all, func(a, b ordinaryweek.Request) int { return a.At.Compare(b.At) })
		seen, told := map[string]int{}, map[string]int{}
		kinds := map[string]map[string]bool{}
		for _, q := range all {
			before := len(r.alarms)
			name := of[q.Client.String()]
			if q.Sort != "attack" {
				name = ""
			}
			seen[name]++
			r.feed(t, q)
			for _, a := range r.alarms[before:] {
				if a.Kind == patterns.SignIns {
					name = "stuffing from many addresses"
				}
				if name == "" {
					t.Errorf("seed %d: %s of %s %q at %s beside the attacks: %d, %s", seed, a.Kind, a.Client, a.Principal, a.Route, a.Count, a.Words)
				}
				if kinds[name] == nil {
					kinds[name], told[name] = map[string]bool{}, seen[name]
				}
				kinds[name][a.Kind.String()] = true
			}
		}
		for _, a := range attacks {
			if !kinds[a.Name][a.Kind] {
				t.Errorf("seed %d: %s was told as %v, want %s", seed, a.Name, kinds[a.Name], a.Kind)
			}
			t.Logf("seed %d: %s: told at request %d of %d, as %v", seed, a.Name, told[a.Name], len(a.Requests), kinds[a.Name])
		}
	}
}

func TestAttacks_AreFoundInTheWeek(t *testing.T)             { found(t, weeks(false)) }
func TestAttacks_OfHeldSeeds_AreFoundInTheWeek(t *testing.T) { found(t, weeks(true)) }

func BenchmarkObserve(b *testing.B) {
	r := newReplay(b)
	week := ordinaryweek.Week(1)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		q := week[i%len(week)]
		i++
		r.now = q.At
		path, query, _ := strings.Cut(q.Path, "?")
		r.patterns.Observe(patterns.Seen{Addr: q.Client, Method: q.Method, Path: path, Query: query, Status: q.Status, Principal: q.Principal, SignIn: patterns.SignIn(q.SignIn)})
	}
}
