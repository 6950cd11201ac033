package taint

import (
	"strings"
	"time"
)

// Learn notes that an origin made an application send a statement which passed.
// It judges the statement against the origin's own inputs again, and learns
// nothing that an input explains: a shape becomes a template once several
// origins produced it, or the application itself without inputs. It reports
// whether the shape is a new template.
func (g *Guard) Learn(st Statement, o Origin, now time.Time) bool {
	s := g.scratch.Get().(*scratch)
	defer func() {
		s.release()
		g.scratch.Put(s)
	}()
	a := g.account(st.Account)
	st.Strict = false
	own := st
	own.Exchange = ""
	d := g.settle(s, a, own, nil)
	if d.Known || d.Capped {
		return false
	}
	shape := string(s.shaper.out)
	held := a.suspicion(shape)
	if d = g.judgeOwn(s, a, st, o.Candidates); d.Rule != "" || d.Capped {
		return false
	}
	innocent := o.ID == "" && !anyCode(o.Candidates)
	a.mu.Lock()
	q := a.suspected(d.Fingerprint, st.Account, shape, g.o.MaxQuarantine, now)
	q.dialect = st.Lexer.Dialect
	q.Last, q.Seen = now, q.Seen+1
	if _, again := q.origins[o.ID]; !again && len(q.origins) < maxOrigins {
		q.origins[strings.Clone(o.ID)] = struct{}{}
		q.Origins = len(q.origins)
	}
	q.Held = held
	origins, first := q.Origins, q.First
	a.mu.Unlock()
	if !innocent && (held != "" || origins < g.o.Origins) {
		return false
	}
	return a.add(d.Fingerprint, Template{
		Account: st.Account, Dialect: st.Lexer.Dialect, Version: Version, Shape: shape, First: first, Last: now, Origins: origins,
	}, g.o.MaxTemplates)
}

// judgeOwn judges with all candidates as inputs of the exchange that caused the
// statement.
func (g *Guard) judgeOwn(s *scratch, a *account, st Statement, candidates []Candidate) Decision {
	st.Exchange = "origin"
	own := make([]Candidate, len(candidates))
	for i, c := range candidates {
		c.Exchange = st.Exchange
		own[i] = c
	}
	return g.settle(s, a, st, own)
}

// Accept makes a shape in quarantine a template on a person's word.
func (g *Guard) Accept(account, shape string, now time.Time) bool {
	a := g.account(account)
	f, _ := fingerprintOf(&g.o.Key, nil, []byte(shape))
	a.mu.RLock()
	q := a.quarantine[f]
	a.mu.RUnlock()
	if q == nil {
		return false
	}
	return a.add(f, Template{Account: account, Dialect: q.dialect, Version: Version, Shape: shape, First: q.First, Last: now, Origins: q.Origins}, g.o.MaxTemplates)
}

// plainLength is the length up to which a value of letters and digits cannot
// hold code, however it is encoded.
const plainLength = 12

// anyCode reports whether any input could hold code in some encoding.
func anyCode(candidates []Candidate) bool {
	for i := range candidates {
		v := candidates[i].Value
		if len(v) > plainLength {
			return true
		}
		for _, c := range []byte(v) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
				return true
			}
		}
	}
	return false
}

// suspicion says why a shape is not learned without a person's word, however
// many origins produced it: what is new in it beside a template is what
// injections add. It is the answer to a client of many addresses whose encoding
// the guard does not know. Empty is none.
func (a *account) suspicion(shape string) string {
	nearest, head, tail := a.nearest(shape)
	if nearest == "" || float64(head+tail) < nearShare*float64(len(nearest)) {
		return ""
	}
	novel := shape[head : len(shape)-tail]
	words := strings.Fields(novel)
	for i, w := range words {
		switch {
		case w == ";" && i+1 < len(words):
			return "a further statement"
		case w == "--", w == "/**/" && tail == 0, strings.HasSuffix(w, "…"):
			return "a comment or an open literal where the template goes on"
		case w == "union", w == "intersect", w == "except":
			return "a further query"
		case strings.HasPrefix(w, "pg_"), strings.HasPrefix(w, "sqlite_"), w == "information_schema", isExecutor(w):
			return "the system's own tables or functions"
		case w == "or" && i+3 < len(words) && words[i+1] == "?" && words[i+3] == "?":
			return "a condition on constants"
		}
	}
	return ""
}
