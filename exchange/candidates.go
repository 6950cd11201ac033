package exchange

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// MaxRows and MaxRowBytes are how many values of rows an exchange keeps,
	// and how many bytes of them.
	MaxRows     = 256
	MaxRowBytes = 64 << 10

	// minInput and MinRow are the shortest values that can matter, in bytes: a
	// column's name, such as "id" in the place of a number; and what a row holds
	// is long before it is code.
	minInput = 2
	MinRow   = 6
)

// candidates are what may have become structure of the exchange's statements.
// They only grow: slices that were handed out share what is never written again.
type candidates struct {
	mu   sync.Mutex
	all  []taint.Candidate
	seen map[string]struct{}
	// from is whose head was read, and body how many inputs of its body were.
	from *input.Inputs
	body int

	rows, rowBytes int
	cut            atomic.Bool
}

// Candidates are the inputs of x.Inputs and the values given to NoteRow, as
// candidates of the guard: each value once, at the first place where it stood;
// without values under 2 bytes, and those of 2 that are no name, and without header fields that the client's
// HTTP implementation makes ([input.Structural], Accept) where their value has
// the ordinary form. The slice is never changed afterwards; another call gives
// a longer one where more of a streamed body came, or more rows. Safe for
// concurrent use; no allocation where nothing was added.
func (x *Exchange) Candidates() []taint.Candidate {
	c := &x.suspected
	c.mu.Lock()
	defer c.mu.Unlock()
	x.collect()
	return c.all[:len(c.all):len(c.all)]
}

// collect adds what was not there before. The caller holds mu.
func (x *Exchange) collect() {
	c, in := &x.suspected, x.Inputs
	if in == nil || in == c.from && !in.Streamed() {
		return
	}
	if c.from != in {
		c.from, c.body = in, 0
		path, query, cookies, headers := in.Path(), in.Query(), in.Cookies(), in.Headers()
		c.grow(len(path) + len(query) + len(cookies) + len(headers) + len(in.Body()))
		for _, group := range [...][]input.Input{path, query, cookies} {
			for _, i := range group {
				c.add(i.Value, i.Place, x.ID)
			}
		}
		for _, i := range headers {
			if !ordinaryHeader(i) {
				c.add(i.Value, i.Place, x.ID)
			}
		}
	}
	body := in.Body()
	for _, i := range body[c.body:] {
		c.add(i.Value, i.Place, x.ID)
	}
	c.body = len(body)
}

// grow makes room for n more, at most as many as an ordinary request has.
func (c *candidates) grow(n int) {
	n = min(n, 256)
	if c.seen == nil {
		c.seen = make(map[string]struct{}, n)
		c.all = make([]taint.Candidate, 0, n)
	}
}

// add reports whether value is new and long enough to be kept.
func (c *candidates) add(value string, place gatehouse.Place, exchange string) {
	if len(value) < minInput || len(value) == minInput && !(isLetter(value[0]) && isLetter(value[1])) {
		return
	}
	if _, twice := c.seen[value]; twice {
		return
	}
	c.seen[value] = struct{}{}
	c.all = append(c.all, taint.Candidate{Value: value, Place: place, Exchange: exchange})
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// NoteRow notes a value that the exchange read from a column of the database:
// whoever stored it may have chosen it, so it is an input again. Values under 6
// bytes and values that are candidates already are not kept. At most [MaxRows]
// values of [MaxRowBytes] together are; of a value that goes beyond, the
// beginning is, and RowsCut tells. Safe for concurrent use.
func (x *Exchange) NoteRow(column, value string) { noteRow(x, column, value) }

func noteRow[T string | []byte](x *Exchange, column string, text T) {
	c := &x.suspected
	if len(text) < MinRow || c.cut.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x.collect() // first, so that a value that is an input too keeps its place
	if _, twice := c.seen[string(text)]; twice {
		return
	}
	value := string(text[:min(len(text), MaxRowBytes+1)])
	room := MaxRowBytes - c.rowBytes
	if c.rows == MaxRows || len(value) > room {
		c.cut.Store(true)
		value = beginning(value, room)
	}
	if c.rows == MaxRows || len(value) < MinRow {
		return
	}
	c.rows++
	c.rowBytes += len(value)
	c.grow(0)
	c.add(value, gatehouse.Place{Kind: gatehouse.Row, Name: strings.Clone(column)}, x.ID)
}

// beginning is the first n bytes of s or, where that would cut a character,
// some fewer.
func beginning(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// RowsCut reports whether the exchange read more from the database than it
// keeps: NoteRow does nothing from then on.
func (x *Exchange) RowsCut() bool { return x.suspected.cut.Load() }
