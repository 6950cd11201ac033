package sink

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/store"
)

type storeReader = store.Store

func TestSearch_Filters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memoryStore(t)
		l := open(t, Options{Store: s})
		start := time.Now()
		at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
		for i := range 10 {
			e := refusal(fmt.Sprintf("192.0.2.%d", i%2), fmt.Sprint(i), "x")
			if i%5 == 4 {
				e = events.SysRestart("it")
				e.Request = fmt.Sprint(i)
			}
			if i == 8 {
				e.Outcome, e.Rung = gatehouse.Observed, "other"
			}
			put(t, l, e)
			time.Sleep(time.Minute)
		}
		for _, c := range []struct {
			f    Filter
			want string
		}{
			{Filter{}, "0 1 2 3 4 5 6 7 8 9"},
			{Filter{Reverse: true, Limit: 3}, "9 8 7"},
			{Filter{Since: at(3)}, "3 4 5 6 7 8 9"},
			{Filter{Until: at(3)}, "0 1 2 3"},
			{Filter{Since: at(3), Until: at(5)}, "3 4 5"},
			{Filter{Since: at(3), Until: at(5), Reverse: true}, "5 4 3"},
			{Filter{Since: at(3), Until: at(5), Reverse: true, Limit: 1}, "5"},
			{Filter{Since: at(20)}, ""}, {Filter{Until: start.Add(-time.Second)}, ""},
			{Filter{Name: "sys_restart"}, "4 9"}, {Filter{Name: "sys_restart", Since: at(5), Reverse: true}, "9"},
			{Filter{Rung: "other"}, "8"}, {Filter{Outcome: gatehouse.Observed}, "8"},
			{Filter{Client: "192.0.2.1", Limit: 2}, "1 3"},
		} {
			var got []string
			for _, e := range search(t, s, c.f) {
				got = append(got, e.Request)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%+v gives %q; want %q", c.f, got, c.want)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStore_KeepsEventsAndCountsAsLongAsItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memoryStore(t)
		l := open(t, Options{Store: s, Keep: 48 * time.Hour})
		put(t, l, refusal("192.0.2.1", "old", "x"))
		time.Sleep(47 * time.Hour)
		put(t, l, refusal("192.0.2.1", "new", "x"))
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(search(t, s, Filter{})); n != 2 {
			t.Errorf("%d events; want 2", n)
		}
		time.Sleep(2 * time.Hour)
		if list := search(t, s, Filter{}); len(list) != 1 || list[0].Request != "new" {
			t.Errorf("events after 49 hours: %+v", list)
		}
		time.Sleep(46 * time.Hour)
		report, err := Report(t.Context(), s, ReportQuery{})
		if err != nil || len(report) != 1 || report[0].Requests != 1 || report[0].Example != "new" {
			t.Errorf("Report after four days: %+v, %v", report, err)
		}
		time.Sleep(3 * 24 * time.Hour)
		// The log's own sweep has emptied the store, but for the key.
		if n, err := s.Sweep(t.Context()); err != nil || n != 0 {
			t.Errorf("%d records were left to sweep, %v", n, err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReport_SinceLeavesOutEarlierDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memoryStore(t)
		l := open(t, Options{Store: s})
		for day := range 4 {
			for range day + 1 {
				put(t, l, refusal(fmt.Sprintf("192.0.2.%d", day), "r", "x"))
			}
			time.Sleep(24 * time.Hour)
		}
		for back, want := range map[int][2]uint64{1: {4, 1}, 2: {7, 2}, 3: {9, 3}, 30: {10, 4}} {
			report, err := Report(t.Context(), s, ReportQuery{Since: time.Now().Add(-time.Duration(back) * 24 * time.Hour)})
			if err != nil || len(report) != 1 || report[0].Requests != want[0] || report[0].Clients != want[1] {
				t.Errorf("%d days back: %+v, %v; want %v", back, report, err, want)
			}
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReport_StoreFull_LosesNoCount(t *testing.T) {
	s := &faulty{Store: memoryStore(t)}
	l := open(t, Options{Store: s})
	for i := range 10 {
		put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i), "r", "x"))
	}
	s.fail(errDisk)
	if err := l.Flush(t.Context()); err == nil {
		t.Error("Flush gave no error")
	}
	for i := range 10 {
		l.tally.note(stamped(refusal(fmt.Sprintf("192.0.2.%d", i+5), "r", "x")))
	}
	s.fail(nil)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := Report(t.Context(), s, ReportQuery{})
	if err != nil || len(report) != 1 || report[0].Requests != 20 || report[0].Clients != 15 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestTally_MoreKindsThanHeld_AreCountedAsOther(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s})
	const total = maxTallies + 500
	for i := range total {
		e := stamped(refusal("192.0.2.1", "r", "x"))
		e.Field = fmt.Sprintf("query:q%d", i)
		l.tally.note(e)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := Report(t.Context(), s, ReportQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, line := range report {
		sum += line.Requests
	}
	if len(report) != maxTallies+1 || sum != total || report[0].Field != other || report[0].Requests != 500 {
		t.Errorf("%d lines of %d requests, the first %+v", len(report), sum, report[0])
	}
}

func TestTally_StoreAway_BoundsTheClientsItRemembers(t *testing.T) {
	tl := newTally([32]byte{})
	for field := range 100 {
		e := stamped(refusal("", "r", "x"))
		e.Field = fmt.Sprint(field)
		for client := range 3000 {
			e.Client = fmt.Sprint(client)
			tl.note(e)
		}
	}
	held := 0
	for _, c := range tl.pending {
		held += len(c.clients.exact)
		if n, _ := c.clients.count(); c.clients.sketch == nil && n != 3000 {
			t.Errorf("%d clients; want 3000", n)
		}
	}
	if held != tl.hashes || held > maxHashes+100*fewHashes {
		t.Errorf("%d hashes are held, %d counted; want at most about %d", held, tl.hashes, maxHashes)
	}
}

func TestReport_DamagedRecord_IsLeftOutAndCounted(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s})
	put(t, l, refusal("192.0.2.1", "r", "x"))
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), s, store.Record{Kind: tallyKind, Key: "2030-01-01/x", Value: []byte(`{"clients":"AAAA"}`)}); err != nil {
		t.Fatal(err)
	}
	report, err := Report(t.Context(), s, ReportQuery{})
	if len(report) != 1 || err == nil || !strings.Contains(err.Error(), "1 records") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestDistinct_ExactThenEstimated(t *testing.T) {
	tl := newTally([32]byte{1})
	for _, n := range []int{0, 1, maxExact, maxExact + 1, 10_000, 100_000} {
		var a, b distinct
		for i := range n {
			hash := tl.hash(fmt.Sprintf("client-%d", i))
			if i%3 != 0 {
				a.add(hash)
			}
			if i%3 != 1 {
				b.add(hash)
			}
		}
		var read distinct
		if err := read.decode(b.encode()); err != nil {
			t.Fatal(err)
		}
		a.merge(&read)
		got, exact := a.count()
		if exact != (n <= maxExact) {
			t.Errorf("%d: exact is %v", n, exact)
		}
		if off := math.Abs(float64(got)-float64(n)) / math.Max(float64(n), 1); exact && off != 0 || off > 0.05 {
			t.Errorf("%d are counted as %d", n, got)
		}
	}
	var d distinct
	for _, bad := range [][]byte{nil, {'x'}, {'e', 1}, {'s', 1, 2}, make([]byte, 9)} {
		if err := d.decode(bad); err == nil {
			t.Errorf("%v was read", bad)
		}
	}
}

func TestIDs_SortByTimeAndNeverRepeat(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	ids := &idSource{now: func() time.Time { return now }}
	var all []string
	for i := range 1000 {
		switch i % 100 {
		case 50:
			now = now.Add(time.Second)
		case 75:
			now = now.Add(-time.Hour) // a clock that was set back
		}
		all = append(all, ids.next())
	}
	if !slices.IsSorted(all) || len(slices.Compact(all)) != 1000 || len(all[0]) != timeDigits+randomDigits {
		t.Errorf("identifiers out of order or repeated, such as %q", all[:3])
	}
}

func TestFollow_GetsEventsUntilItsContextEnds(t *testing.T) {
	l := open(t, Options{Store: memoryStore(t)})
	ctx, cancel := context.WithCancel(t.Context())
	events := l.Follow(ctx)
	for i := range 3 {
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i), "x"))
	}
	for i := range 3 {
		if e := <-events; e.Request != fmt.Sprint(i) || e.ID == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	cancel()
	if _, open := <-events; open {
		t.Error("the channel is open after its context ended")
	}
	put(t, l, refusal("192.0.2.1", "later", "x"))
	rest := l.Follow(t.Context())
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range rest {
		t.Error("an event came after Close")
	}
	if _, open := <-l.Follow(t.Context()); open {
		t.Error("a closed log can be followed")
	}
}

func TestFollow_Slow_IsToldHowManyItMissed(t *testing.T) {
	l := open(t, Options{})
	events := l.Follow(t.Context())
	const total = followBuffer + 100
	for i := range total {
		put(t, l, refusal(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "r", "x"))
	}
	got := uint64(0)
	for range 10 {
		<-events
		got++
	}
	put(t, l, refusal("192.0.2.1", "after", "x"))
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var skipped uint64
	for e := range events {
		if e.Name == "gate_events_skipped" {
			skipped += e.Count
			continue
		}
		got++
	}
	if skipped != 100 || got+skipped != total+1 {
		t.Errorf("%d events came and %d were skipped, of %d", got, skipped, total+1)
	}
}
