package exchange_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
)

// live is a backend with the clock of its test: how long somebody waits is exact
// there, whatever else the machine does.
func live(t *testing.T) (*exchange.Backend, func() *exchange.Exchange) {
	t.Helper()
	table := newTable(t, 0)
	b, err := exchange.NewBackend(exchange.BackendOptions{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	return b, func() *exchange.Exchange {
		return begin(t, table, httptest.NewRequest("GET", "/", nil), input.Options{})
	}
}

// entered is closed once x has entered.
func entered(b *exchange.Backend, ctx context.Context, x *exchange.Exchange, alone bool) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Enter(ctx, x, alone)
	}()
	return done
}

func isOpen(c <-chan struct{}, within time.Duration) bool {
	select {
	case <-c:
		return false
	case <-time.After(within):
		return true
	}
}

func TestEnter_Alone_WaitsForOthersAndOthersForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, request := live(t)
		first, sole, later := request(), request(), request()
		b.Enter(t.Context(), first, false)
		waiting := entered(b, t.Context(), sole, true)
		if !isOpen(waiting, 50*time.Millisecond) {
			t.Fatal("it did not wait for another")
		}
		next := entered(b, t.Context(), later, false)
		b.Leave(first, true)
		<-waiting
		if got := b.Attribute(exchange.Clue{SQL: "SELECT 1"}); got.Exchange != sole || got.How != exchange.Exact {
			t.Errorf("%v of %p, want exact of %p", got.How, got.Exchange, sole)
		}
		if !isOpen(next, 50*time.Millisecond) {
			t.Fatal("another did not wait for it")
		}
		b.Leave(sole, true)
		<-next
		b.Leave(later, true)
	})
}

func TestEnter_AloneWhereAnotherTakesLong_GoesOnAndIsNotExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, request := live(t)
		stream, sole := request(), request()
		b.Enter(t.Context(), stream, false)
		from := time.Now()
		b.Enter(t.Context(), sole, true)
		if took := time.Since(from); took < exchange.Patience/2 || took > 3*exchange.Patience {
			t.Errorf("it waited for %v", took)
		}
		if got := b.Attribute(exchange.Clue{SQL: "SELECT 1"}); got.How >= exchange.Value {
			t.Errorf("%v beside a stream", got.How)
		}
		b.Leave(sole, true)
		from = time.Now()
		b.Enter(t.Context(), sole, true)
		if took := time.Since(from); took > exchange.Patience/2 {
			t.Errorf("a stream that is there for long was waited for: %v", took)
		}
		b.Leave(sole, true)
		b.Leave(stream, true)
	})
}

func TestEnter_WaitingForOneThatIsAlone_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, request := live(t)
		sole, other := request(), request()
		b.Enter(t.Context(), sole, true)
		from := time.Now()
		b.Enter(t.Context(), other, false)
		if took := time.Since(from); took < exchange.Patience/2 || took > 3*exchange.Patience {
			t.Errorf("it waited for %v", took)
		}
		if got := b.Attribute(exchange.Clue{SQL: "SELECT 1"}); got.How >= exchange.Value {
			t.Errorf("%v with two there", got.How)
		}
		b.Leave(sole, true)
		b.Leave(other, true)
	})
}

func TestEnter_WaitingClientLeaves_EndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, request := live(t)
		sole, other := request(), request()
		b.Enter(t.Context(), sole, true)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := entered(b, ctx, other, false)
		cancel()
		if isOpen(waiting, exchange.Patience/2) {
			t.Error("it waits on")
		}
		<-waiting
		b.Leave(sole, true)
		b.Leave(other, false)
	})
}

func TestEnter_ManyThatWantToBeAlone_GoOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, request := live(t)
		var wg sync.WaitGroup
		for i := range 24 {
			x := request()
			wg.Go(func() {
				b.Enter(t.Context(), x, i%2 == 0)
				if i%2 == 0 {
					if got := b.Attribute(exchange.Clue{SQL: "SELECT 1"}); got.Exchange != x || got.How != exchange.Exact {
						t.Errorf("%v of another", got.How)
					}
				}
				b.Leave(x, true)
			})
		}
		wg.Wait()
	})
}
