package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/benchmarks/measure"
)

// A turn is one proxy's under load.
type turn struct {
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
	P50      int64   `json:"p50_us"`
	P99      int64   `json:"p99_us"`
	Non2xx   int64   `json:"non2xx"`
	Broken   int64   `json:"broken"`
	CPU      time.Duration
}

// cost is the CPU time of one request, in microseconds.
func (t turn) cost() float64 { return t.CPU.Seconds() * 1e6 / float64(t.Requests) }

func (t turn) rate() float64 { return float64(t.Requests) / t.Seconds }

// measureLoad gives each proxy its turn in each round. All run all the time,
// and those whose turn it is not are idle.
func (b *bench) measureLoad(ctx context.Context, peers []peer, o options) (map[string][]turn, error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil, errors.New("there is no wrk: scripts/setup.sh installs it")
	}
	started := map[string]*measure.Process{}
	for _, p := range peers {
		r, err := b.start(ctx, p)
		if err != nil {
			return nil, err
		}
		defer r.Stop()
		started[p.name] = r
		if _, err := b.turn(ctx, p.name, r, o, o.warmup); err != nil {
			return nil, err
		}
	}
	turns := map[string][]turn{}
	for round := range o.rounds {
		for _, p := range peers {
			t, err := b.turn(ctx, p.name, started[p.name], o, o.duration)
			if err != nil {
				return nil, err
			}
			fmt.Printf("round %d: %-31s %6.1f µs of CPU a request, %6.0f requests a second\n", round+1, p.name, t.cost(), t.rate())
			turns[p.name] = append(turns[p.name], t)
		}
	}
	return turns, nil
}

func (b *bench) turn(ctx context.Context, name string, r *measure.Process, o options, length time.Duration) (turn, error) {
	reached, err := b.count()
	if err != nil {
		return turn{}, err
	}
	before, err := measure.CPUTime(r.PID())
	if err != nil {
		return turn{}, err
	}
	wrk := exec.CommandContext(ctx, "wrk", "-t", "2", "-c", strconv.Itoa(o.connections),
		"-d", strconv.Itoa(max(1, int(length.Seconds())))+"s", "-s", o.script, "https://"+r.Addr, "--", o.mix)
	out, err := wrk.CombinedOutput()
	if err != nil {
		return turn{}, fmt.Errorf("wrk against %s: %w: %s", name, err, measure.Tail(string(out), 5))
	}
	after, err := measure.CPUTime(r.PID())
	if err != nil {
		return turn{}, fmt.Errorf("%s did not survive its turn: %w", name, err)
	}
	t := turn{CPU: after - before}
	_, result, ok := strings.Cut(string(out), "RESULT ")
	if !ok {
		return t, fmt.Errorf("wrk against %s gave no result: %s", name, measure.Tail(string(out), 5))
	}
	if err := json.NewDecoder(strings.NewReader(result)).Decode(&t); err != nil {
		return t, fmt.Errorf("wrk against %s: %w in %s", name, err, result)
	}
	if t.Requests == 0 || t.Non2xx > 0 || t.Broken > 0 {
		return t, fmt.Errorf("%s answered %d requests of %d with something else than success, and %d connections broke: the mix must pass everywhere", name, t.Non2xx, t.Requests, t.Broken)
	}
	answered, err := b.count()
	if err == nil && answered-reached < t.Requests {
		err = fmt.Errorf("%s answered %d requests, and only %d reached the backend", name, t.Requests, answered-reached)
	}
	return t, err
}

// count asks the backend, past the proxies, how many requests reached it.
func (b *bench) count() (int64, error) {
	answer, err := http.Get("http://" + b.backend.Addr + "/count")
	if err != nil {
		return 0, fmt.Errorf("asking the backend for its count: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("asking the backend for its count: %w", err)
	}
	return strconv.ParseInt(string(text), 10, 64)
}
