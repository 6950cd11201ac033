package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/sqlite"
)

// plain is a store for a test of many: maps, with no room for expiry, which the
// ledger sees to itself.
type plain struct {
	mu     sync.Mutex
	things map[string][]store.Record // entries by their thing
	others map[string]store.Record
}

// prefix is the length of a thing in an entry's key.
const prefix = 22

func (p *plain) Get(_ context.Context, kind, key string) (store.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == "ledger" {
		for _, r := range p.things[key[:prefix]] {
			if r.Key == key {
				return r, nil
			}
		}
	} else if r, ok := p.others[kind+key]; ok {
		return r, nil
	}
	return store.Record{}, store.ErrNotFound
}

func (p *plain) Batch(_ context.Context, ops ...store.Op) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range ops {
		if o.Delete || o.Conditional && o.Version != 0 {
			return errors.New("plain: only what is new is written")
		}
		o.Record.Version = 1
		if o.Kind == "ledger" {
			p.things[o.Key[:prefix]] = append(p.things[o.Key[:prefix]], o.Record)
		} else {
			p.others[o.Kind+o.Key] = o.Record
		}
	}
	return nil
}

func (p *plain) Scan(_ context.Context, q store.Query) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		p.mu.Lock()
		found := p.things[q.Prefix]
		p.mu.Unlock()
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (p *plain) Sweep(context.Context) (int, error) { return 0, nil }
func (p *plain) Close() error                       { return nil }

func long() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }

// millions is a ledger of total entries, of which memory holds a tenth.
type millions struct {
	total, memory int
	l             *ledger.Ledger
}

// owner spreads things over principals of a hundred each.
func (m *millions) owner(i int) string { return "user-" + strconv.Itoa(i/100) }

func (m *millions) note(t *testing.T, i int) {
	e := ledger.Entry{Resource: "order", ID: strconv.Itoa(i), Principal: m.owner(i), How: ledger.Created}
	err := m.l.Note(t.Context(), e)
	for errors.Is(err, ledger.ErrBehind) {
		flush(t, m.l)
		err = m.l.Note(t.Context(), e)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *millions) open(t *testing.T, s store.Store) {
	l, err := ledger.New(ledger.Options{Store: s, MaxEntries: m.memory, Wait: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m.l = l
}

func (m *millions) close(t *testing.T) {
	if err := m.l.Close(); err != nil {
		t.Error(err)
	}
	m.l = nil
}

// fill notes all, and says how long one took until it was written.
func (m *millions) fill(t *testing.T) time.Duration {
	took := each(m.total, func(i int) {
		m.note(t, i)
		if i%10_000 == 0 && m.l.Len() > m.memory {
			t.Fatalf("%d entries in memory, want %d at most", m.l.Len(), m.memory)
		}
	})
	flush(t, m.l)
	if n := m.l.Len(); n > m.memory || n < m.memory*9/10 {
		t.Errorf("%d entries in memory, want about %d", n, m.memory)
	}
	return took
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// each gives the time that one of n calls takes.
func each(n int, call func(i int)) time.Duration {
	began := time.Now()
	for i := range n {
		call(i)
	}
	return time.Since(began) / time.Duration(n)
}

func TestLedger_OfTenMillionEntries_StaysWithinMemoryAndForgetsNothing(t *testing.T) {
	m := &millions{total: 100_000, memory: 10_000}
	if long() {
		m.total, m.memory = 10_000_000, 1_000_000
	}
	s := &plain{things: make(map[string][]store.Record, m.total), others: map[string]store.Record{}}
	m.open(t, s)
	took, n := m.fill(t), m.l.Len()
	m.speed(t)
	with := heap()
	m.close(t)
	perEntry := float64(with-heap()) / float64(n)
	t.Logf("%d entries, %s each until written; %d in memory, %.0f bytes each", m.total, took, n, perEntry)
	if perEntry > 128 {
		t.Errorf("%.0f bytes an entry, want 128 at most", perEntry)
	}
	m.open(t, s)
	defer m.close(t)
	m.sample(t, 2000)
}

func TestLedger_OfManyEntriesInAFile_SurvivesARestart(t *testing.T) {
	m := &millions{total: 3000, memory: 1024}
	if long() {
		m.total, m.memory = 10_000_000, 1_000_000
	}
	path := filepath.Join(t.TempDir(), "gate.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		m.open(t, s)
		return s
	}
	s := open()
	took := m.fill(t)
	m.speed(t)
	m.close(t)
	s.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries, %s each until written, %d bytes each in the file", m.total, took, info.Size()/int64(m.total))
	s = open()
	defer s.Close()
	defer m.close(t)
	m.sample(t, 300)
}

// speed says what Look and Note take with so many entries; benchmarks hold it.
func (m *millions) speed(t *testing.T) {
	warm := m.total / 2
	hot := func(i int) int { return warm + i%100 }
	look := func(i int) { want(t, m.l, "order", strconv.Itoa(hot(i)), m.owner(hot(i)), ledger.Own) }
	each(1000, look)
	looked := each(20_000, look)
	noted := each(20_000, func(i int) { m.note(t, hot(i)) })
	random := rand.New(rand.NewPCG(1, 2))
	cold := each(2000, func(int) {
		i := random.IntN(m.total)
		want(t, m.l, "order", strconv.Itoa(i), m.owner(i), ledger.Own)
	})
	t.Logf("Look %s from memory, %s at random; Note of what is known %s", looked, cold, noted)
}

// sample asks for some after a restart, by their owners and by others.
func (m *millions) sample(t *testing.T, n int) {
	random := rand.New(rand.NewPCG(3, 4))
	for range n {
		i := random.IntN(m.total)
		want(t, m.l, "order", strconv.Itoa(i), m.owner(i), ledger.Own)
		want(t, m.l, "order", strconv.Itoa(i), m.owner(i+100), ledger.Others)
		want(t, m.l, "order", fmt.Sprint(m.total+i), m.owner(i), ledger.Unknown)
	}
}

func benchLedger(b *testing.B) *ledger.Ledger {
	w := newWorld(b)
	l := w.open(b, func(o *ledger.Options) { o.MaxEntries = 100_000 })
	for i := range 10_000 {
		note(b, l, "order", strconv.Itoa(i), "user-"+strconv.Itoa(i/100), ledger.Created)
	}
	flush(b, l)
	return l
}

func BenchmarkLook_FromMemory(b *testing.B) {
	l := benchLedger(b)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := l.Look(b.Context(), "order", "4711", "user-47"); got != ledger.Own {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkNote_OfWhatIsKnown(b *testing.B) {
	l := benchLedger(b)
	e := ledger.Entry{Resource: "order", ID: "4711", Principal: "user-47", How: ledger.Listed}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Note(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNote_New_WrittenBehind(b *testing.B) {
	s, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "gate.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	l, err := ledger.New(ledger.Options{Store: s})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := 0; b.Loop(); i++ {
		e := ledger.Entry{Resource: "order", ID: strconv.Itoa(i), Principal: "user-" + strconv.Itoa(i/100), How: ledger.Created}
		err := l.Note(b.Context(), e)
		if errors.Is(err, ledger.ErrBehind) {
			flush(b, l)
			err = l.Note(b.Context(), e)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	flush(b, l)
}
