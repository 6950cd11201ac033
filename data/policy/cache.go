package policy

import (
	"strings"
	"sync"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

const (
	// cacheBytes bounds what half of a cache keeps, about: an account has two.
	cacheBytes = 2 << 20
	// longestCached is the longest text that is kept.
	longestCached = 16 << 10
	// overhead is what an entry is taken for beside its text and its names.
	overhead = 768
)

// weight is about what keeping a judgement costs.
func (j *Judgement) weight(text string) int {
	w := len(text) + overhead
	for i := range j.Outline.Statements {
		st := &j.Outline.Statements[i]
		w += 256 + 64*len(st.Functions)
		for _, t := range st.Tables {
			w += 128 + 32*(len(t.Inserted)+len(t.Updated))
		}
	}
	return w
}

// A cache keeps judgements by text. It compares texts whole: nobody can make a
// statement pass for another. Of the two halves the older is thrown away when
// the younger is full.
type cache struct {
	mu         sync.RWMutex
	young, old map[string]*Judgement
	bytes      int
}

func (c *cache) get(text string) *Judgement {
	c.mu.RLock()
	j := c.young[text]
	old := false
	if j == nil {
		j = c.old[text]
		old = j != nil
	}
	c.mu.RUnlock()
	if old {
		c.put(text, j)
	}
	return j
}

// getBytes is get for a text in a buffer.
func (c *cache) getBytes(text []byte) *Judgement {
	c.mu.RLock()
	j := c.young[string(text)]
	if j == nil {
		if j = c.old[string(text)]; j != nil {
			c.mu.RUnlock()
			c.put(string(text), j)
			return j
		}
	}
	c.mu.RUnlock()
	return j
}

func (c *cache) put(text string, j *Judgement) {
	w := j.weight(text)
	if len(text) > longestCached || w > cacheBytes/16 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += w; c.bytes > cacheBytes || c.young == nil {
		c.young, c.old, c.bytes = make(map[string]*Judgement), c.young, w
	}
	c.young[strings.Clone(text)] = j // of a text that is the caller's
}

// An account is one as it is judged: per dialect, since SQLite's main schema
// has another name.
type account struct {
	Account
	dialect   taint.Dialect
	grants    *granted // nil: whatever the database allows
	functions map[string]bool
	schemas   map[string]bool // of the grants
	texts     cache           // by the text as it came
	skeletons cache           // by the text without literals and comments
}

// scratch is what judging one statement needs.
type scratch struct {
	tokens   []taint.Token
	skeleton []byte
}

// Judge says what the rung makes of a statement. What it gives may be kept, and
// not changed.
func (p *Policy) Judge(st taint.Statement) *Judgement {
	a := p.account(st.Account, st.Lexer.Dialect)
	if !st.Lexer.Backslash {
		if j := a.texts.get(st.SQL); j != nil && (!j.Again || st.Params == nil) {
			return j
		}
	}
	s := p.scratch.Get().(*scratch)
	j := a.read(s, st)
	s.release()
	p.scratch.Put(s)
	return j
}

// release lets go of what a large statement left.
func (s *scratch) release() {
	if cap(s.tokens) > 1<<12 {
		s.tokens = nil
	}
	if cap(s.skeleton) > 4*longestCached {
		s.skeleton = nil
	}
}

// read judges a statement whose text is not known.
func (a *account) read(s *scratch, st taint.Statement) *Judgement {
	var complete bool
	s.tokens, complete = outline.Lex(st.Lexer, st.SQL, s.tokens[:0])
	literals, broken := s.skeletonOf(st.SQL)
	whole := complete && !broken
	if whole && len(s.skeleton) <= longestCached {
		if j := a.skeletons.getBytes(s.skeleton); j != nil && (!j.Again || st.Params == nil) {
			return j
		}
	}
	o := outline.OfTokens(st.Lexer, st.SQL, s.tokens, complete)
	j := a.judge(o, st.Params)
	switch {
	case !whole || o.Bound && st.Params != nil:
	case !o.Literal:
		a.skeletons.put(string(s.skeleton), j)
		fallthrough
	default:
		if (o.Literal || !literals) && !st.Lexer.Backslash {
			a.texts.put(st.SQL, j)
		}
	}
	return j
}

// skeletonOf writes the text without what literals say and without comments.
// Literals become a byte that stands in no statement outside a literal (NUL
// ends what the server reads), and lists of them become one. It reports whether
// there are literals, and whether there is what the server's lexer refuses.
func (s *scratch) skeletonOf(sql string) (literals, broken bool) {
	s.skeleton = s.skeleton[:0]
	from := 0
	last := byte(0) // the literal that the skeleton ends in, and its list
	for _, t := range s.tokens {
		mark := byte(0)
		switch t.Class {
		case taint.String:
			mark = 's'
		case taint.Number:
			mark = 'n'
		case taint.Line, taint.Block:
		case taint.Open, taint.Stray:
			return literals, true
		default:
			continue
		}
		between := sql[from:t.Start]
		from = int(t.End)
		if mark != 0 {
			literals = true
			if last == mark && (between == "," || between == ", ") {
				continue
			}
		}
		s.skeleton = append(s.skeleton, between...)
		if last = mark; mark != 0 {
			s.skeleton = append(s.skeleton, 0, mark)
		} else {
			s.skeleton = append(s.skeleton, ' ')
		}
	}
	s.skeleton = append(s.skeleton, sql[from:]...)
	return literals, false
}
