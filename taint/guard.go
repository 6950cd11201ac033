package taint

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Defaults of Options.
const (
	DefaultMaxTemplates  = 16384
	DefaultMaxQuarantine = 1024
	DefaultOrigins       = 3
)

// Options configure a Guard.
type Options struct {
	// Key keys the fingerprints, so that nobody outside can make two shapes
	// collide. It must be random, and stay the same for as long as fingerprints
	// are compared with written ones.
	Key [32]byte
	// MaxTemplates is how many templates an account may have; a shape beyond
	// them is not learned. Zero means DefaultMaxTemplates.
	MaxTemplates int
	// MaxQuarantine is how many shapes an account may have in quarantine; the
	// one seen longest ago leaves. Zero means DefaultMaxQuarantine.
	MaxQuarantine int
	// Origins is how many different origins must have produced a shape before
	// it is learned, where inputs were in flight. Zero means DefaultOrigins.
	Origins int
	// Templates are those that Guard.Templates gave before.
	Templates []Template
}

// A Guard judges statements. Its methods may be called concurrently.
type Guard struct {
	o        Options
	accounts sync.Map // of string to *account
	count    atomic.Int64
	scratch  sync.Pool
	// decodings are what inputs are tried by.
	decodings []decoding
}

// New checks the options.
func New(o Options) (*Guard, error) {
	if o.Key == [32]byte{} {
		return nil, errors.New("taint: Options.Key is zero: draw 32 random bytes and keep them")
	}
	for _, n := range []struct {
		name  string
		value *int
		whole int
	}{
		{"MaxTemplates", &o.MaxTemplates, DefaultMaxTemplates},
		{"MaxQuarantine", &o.MaxQuarantine, DefaultMaxQuarantine},
		{"Origins", &o.Origins, DefaultOrigins},
	} {
		if *n.value < 0 {
			return nil, errors.New("taint: Options." + n.name + " is negative")
		}
		if *n.value == 0 {
			*n.value = n.whole
		}
	}
	g := &Guard{o: o, decodings: decodings()}
	g.scratch.New = func() any { return new(scratch) }
	for _, t := range o.Templates {
		g.restore(t)
	}
	g.o.Templates = nil
	return g, nil
}

// Judge decides whether a statement may reach the database, given the inputs in
// flight. It decides by the same rule in every mode: what becomes of a denial is
// the caller's.
func (g *Guard) Judge(st Statement, candidates []Candidate) Decision {
	s := g.scratch.Get().(*scratch)
	d := g.judge(s, st, candidates)
	s.release()
	g.scratch.Put(s)
	return d
}

// Known judges a statement without inputs where its shape is known, and counts
// it then; false where it is not. It is for statements of nobody knows whom:
// inputs refuse none of those that have a known shape, see [Statement.Exchange].
func (g *Guard) Known(st Statement) (Decision, bool) {
	s := g.scratch.Get().(*scratch)
	defer func() {
		s.release()
		g.scratch.Put(s)
	}()
	a := g.account(st.Account)
	d, t := g.shape(s, a, st)
	if t == nil {
		return Decision{}, false
	}
	a.judged.Add(1)
	a.known.Add(1)
	return d, true
}
