package exchange

import "github.com/gatehousehq/gatehouse/taint"

// How says how well it is known which exchange caused a statement.
type How uint8

const (
	// Ambiguous: it is not known. The zero value.
	Ambiguous How = iota
	// Alone: one request was in flight, at an account that other work than
	// requests' may use. It is likely, and no proof.
	Alone
	// Value: a secret of one client stands in the statement (its session's
	// cookie, its credential), and in exactly one request.
	Value
	// Exact: the statement carries the trace identifier that the gate drew for
	// the exchange; or one request was in flight, and nothing else uses the
	// account.
	Exact
)

// String is the word that `layers` and events use.
func (h How) String() string {
	return [...]string{"ambiguous", "alone", "value", "exact"}[min(h, Exact)]
}

// An Attribution is the exchange that caused a statement, as far as known.
// The zero value is unknown.
type Attribution struct {
	// Exchange is nil where How is Ambiguous.
	Exchange *Exchange
	How      How
	// background is Clue.Background.
	background bool
	// trace is the identifier that says so, where one does.
	trace string
}

// Lasting is what still holds when the statement is run again, with other
// values: that it has a trace identifier. It keeps no exchange in memory.
func (a Attribution) Lasting() Attribution { return Attribution{trace: a.trace} }

// Proven is the exchange where it is known well enough to answer for the
// statement (exact or by value), and nil otherwise.
func (a Attribution) Proven() *Exchange {
	if a.How < Value {
		return nil
	}
	return a.Exchange
}

// A Clue is what a statement says of the exchange that caused it.
type Clue struct {
	// Lexer reads SQL.
	Lexer taint.Lexer
	// SQL is the statement; its comments may hold a traceparent, its literals
	// values of requests. Empty where only Values are to be looked at.
	SQL string
	// Values are the values bound to it.
	Values []string
	// Said is what the statement's text said when it was sent to be prepared,
	// where it is run now: Lasting, unless this is the run it was sent for. It
	// holds for as long as the exchange is live.
	Said Attribution
	// Background is set where other work than requests' uses the account: jobs,
	// queue workers, what a request leaves to be done after its answer. Then a
	// single request in flight proves nothing.
	Background bool
}

// Attribute says which exchange caused a statement.
//
// A trace identifier decides alone: it was drawn at random for one exchange,
// and told to the backend only. Identifiers that contradict each other, and
// those that are no live exchange's, leave it to the values: then a single
// request in flight proves nothing, since the statement says that it is of
// another one.
//
// Of values only secrets decide, long random ones in a cookie or a credential:
// what stands in a query, a path or a body anybody can send who has seen it, and
// applications take the same from elsewhere (a signed token, a session in
// memory, a queue), so that an adversary who copies it would be told to have
// caused what others do. A secret decides where one exchange alone has it, several
// clients were seen to have theirs so in the same statement, and it was not seen
// elsewhere: in rows that were read for nobody knows whom, or, where
// other work uses the account, in a statement while nobody had it.
func (b *Backend) Attribute(c Clue) Attribution {
	if !b.Active() {
		return Attribution{background: c.Background}
	}
	x, traced := b.traced(c)
	if x != nil {
		return Attribution{Exchange: x, How: Exact, background: c.Background, trace: x.Trace}
	}
	said := c.Said
	if said.trace != "" {
		if x, ok := b.table.ByTrace(said.trace); ok {
			return Attribution{Exchange: x, How: Exact, background: c.Background, trace: x.Trace}
		}
		traced = true
	}
	if by := b.byValues(c, traced); by.Proven() != nil || said.Proven() == nil || !b.table.isLive(said.Exchange) {
		return by
	}
	return said
}

// byValues is Attribute where no trace identifier decides. traced is set where
// the statement has one all the same.
func (b *Backend) byValues(c Clue, traced bool) Attribution {
	b.mu.RLock()
	defer b.mu.RUnlock()
	only := b.only()
	if only != nil && !c.Background && !traced && !b.unfinished() {
		return Attribution{Exchange: only, How: Exact} // nor does an answered request go on sending
	}
	if x := b.holderOf(c); x != nil {
		return Attribution{Exchange: x, How: Value, background: c.Background}
	}
	if only != nil && !traced && !b.unfinished() && !b.recent() {
		return Attribution{Exchange: only, How: Alone, background: c.Background}
	}
	return Attribution{background: c.Background}
}

// only is the one exchange that is live. The caller holds mu.
func (b *Backend) only() *Exchange {
	if len(b.live) != 1 {
		return nil
	}
	for x := range b.live {
		return x
	}
	return nil
}

// traced finds the exchange whose trace identifier a comment of the statement
// holds: the one of all that it holds. any reports whether it holds one at all.
func (b *Backend) traced(c Clue) (found *Exchange, any bool) {
	agree := true
	taint.Traceparents(c.Lexer, c.SQL, func(trace string) {
		any = true
		x, ok := b.table.ByTrace(trace)
		switch {
		case !ok:
		case found == nil:
			found = x
		case found != x:
			agree = false
		}
	})
	if !agree {
		return nil, true
	}
	return found, any
}

// holderOf finds the one exchange that the statement's secrets are of. It notes
// values that nobody has. The caller holds mu for reading.
func (b *Backend) holderOf(c Clue) *Exchange {
	w := weighed{backend: b, left: maxPieces, background: c.Background}
	for _, v := range c.Values {
		w.value("", v) // what it is for is not known
	}
	taint.Literals(c.SQL, minSpecific, w.value)
	if w.conflict || w.left < 0 || w.found == nil {
		return nil
	}
	if _, live := b.live[w.found]; !live {
		return nil
	}
	for x := range b.partial { // what the same client sends may have it too
		if x != w.found && x.Client == w.found.Client {
			return nil
		}
	}
	if w.before == "" || !b.pairings.established(w.secret^b.contextOf(w.before), w.found.Client) {
		return nil
	}
	return w.found
}

// maxPieces bounds the specific values of one statement. One with more says
// nothing: what was not looked at could contradict.
const maxPieces = 256

// weighed is what the values of one statement say together.
type weighed struct {
	backend    *Backend
	left       int
	background bool
	found      *Exchange
	secret     uint64 // by which
	before     string // what stands before it
	conflict   bool
}

func (w *weighed) value(before, v string) {
	if len(v) > maxLooked {
		w.left = -1
		return
	}
	b := w.backend
	pieces(b, v, func(hash uint64) bool {
		if w.left--; w.left < 0 {
			return false
		}
		switch all := b.values[hash]; {
		case len(all) == 0:
			if w.background {
				b.elsewhere.mark(hash)
			}
		case len(all) == 1 && all[0].secret != 0 && !b.elsewhere.marked(hash):
			w.conflict = w.conflict || w.found != nil && w.found != all[0].x
			w.found, w.secret, w.before = all[0].x, all[0].secret, before
		}
		return true
	})
}
