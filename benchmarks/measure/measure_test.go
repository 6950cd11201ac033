package measure_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

func TestSection_KeepsWhatStandsAround(t *testing.T) {
	file := filepath.Join(t.TempDir(), "RESULTS.md")
	section := measure.Section{Name: "thing", Title: "What a thing costs"}
	for _, text := range []string{"first\n", "second\n"} {
		if err := section.Write(file, text); err != nil {
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
	s := string(got)
	if strings.Contains(s, "first") || strings.Count(s, "second") != 1 || strings.Count(s, "by hand") != 2 || strings.Count(s, section.Title) != 1 {
		t.Errorf("the file is:\n%s", s)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(s, "thing: end", "cut off")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := section.Write(file, "third\n"); err == nil {
		t.Error("wrote into a file whose section has no end")
	}
}

func TestCPUTimeAndMemory_OfThisProcess(t *testing.T) {
	before, err := measure.CPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		if now, err := measure.CPUTime(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if now > before {
			resident, err := measure.Memory(os.Getpid(), "VmRSS")
			highest, err2 := measure.Memory(os.Getpid(), "VmHWM")
			if err != nil || err2 != nil || resident < 1<<20 || highest < 1<<20 {
				t.Errorf("resident %d (%v), highest %d (%v)", resident, err, highest, err2)
			}
			return
		}
	}
	t.Error("ten seconds of work cost no CPU time")
}

func TestMedian_OfEvenAndOdd(t *testing.T) {
	if got := measure.Median([]float64{9, 1, 2}); got != 2 {
		t.Errorf("median of three is %v", got)
	}
	if got := measure.Median([]float64{4, 1, 2, 9}); got != 3 {
		t.Errorf("median of four is %v", got)
	}
}
