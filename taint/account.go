package taint

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxAccounts bounds the accounts of a guard: what is sent by one beyond
	// them is judged with nothing learned.
	maxAccounts = 4096
	// maxNames bounds the names that an account's templates have.
	maxNames = 1 << 16
	// maxOrigins bounds the origins kept of a shape in quarantine.
	maxOrigins = 64
)

// An account is what is known of the statements that one database account sends.
type account struct {
	mu         sync.RWMutex
	templates  map[Fingerprint]*template
	shapes     []string // of the templates, sorted, for the nearest
	names      map[string]struct{}
	quarantine map[Fingerprint]*suspect
	old        []Template

	judged, known, unknown, denied, capped atomic.Uint64
}

// A template is one with what is noted of it while the guard runs.
type template struct {
	Template
	literals bool
	concatenation
}

// A suspect is a shape in quarantine.
type suspect struct {
	Suspect
	dialect Dialect
	origins map[string]struct{}
	concatenation
}

// concatenation notes whether a statement's literals hold inputs: two different
// ones, since one may be a constant of the application's that a client named.
type concatenation struct {
	first atomic.Uint64 // hash of the first input seen, zero for none
	told  atomic.Bool
}

// seen notes an input inside a literal, and reports whether it is time to tell.
func (c *concatenation) seen(value string) bool {
	if c.told.Load() {
		return false
	}
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	h |= 1
	if c.first.CompareAndSwap(0, h) || c.first.Load() == h {
		return false
	}
	return c.told.CompareAndSwap(false, true)
}

func newAccount() *account {
	return &account{
		templates: make(map[Fingerprint]*template), quarantine: make(map[Fingerprint]*suspect), names: make(map[string]struct{}),
	}
}

// account gives the account of that name. One beyond maxAccounts is not kept.
func (g *Guard) account(name string) *account {
	if a, ok := g.accounts.Load(name); ok {
		return a.(*account)
	}
	if g.count.Load() >= maxAccounts {
		return newAccount()
	}
	a, loaded := g.accounts.LoadOrStore(strings.Clone(name), newAccount())
	if !loaded {
		g.count.Add(1)
	}
	return a.(*account)
}

func (a *account) lookup(f Fingerprint) *template {
	a.mu.RLock()
	t := a.templates[f]
	a.mu.RUnlock()
	return t
}

func (a *account) size() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.templates)
}

// knows reports whether a template has a name, in any case.
func (a *account) knows(name string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.names[strings.ToLower(name)]
	return ok
}

// add makes a shape a template; false where it is one, or there are too many.
func (a *account) add(f Fingerprint, t Template, most int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.templates[f] != nil || len(a.templates) >= most {
		return false
	}
	a.templates[f] = &template{Template: t, literals: strings.Contains(t.Shape, "?")}
	at, found := slices.BinarySearch(a.shapes, t.Shape)
	if !found {
		a.shapes = slices.Insert(a.shapes, at, t.Shape)
	}
	for word := range strings.FieldsSeq(t.Shape) {
		if len(a.names) < maxNames && wordsOf(word) == 0 {
			a.names[strings.ToLower(nameOf(word))] = struct{}{}
		}
	}
	if s := a.quarantine[f]; s != nil {
		a.templates[f].first.Store(s.first.Load())
		a.templates[f].told.Store(s.told.Load())
		delete(a.quarantine, f)
	}
	return true
}

// suspected gives the shape's place in quarantine, made where there is none.
// The one seen longest ago leaves for it.
func (a *account) suspected(f Fingerprint, name, shape string, most int, now time.Time) *suspect {
	s := a.quarantine[f]
	if s != nil {
		return s
	}
	if len(a.quarantine) >= most {
		var oldest Fingerprint
		var last time.Time
		for g, q := range a.quarantine {
			if last.IsZero() || q.Last.Before(last) {
				oldest, last = g, q.Last
			}
		}
		delete(a.quarantine, oldest)
	}
	s = &suspect{Suspect: Suspect{Account: name, Shape: shape, First: now}, origins: make(map[string]struct{})}
	a.quarantine[f] = s
	return s
}

// between reports whether a template is before, one token or none, and after;
// and gives the template's shape.
func (a *account) between(before, after string) (string, bool) {
	const most = 512
	a.mu.RLock()
	defer a.mu.RUnlock()
	at := sort.SearchStrings(a.shapes, before)
	for _, s := range a.shapes[at:min(at+most, len(a.shapes))] {
		if !strings.HasPrefix(s, before) {
			break
		}
		if len(s) < len(before)+len(after) || !strings.HasSuffix(s, after) {
			continue
		}
		middle := strings.TrimPrefix(s[len(before):len(s)-len(after)], " ")
		if !strings.Contains(middle, " ") {
			return s, true
		}
	}
	return "", false
}

// nearest gives the template whose shape agrees most with shape at its
// beginning and its end, with how many bytes agree at each: tokens whole.
func (a *account) nearest(shape string) (found string, head, tail int) {
	const around = 48
	a.mu.RLock()
	defer a.mu.RUnlock()
	at := sort.SearchStrings(a.shapes, shape)
	for _, s := range a.shapes[max(at-around, 0):min(at+around, len(a.shapes))] {
		h := commonHead(s, shape)
		t := commonTail(s[h:], shape[h:])
		if h+t > head+tail {
			found, head, tail = s, h, t
		}
	}
	return found, head, tail
}

// commonHead is how many bytes of whole tokens two shapes begin with alike.
func commonHead(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) && i == len(b) {
		return i
	}
	for i > 0 && !(i <= len(a) && i <= len(b) && isEdge(a, i) && isEdge(b, i)) {
		i--
	}
	return i
}

func commonTail(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[len(a)-1-i] == b[len(b)-1-i] {
		i++
	}
	for i > 0 && !(isEdge(a, len(a)-i) && isEdge(b, len(b)-i)) {
		i--
	}
	return i
}

func isEdge(s string, i int) bool { return i == 0 || i == len(s) || s[i] == ' ' || s[i-1] == ' ' }

// restore takes a template that was saved.
func (g *Guard) restore(t Template) {
	a := g.account(t.Account)
	if t.Version != Version {
		a.mu.Lock()
		if len(a.old) < g.o.MaxTemplates {
			a.old = append(a.old, t)
		}
		a.mu.Unlock()
		return
	}
	f, _ := fingerprintOf(&g.o.Key, nil, []byte(t.Shape))
	a.add(f, t, g.o.MaxTemplates)
}

// Templates gives all templates, old versions included, in no order.
func (g *Guard) Templates() []Template {
	var all []Template
	g.each(func(_ string, a *account) {
		for _, t := range a.templates {
			all = append(all, t.Template)
		}
		all = append(all, a.old...)
	})
	return all
}

// Suspects gives what is in quarantine, in no order.
func (g *Guard) Suspects() []Suspect {
	var all []Suspect
	g.each(func(_ string, a *account) {
		for _, s := range a.quarantine {
			all = append(all, s.Suspect)
		}
	})
	return all
}

// Stats gives the counts of each account, by name.
func (g *Guard) Stats() []Stats {
	var all []Stats
	g.each(func(name string, a *account) {
		all = append(all, Stats{
			Account: name, Templates: len(a.templates), Old: len(a.old), Quarantined: len(a.quarantine),
			Judged: a.judged.Load(), Known: a.known.Load(), Unknown: a.unknown.Load(), Denied: a.denied.Load(), Capped: a.capped.Load(),
		})
	})
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Account, b.Account) })
	return all
}

func (g *Guard) each(f func(name string, a *account)) {
	g.accounts.Range(func(name, v any) bool {
		a := v.(*account)
		a.mu.RLock()
		defer a.mu.RUnlock()
		f(name.(string), a)
		return true
	})
}
