package exchange_test

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
)

func newTable(t *testing.T, max int) *exchange.Table {
	t.Helper()
	table, err := exchange.NewTable(exchange.Options{Max: max})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestBegin_DrawsIdentifiersOfTheirOwn(t *testing.T) {
	table := newTable(t, 0)
	seen := make(map[string]bool)
	for range 1000 {
		x, err := table.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{x.ID, x.Trace, x.Span} {
			if seen[id] {
				t.Fatalf("identifier %s drawn twice", id)
			}
			seen[id] = true
		}
	}
	x, _ := table.Begin()
	if !regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`).MatchString(x.Traceparent()) {
		t.Errorf("Traceparent() = %q is not of the W3C's form", x.Traceparent())
	}
}

func TestByTrace_FindsLiveExchangesAlone(t *testing.T) {
	table := newTable(t, 0)
	x, _ := table.Begin()
	if got, ok := table.ByTrace(x.Trace); !ok || got != x {
		t.Fatalf("ByTrace(live) = %v, %v", got, ok)
	}
	for _, wrong := range []string{"", "zz", x.ID, x.Trace[:31], x.Trace + "0", "zz" + x.Trace[2:]} {
		if _, ok := table.ByTrace(wrong); ok {
			t.Errorf("ByTrace(%q) found an exchange", wrong)
		}
	}
	table.End(x)
	if _, ok := table.ByTrace(x.Trace); ok {
		t.Error("ByTrace found an exchange that had ended")
	}
	table.End(x)
	if table.Len() != 0 {
		t.Errorf("Len() = %d after the end", table.Len())
	}
}

func TestBegin_FullTable_Refuses(t *testing.T) {
	table := newTable(t, 64)
	var full bool
	for range 64 * 64 {
		if _, err := table.Begin(); err != nil {
			if !errors.Is(err, exchange.ErrFull) {
				t.Fatal(err)
			}
			full = true
		}
	}
	if !full || table.Len() > 64 {
		t.Errorf("full = %v, Len() = %d; want at most 64 live", full, table.Len())
	}
}

func TestTable_ConcurrentExchanges_AllEnd(t *testing.T) {
	table := newTable(t, 0)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				x, err := table.Begin()
				if err != nil {
					t.Error(err)
					return
				}
				ctx := exchange.With(context.Background(), x)
				if got, ok := table.ByTrace(exchange.From(ctx).Trace); !ok || got != x {
					t.Error("a live exchange was not found")
				}
				table.End(x)
			}
		})
	}
	wg.Wait()
	if table.Len() != 0 {
		t.Errorf("Len() = %d, want 0", table.Len())
	}
	if exchange.From(context.Background()) != nil {
		t.Error("From(empty context) is not nil")
	}
}
