package exchange_test

import (
	"testing"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// run attributes a run of a statement whose text said something when it was
// prepared.
func (b *bench) run(said exchange.Attribution, values ...string) exchange.Attribution {
	return b.Attribute(exchange.Clue{Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, Said: said, Values: values, Background: true})
}

func TestAttribution_PreparedWithATrace_IsExactWhileItsExchangeLives(t *testing.T) {
	b := newBench(t)
	x := b.get("/")
	b.get("/")
	said := b.attribute("SELECT name FROM items WHERE id = $1 /*traceparent='" + x.Traceparent() + "'*/")
	b.want("the text", said, x, exchange.Exact)
	said = said.Lasting()
	for range 2 {
		b.want("a run", b.run(said, mail), x, exchange.Exact)
	}
	b.leave(x)
	b.want("a run for another request", b.run(said, mail), nil, exchange.Ambiguous)
	b.want("a run for the only one", b.Attribute(exchange.Clue{Said: said}), nil, exchange.Ambiguous)
}

func TestAttribution_PreparedWithoutATrace_LastsForOneRun(t *testing.T) {
	b := newBench(t)
	x := b.get("/")
	said := b.foreground("SELECT name FROM items WHERE id = $1")
	b.want("the text", said, x, exchange.Exact)
	b.get("/") // another comes before it is run
	b.want("the run that it was sent for", b.run(said), x, exchange.Exact)
	b.want("a later one", b.run(said.Lasting()), nil, exchange.Ambiguous)
	b.leave(x)
	b.want("a run after its end", b.run(said), nil, exchange.Ambiguous)
}
