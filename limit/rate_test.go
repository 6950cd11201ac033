package limit_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatehousehq/gatehouse/limit"
)

func TestParseRate_ReadsWhatPeopleWrite(t *testing.T) {
	for text, want := range map[string]limit.Rate{
		"600/min":          {Count: 600, Per: time.Minute},
		" 5/min  burst 10": {Count: 5, Per: time.Minute, Burst: 10},
		"100/15min":        {Count: 100, Per: 15 * time.Minute},
		"10/s":             {Count: 10, Per: time.Second},
		"1000/h burst 50":  {Count: 1000, Per: time.Hour, Burst: 50},
		"3/d":              {Count: 3, Per: 24 * time.Hour},
		"2/90s":            {Count: 2, Per: 90 * time.Second},
		"10000/s":          {Count: 10000, Per: time.Second},
		"1/366d":           {Count: 1, Per: 366 * 24 * time.Hour},
	} {
		if got, err := limit.ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "5", "5/", "/min", "5/min/min", "0/min", "-5/min", "+5/min", "5.5/min", "5/-1min", "5/0min", "5/month", "5/m", "5/Min", "5/ min", "5 /min",
		"5/min burst", "5/min burst 0", "5/min burst -1", "5/min burst 5 5", "5/min 5", "5/min burst +5", "1/367d", "10001/s", "99999999999999999999/s",
		"1/99999999999999999999d", "1/2147483647d", "1/366d burst 2", "1/min burst 999999999", "５/min",
	} {
		if r, err := limit.ParseRate(text); err == nil {
			t.Errorf("%q was read as %+v", text, r)
		}
	}
}

func TestRate_Text_IsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := limit.Rate{
			Count: rapid.IntRange(1, 10000).Draw(t, "count"),
			Per:   time.Duration(rapid.IntRange(1, 31_622_400).Draw(t, "seconds")) * time.Second,
			Burst: rapid.IntRange(0, 100).Draw(t, "burst"),
		}
		if r.Check() != nil {
			t.Skip("too long a burst")
		}
		text, err := json.Marshal(map[string]limit.Rate{"rate": r})
		if err != nil {
			t.Fatal(err)
		}
		var again map[string]limit.Rate
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		got := again["rate"]
		if got.Count != r.Count || got.Per != r.Per || got.Size() != r.Size() {
			t.Fatalf("%s became %+v", text, got)
		}
	})
	if text := (limit.Rate{}).String(); text != "" {
		t.Errorf("the zero value is written as %q", text)
	}
	kept := limit.Rate{Count: 1, Per: time.Second}
	if err := kept.UnmarshalText([]byte("5/fortnight")); err == nil || kept.Count != 1 {
		t.Errorf("%v, %+v", err, kept)
	}
}

// A rate never allows more than it says; rounding costs at most one percent.
func TestRate_Interval_NeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := limit.Rate{
			Count: rapid.IntRange(1, 1_000_000).Draw(t, "count"),
			Per:   time.Duration(rapid.IntRange(1, 10_000).Draw(t, "seconds")) * time.Second,
			Burst: 1,
		}
		if r.Check() != nil {
			t.Skip("faster than a rate may be")
		}
		if whole := r.Interval() * time.Duration(r.Count); whole < r.Per || float64(whole) > 1.01*float64(r.Per) {
			t.Fatalf("%s: %d units take %v", r, r.Count, whole)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	f.Add("5/15min burst 10")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := limit.ParseRate(text)
		if err != nil {
			return
		}
		if err := r.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if again, err := limit.ParseRate(r.String()); err != nil || again.Size() != r.Size() || again.Interval() != r.Interval() {
			t.Fatalf("%q became %q, %v", text, r, err)
		}
	})
}
