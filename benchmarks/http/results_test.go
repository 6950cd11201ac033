package main

import (
	"strings"
	"testing"
	"time"
)

func TestRatio_MedianOfTheRoundsAgainstTheSameRound(t *testing.T) {
	turns := func(micros ...int) (all []turn) {
		for _, m := range micros {
			all = append(all, turn{Requests: 1, Seconds: 1, CPU: time.Duration(m) * time.Microsecond})
		}
		return all
	}
	r := report{turns: map[string][]turn{plain: turns(100, 200, 100), ours: turns(120, 260, 190)}}
	if got, ok := r.ratio(ours, plain, turn.cost); !ok || got != 1.3 {
		t.Errorf("ratio = %v, %v, want 1.3", got, ok)
	}
	if _, ok := r.ratio(ours, "absent", turn.cost); ok {
		t.Error("a ratio to a proxy that was not measured")
	}
}

func TestReport_MissedAskIsSaid(t *testing.T) {
	one := func(micros int) []turn {
		return []turn{{Requests: 1, Seconds: 1, CPU: time.Duration(micros) * time.Microsecond}}
	}
	r := report{peers: []string{plain, ours}, turns: map[string][]turn{plain: one(100), ours: one(156)}}
	if text := r.markdown(); !strings.Contains(text, "Measured: 1.56 (1.56 to 1.56 by round), **missed**") {
		t.Errorf("says:\n%s", text)
	}
}
