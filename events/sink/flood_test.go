package sink

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
)

// occurrences sums what events stand for.
func occurrences(list []gatehouse.Event) (n uint64) {
	for _, e := range list {
		n += e.Occurrences()
	}
	return n
}

func TestFlood_HundredThousandEvents_SumIsExact(t *testing.T) {
	s, path := memoryStore(t), filepath.Join(t.TempDir(), "events.jsonl")
	l := open(t, Options{Store: s, File: path})
	const each, workers = 12_500, 8
	var wg sync.WaitGroup
	same := refusal("", "", "cross-site")
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				// Few clients flood; some come once.
				client := fmt.Sprintf("192.0.2.%d", i%7)
				if i%100 == 0 {
					client = fmt.Sprintf("198.51.%d.%d", w, i/100)
				}
				e := same
				e.Client, e.Request = client, fmt.Sprintf("%d-%d", w, i)
				if err := l.Record(t.Context(), e); err != nil {
					t.Errorf("Record: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	inFile, inStore := fileLines(t, path), search(t, s, Filter{})
	if a, b := occurrences(inFile), occurrences(inStore); a != each*workers || b != each*workers {
		t.Errorf("the file stands for %d, the store for %d; want %d", a, b, each*workers)
	}
	if len(inFile) > 3000 {
		t.Errorf("%d lines for a flood", len(inFile))
	}
	report, err := Report(t.Context(), s, ReportQuery{})
	if err != nil || len(report) != 1 || report[0].Requests != each*workers || report[0].Clients != 7+workers*each/100 {
		t.Errorf("Report = %+v, %v", report, err)
	}
}

func TestFlood_Windows_OneSumEachTenSecondsUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memoryStore(t)
		l := open(t, Options{Store: s, FloodLimit: 5})
		start := time.Now()
		send := func(n int) {
			for range n {
				put(t, l, refusal("192.0.2.1", "r", "cross-site"))
				time.Sleep(100 * time.Millisecond)
			}
		}
		send(250) // 25 s at 10 a second
		time.Sleep(15 * time.Second)
		send(3) // below the limit again
		time.Sleep(15 * time.Second)
		send(3)
		list := search(t, s, Filter{})
		if got := occurrences(list); got != 256 {
			t.Errorf("occurrences %d; want 256", got)
		}
		var counts []uint64
		for _, e := range list {
			counts = append(counts, e.Count)
			if e.Count == 0 {
				continue
			}
			if span := e.Until.Sub(e.Time); span <= 0 || span > floodWindow+2*tick {
				t.Errorf("a sum covers %v from %v", span, e.Time.Sub(start))
			}
		}
		// Five one by one, three sums, and what came after it was quiet, one by one.
		if len(counts) != 5+3+6 {
			t.Errorf("counts %v", counts)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFlood_OtherClientsAndRules_AreWrittenOneByOne(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s, FloodLimit: 3})
	for i := range 50 {
		put(t, l, refusal("192.0.2.1", "flood", "cross-site"))
		put(t, l, refusal(fmt.Sprintf("198.51.100.%d", i), fmt.Sprintf("one-%d", i), "cross-site"))
	}
	put(t, l, refusal("192.0.2.1", "rule", "no-origin"))
	for _, id := range []string{"one-0", "one-49", "rule"} {
		if found, err := Find(t.Context(), s, id); err != nil || len(found) != 1 {
			t.Errorf("Find(%s) = %v, %v", id, found, err)
		}
	}
	for i := range 10 {
		put(t, l, refusal(fmt.Sprintf("2001:db8::%d", i), fmt.Sprintf("six-%d", i), "cross-site"))
	}
	if found, _ := Find(t.Context(), s, "six-9"); len(found) != 0 {
		t.Error("addresses of one IPv6 /64 are not one flood")
	}
}

func TestFlood_MoreKeysThanHeld_AreCountedByName(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s, FloodLimit: 100})
	const total = maxFloodKeys + 5000
	for i := range total {
		if i == 10 || i > 20 {
			l.floods.absorb(stamped(refusal(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "r", "x")))
			continue
		}
		put(t, l, refusal(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "r", "x"))
	}
	if n := len(l.floods.keys); n != maxFloodKeys {
		t.Errorf("%d keys are held; want %d", n, maxFloodKeys)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sums []gatehouse.Event
	for _, e := range search(t, s, Filter{}) {
		if e.Count > 0 {
			sums = append(sums, e)
		}
	}
	if len(sums) != 1 || sums[0].Count != 5000 || sums[0].Client != "" || sums[0].Request != "" || sums[0].Name != "malicious_csrf" {
		t.Errorf("sums %+v; want one of 5000, of no one client", sums)
	}
}

// Events of many goroutines come in another order than they happened.
func TestFlood_EventsOutOfOrder_BeginNoNewWindow(t *testing.T) {
	fs := newFloods(1)
	at := time.Date(2030, 1, 7, 8, 0, 0, 0, time.UTC)
	written := 0
	for i := range 2000 {
		e := refusal(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "r", "x")
		e.Time = at.Add(-time.Duration(i%2*i) * time.Microsecond)
		if !fs.absorb(e) {
			written++
		}
		fs.due(at.Add(-time.Millisecond))
	}
	if written != maxWritten {
		t.Errorf("%d were written, want %d", written, maxWritten)
	}
	fs.due(at.Add(-time.Hour)) // the clock was set back
	if len(fs.keys) != 0 {
		t.Errorf("%d keys outlived it", len(fs.keys))
	}
}

func stamped(e gatehouse.Event) gatehouse.Event {
	e.Time = time.Now().UTC()
	return e
}

func TestFlood_StoreFull_CountsOnAndIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memoryStore(t)}
		l := open(t, Options{Store: s, FloodLimit: 2})
		for range 2 {
			put(t, l, refusal("192.0.2.1", "r", "x"))
		}
		s.fail(errDisk)
		for range 40 {
			put(t, l, refusal("192.0.2.1", "r", "x"))
			time.Sleep(time.Second)
		}
		s.fail(nil)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := occurrences(search(t, s, Filter{Name: "malicious_csrf"})); got != 42 {
			t.Errorf("occurrences %d; want 42", got)
		}
	})
}

func TestClose_StoreFull_SaysThatCountsAreLost(t *testing.T) {
	s := &faulty{Store: memoryStore(t)}
	l := open(t, Options{Store: s, FloodLimit: 2})
	for range 10 {
		put(t, l, refusal("192.0.2.1", "r", "x"))
	}
	s.fail(errDisk)
	if err := l.Close(t.Context()); err == nil {
		t.Error("Close gave no error")
	}
}

func TestFlood_FromManyAddresses_IsBoundedAndExact(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s, FloodLimit: 2})
	const total = 2*maxWritten + 3000
	for i := range total {
		put(t, l, refusal(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprint(i), "x"))
	}
	put(t, l, refusal("10.0.0.0", "again", "x")) // known, and within its own limit
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := search(t, s, Filter{})
	if len(list) != 2*maxWritten+2 || occurrences(list) != total+1 {
		t.Errorf("%d events for %d refusals, of %d", len(list), occurrences(list), total+1)
	}
}

func TestFlood_BypassesAtStart_AreEachWritten(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s, FloodLimit: 3})
	for i := range 30 {
		put(t, l, events.Bypass(fmt.Sprintf("rung %d is off", i), "a reason"))
	}
	if n := len(search(t, s, Filter{Name: "gate_bypass"})); n != 30 {
		t.Errorf("%d events; want 30", n)
	}
}
