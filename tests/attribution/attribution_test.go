package attribution

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// asked is how many statements are looked at: all of the in the long run,
// one in a hundred otherwise.
func asked() int64 {
	if os.Getenv("GATEHOUSE_LONG") == "1" {
		return 200_000
	}
	return 2_000
}

// run has everybody do what they do until so many statements were looked at.
func (w *world) run(t *testing.T, statements int64, withWorker bool, adversaries int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	until := func(seed uint64, act func(r *rand.Rand)) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 7))
			for w.witness.total() < statements && ctx.Err() == nil {
				act(r)
			}
		})
	}
	seed := uint64(0)
	for cookie := range w.sessions {
		seed++
		from := fmt.Sprint("198.51.100.", seed)
		until(seed, func(r *rand.Rand) { w.visit(ctx, r, from, cookie) })
	}
	for range adversaries {
		seed++
		until(seed, func(r *rand.Rand) { w.attack(ctx, r) })
	}
	if withWorker {
		working, end := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.worker(working)
		}()
		defer func() { <-done }()
		defer end()
	}
	wg.Wait()
}

// report prints the shares, and fails where one was wrong.
func (w *world) report(t *testing.T) {
	t.Helper()
	total := float64(w.witness.total())
	share := func(h exchange.How) float64 { return 100 * float64(w.witness.by[h].Load()) / total }
	t.Logf("%.0f statements: %.1f%% exact, %.1f%% by value, %.1f%% alone (%d rightly), %.1f%% ambiguous; %d wrong", total,
		share(exchange.Exact), share(exchange.Value), share(exchange.Alone), w.witness.lucky.Load(), share(exchange.Ambiguous), w.witness.wrong.Load())
	if w.witness.wrong.Load() > 0 {
		t.Errorf("wrong, such as %q", w.witness.wrongs)
	}
}

func TestAttribution_WithAWorkerAndAnAdversary_NoneIsWrong(t *testing.T) {
	w := newWorld(t, true)
	w.run(t, asked(), true, 2)
	w.report(t)
	if w.witness.by[exchange.Exact].Load() == 0 || w.witness.by[exchange.Value].Load() == 0 {
		t.Error("nothing is known of any statement")
	}
}

// Nothing but requests uses the account, and one route is serialised.
func TestAttribution_OfRequestsAlone_NoneIsWrong(t *testing.T) {
	w := newWorld(t, false, config.Route{Path: "/cached", Serialise: true})
	w.run(t, asked()/4, false, 2)
	w.report(t)
}
