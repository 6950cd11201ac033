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
	// Value: a value that no two requests share by chance stands in the
	// statement, and in exactly one request.
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
	// Background is set where other work than requests' uses the account: jobs,
	// queue workers, what a request leaves to be done after its answer. Then a
	// single request in flight proves nothing.
	Background bool
}

// Attribute says which exchange caused a statement.
//
// A trace identifier decides alone: it was drawn at random for one exchange,
// and told to the backend only. Identifiers that contradict each other, and one
// of no live exchange beside none that is live, leave it to the values. Values
// count where each that any exchange holds is held by the same one, and by
// nobody else since [Remembered]; what was read from the database by unknown
// exchanges is held by somebody else.
func (b *Backend) Attribute(c Clue) Attribution {
	if !b.Active() {
		return Attribution{}
	}
	if x, ok := b.traced(c); ok {
		return Attribution{x, Exact}
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	only := b.only()
	if only != nil && !c.Background { // nor does an answered request go on sending

		return Attribution{only, Exact}
	}
	if x := b.holderOf(c); x != nil {
		return Attribution{x, Value}
	}
	if only != nil && !b.recent() {
		return Attribution{only, Alone}
	}
	return Attribution{}
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
// holds: the one of all that it holds.
func (b *Backend) traced(c Clue) (*Exchange, bool) {
	var found *Exchange
	agree := true
	taint.Traceparents(c.Lexer, c.SQL, func(trace string) {
		x, ok := b.table.ByTrace(trace)
		switch {
		case !ok:
		case found == nil:
			found = x
		case found != x:
			agree = false
		}
	})
	return found, found != nil && agree
}

// holderOf finds the one exchange that holds the statement's specific values.
// The caller holds mu.
func (b *Backend) holderOf(c Clue) *Exchange {
	var found *Exchange
	agree := true
	look := func(v string) {
		if !specific(v) {
			return
		}
		h, ok := b.values[b.hash(v)]
		if !ok {
			return
		}
		x := h.only()
		if x == nil || found != nil && found != x {
			agree = false
			return
		}
		found = x
	}
	for _, v := range c.Values {
		look(v)
	}
	taint.Literals(c.SQL, minSpecific, look)
	if !agree || found == nil {
		return nil
	}
	if _, live := b.live[found]; !live {
		return nil
	}
	return found
}

// minSpecific and maxSpecific bound the length of values that say whose a
// statement is, in bytes.
const (
	minSpecific = 8
	maxSpecific = 512
	// specificBits is what a value of one alphabet must have for no two requests
	// to share it by chance.
	specificBits = 64
)

// specific reports whether a value is one that requests do not share by chance:
// a UUID, an e-mail address, or letters and digits of 64 bits and more that no
// dictionary has.
func specific(v string) bool {
	if len(v) < minSpecific || len(v) > maxSpecific {
		return false
	}
	var digits, hex, letters, ats, dots, other int
	for i := range len(v) {
		switch c := v[i]; {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
			hex++
		case 'g' <= c && c <= 'z' || 'G' <= c && c <= 'Z':
			letters++
		case c == '@':
			ats++
		case c == '.':
			dots++
		case c == '-' || c == '_' || c == '+' || c == '=' || c == '~':
		case c == ' ' || c < ' ' || c == '\'' || c == '"' || c == ';':
			return false
		default:
			other++
		}
	}
	switch {
	case ats == 1 && dots > 0:
		return true
	case ats > 0 || other > 0 && letters+hex+digits < len(v)/2:
		return false
	case letters == 0 && hex == 0:
		return float64(digits)*3.3 >= specificBits
	case letters == 0:
		return digits > 0 && (digits+hex)*4 >= specificBits
	}
	// Words have few digits: a token of 62 letters has one in six.
	return digits*12 >= letters+hex && (digits+hex+letters)*5 >= specificBits && digits > 1
}
