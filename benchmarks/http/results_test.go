package main

import (
	"os"
	"path/filepath"
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

func TestWriteSection_KeepsWhatStandsAround(t *testing.T) {
	file := filepath.Join(t.TempDir(), "RESULTS.md")
	for _, text := range []string{"first\n", "second\n"} {
		if err := writeSection(file, text); err != nil {
			t.Fatal(err)
		}
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(old, "by hand\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got); strings.Contains(s, "first") || strings.Count(s, "second") != 1 || strings.Count(s, "by hand") != 2 {
		t.Errorf("the file is:\n%s", s)
	}
	if err := os.WriteFile(file, []byte("no markers\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeSection(file, "third\n"); err == nil {
		t.Error("wrote into a file without the section")
	}
}

func TestCPUTimeAndMemory_OfThisProcess(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		if now, err := cpuTime(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if now > before {
			resident, err := memory(os.Getpid(), "VmRSS")
			highest, err2 := memory(os.Getpid(), "VmHWM")
			if err != nil || err2 != nil || resident < 1<<20 || highest < 1<<20 {
				t.Errorf("resident %d (%v), highest %d (%v)", resident, err, highest, err2)
			}
			return
		}
	}
	t.Error("ten seconds of work cost no CPU time")
}
