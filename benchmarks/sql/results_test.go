package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var simple8 = load{"select", "simple", 8}

// rounds makes turns of these averages in microseconds; the CPU of a statement
// is a tenth of it.
func rounds(micros ...int) (all []turn) {
	for _, m := range micros {
		average := time.Duration(m) * time.Microsecond
		all = append(all, turn{TPS: 1 / average.Seconds(), Average: average, P99: 2 * average, Statements: 10, CPU: average})
	}
	return all
}

func reportOf(turns map[string][]turn) report {
	r := report{options: options{rounds: len(turns[ours])}, loads: []load{simple8}, turns: map[load]map[string][]turn{simple8: turns}}
	for _, p := range peers() {
		if turns[p.name] != nil {
			r.peers = append(r.peers, p)
		}
	}
	return r
}

func TestReport_ComparesWithTheSameRoundAndSaysHowFarRoundsAreApart(t *testing.T) {
	r := reportOf(map[string][]turn{direct: rounds(100, 100, 200), relay: rounds(200, 200, 400), ours: rounds(210, 240, 460)})
	want := "| select-only, simple, 8 clients | 0.87 (0.83 to 0.95) | met, in 2 rounds of 3 | 1.30 (1.10 to 1.40) | met, in 2 rounds of 3 | 4.0 µs (1.0 µs to 6.0 µs) | met |"
	if text := r.markdown(); !strings.Contains(text, want) {
		t.Errorf("says:\n%s\nwant:\n%s", text, want)
	}
}

func TestReport_MissedGoalsAreSaid(t *testing.T) {
	r := reportOf(map[string][]turn{direct: rounds(100), relay: rounds(200), ours: rounds(400)})
	want := "| 0.50 (one round) | **missed** | 3.00 (one round) | **missed** | 20.0 µs (one round) | **missed** |"
	if text := r.markdown(); !strings.Contains(text, want) {
		t.Errorf("says:\n%s\nwant:\n%s", text, want)
	}
}

func TestReport_LatencyIsNotComparedWhereTheRelayAddsNearlyNone(t *testing.T) {
	r := reportOf(map[string][]turn{direct: rounds(100), relay: rounds(101), ours: rounds(102)})
	if added := r.added(simple8, ours); len(added) != 0 {
		t.Errorf("2 µs against 1 of 100 give the ratio %v", added)
	}
}

func TestReport_MemoryBeyondIdle(t *testing.T) {
	r := report{peers: peers(), memory: map[string][]memoryUse{ours: {
		{idle: 30e6, highest: 34e6, took: time.Second}, {idle: 30e6, highest: 41e6, took: time.Second}, {idle: 30e6, highest: 31e6, took: time.Second},
	}}}
	if text := r.markdown(); !strings.Contains(text, "Measured: 11.0 MB, **missed**") {
		t.Errorf("says:\n%s", text)
	}
}

// lastWords are pgbench 15's.
const lastWords = `pgbench (15.20 (Debian 15.20-0+deb12u1))
transaction type: <builtin: select only>
scaling factor: 5
query mode: simple
number of clients: 8
number of threads: 2
maximum number of tries: 1
duration: 2 s
number of transactions actually processed: 20681
number of failed transactions: 0 (0.000%)
latency average = 0.756 ms
latency stddev = 0.500 ms
initial connection time = 25.309 ms
tps = 10345.281101 (without initial connection time)
`

func TestParse_PgbenchsLastWords(t *testing.T) {
	r, count, err := parse(lastWords)
	if err != nil || count != 20681 || r.average != 756*time.Microsecond || r.tps != 10345.281101 || r.connecting != 25309*time.Microsecond {
		t.Errorf("%+v, %v transactions, %v", r, count, err)
	}
	if _, _, err := parse(strings.Replace(lastWords, "transactions: 0", "transactions: 3", 1)); err == nil {
		t.Error("transactions that failed are no error")
	}
	if _, _, err := parse(strings.Replace(lastWords, "processed: 20681", "processed: 0", 1)); !errors.Is(err, errConnecting) {
		t.Errorf("nothing was done, and the error is %v", err)
	}
	if _, _, err := parse("pgbench: error: connection failed"); err == nil {
		t.Error("no last words are no error")
	}
}

func TestWatch_CountsFromTheEndOfTheFirstSecond(t *testing.T) {
	said := "pgbench (15.20)\nprogress: 1.0 s, 9000.5 tps, lat 0.8 ms stddev 0.4, 0 failed\nprogress: 2.0 s, 11000.0 tps, lat 0.7 ms stddev 0.4, 0 failed\n"
	first, all, err := watch(strings.NewReader(said), os.Getpid())
	if err != nil || first.transactions != 9000.5 || first.cpu <= 0 || all != said {
		t.Errorf("%+v, %q, %v", first, all, err)
	}
}

func TestPercentile_OfAllThreadsLogs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"log.1": "0 1 500 0 1 1\n0 2 100 0 1 1\n", "log.1.1": "1 1 900 0 1 1\n1 2 200 0 1 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := percentile(dir, 50); err != nil || got != 500*time.Microsecond {
		t.Errorf("the median is %v, %v", got, err)
	}
	if got, err := percentile(dir, 99); err != nil || got != 900*time.Microsecond {
		t.Errorf("p99 is %v, %v", got, err)
	}
	if _, err := percentile(t.TempDir(), 99); err == nil {
		t.Error("no latencies are no error")
	}
}

func TestOptions_ALoadThatThereIsNot_IsAnError(t *testing.T) {
	o := options{rounds: 1, duration: 2 * time.Second, scale: 1, transfer: 1 << 20, cells: "select/simple/8,select/simple/9"}
	if _, err := o.loads(); err == nil || !strings.Contains(err.Error(), "select/simple/9") {
		t.Errorf("the error is %v", err)
	}
}
