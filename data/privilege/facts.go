package privilege

import (
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// Caps on what is kept of an account. What comes after is counted in Dropped.
const (
	maxTables    = 4096
	maxColumns   = 512 // of a table
	maxFunctions = 2048
	maxSequences = 2048
	maxReasons   = 64
	maxSchemas   = 256
)

// Facts is what an account was seen to do. The zero value is ready, but for
// Account. It may be used by one goroutine at a time.
type Facts struct {
	Account string `json:"account"`
	// Dialect is that of the statements; zero means PostgreSQL.
	Dialect taint.Dialect `json:"dialect,omitzero"`
	// First and Last are when it was seen.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Statements were seen; Shapes of them were different.
	Statements uint64 `json:"statements,omitzero"`
	Shapes     uint64 `json:"shapes,omitzero"`
	// Tables by their names as SQL writes them: orders, app."Order".
	Tables map[string]*Table `json:"tables,omitempty"`
	// Functions are shapes that call one, by its name as SQL writes it.
	Functions map[string]uint64 `json:"functions,omitempty"`
	// Sequences are those that nextval and setval name.
	Sequences map[string]*Sequence `json:"sequences,omitempty"`
	// Temporary are temporary tables that it makes.
	Temporary map[string]bool `json:"temporary,omitempty"`
	// SearchPaths are what it sets search_path to.
	SearchPaths map[string]uint64 `json:"search_paths,omitempty"`
	// Beyond are shapes of which no grant comes, by what they do: definitions,
	// SET ROLE, texts that are executed, statements that could not be read.
	Beyond map[string]uint64 `json:"beyond,omitempty"`
	// Dropped counts what was not kept, for want of room.
	Dropped uint64 `json:"dropped,omitzero"`
}

// A Table is what an account does with one: counts of shapes.
type Table struct {
	Schema    string `json:"schema,omitempty"`
	Name      string `json:"name"`
	Select    uint64 `json:"select,omitzero"`
	Insert    uint64 `json:"insert,omitzero"`
	Update    uint64 `json:"update,omitzero"`
	Delete    uint64 `json:"delete,omitzero"`
	Truncate  uint64 `json:"truncate,omitzero"`
	LockRows  uint64 `json:"lock_rows,omitzero"`  // FOR UPDATE and the like
	LockTable uint64 `json:"lock_table,omitzero"` // LOCK TABLE
	// Looked are shapes that compare or return rows that they write, for which
	// PostgreSQL asks for SELECT.
	Looked uint64 `json:"looked,omitzero"`
	// Inserted and Updated are the columns named; AllInserted is set where an
	// INSERT or COPY named none.
	Inserted    []string `json:"inserted,omitempty"`
	Updated     []string `json:"updated,omitempty"`
	AllInserted bool     `json:"all_inserted,omitempty"`
}

// A Sequence is what an account does with one: counts of shapes.
type Sequence struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Next   uint64 `json:"next,omitzero"` // nextval, currval
	Set    uint64 `json:"set,omitzero"`  // setval
}

// Seen counts statements, whatever they do.
func (f *Facts) Seen(n uint64, now time.Time) {
	f.Statements += n
	if f.First.IsZero() || now.Before(f.First) {
		f.First = now
	}
	if now.After(f.Last) {
		f.Last = now
	}
}

// Add takes what a statement does into the facts. It is for one of each shape.
func (f *Facts) Add(o outline.Outline, now time.Time) {
	f.Shapes++
	f.Seen(0, now)
	for i := range o.Statements {
		f.add(&o.Statements[i])
	}
}

func (f *Facts) add(st *outline.Statement) {
	f.beyond(st)
	if st.Verb == outline.Define && !st.Temporary {
		return // no grant lets an account define
	}
	for _, t := range st.Tables {
		if st.Temporary && t.Use&outline.Defines != 0 {
			f.Temporary = keep(f, f.Temporary, quoteName("", t.Name), maxTables, func(bool, bool) bool { return true }, true)
			continue
		}
		f.addTable(t)
	}
	for _, fn := range st.Functions {
		f.addFunction(fn)
	}
	for _, s := range st.Settings {
		if s.Name.Value == "search_path" && s.Value.Known && len(s.Value.Value) <= 1<<10 {
			f.SearchPaths = keep(f, f.SearchPaths, s.Value.Value, maxSchemas, sum, 1)
		}
	}
}

// beyond notes what no grant comes of.
func (f *Facts) beyond(st *outline.Statement) {
	what := ""
	switch {
	case st.Unsure != "":
		what = "it could not be read: " + st.Unsure
	case st.Verb == outline.Define && !st.Temporary:
		what = "definitions"
	case st.Verb == outline.System, st.Verb == outline.Maintain, st.Verb == outline.Attach, st.Verb == outline.Pragma:
		what = st.Object
	case st.Verb == outline.Do:
		what = "DO, whose code is not looked into"
	case st.Executes:
		what = "a text that is executed and not told"
	case st.Copy == outline.File, st.Copy == outline.Program:
		what = "COPY with a file or program of the server"
	}
	for _, s := range st.Settings {
		if s.Name.Value == "role" || s.Name.Value == "session_authorization" {
			what = "taking another role"
		}
	}
	if what != "" {
		f.Beyond = keep(f, f.Beyond, what, maxReasons, sum, 1)
	}
}

func (f *Facts) addTable(t outline.Table) {
	one := func(use outline.Use) uint64 {
		if t.Use&use != 0 {
			return 1
		}
		return 0
	}
	seen := &Table{
		Schema: t.Schema, Name: t.Name,
		Select: one(outline.Reads), Insert: one(outline.Inserts), Update: one(outline.Updates), Delete: one(outline.Deletes),
		Truncate: one(outline.Truncates), Looked: one(outline.Returns | outline.Compares), AllInserted: t.AllInserted,
		Inserted: slices.Clone(t.Inserted), Updated: slices.Clone(t.Updated),
	}
	if t.Use&outline.Locks != 0 {
		if t.Use&outline.Reads != 0 {
			seen.LockRows = 1
		} else {
			seen.LockTable = 1
		}
	}
	f.mergeTable(quoteName(t.Schema, t.Name), seen)
}

func (f *Facts) mergeTable(key string, seen *Table) {
	f.Tables = keep(f, f.Tables, key, maxTables, (*Table).plus, seen)
}

func (t *Table) plus(o *Table) *Table {
	if t == nil {
		return o
	}
	t.Select += o.Select
	t.Insert += o.Insert
	t.Update += o.Update
	t.Delete += o.Delete
	t.Truncate += o.Truncate
	t.LockRows += o.LockRows
	t.LockTable += o.LockTable
	t.Looked += o.Looked
	t.AllInserted = t.AllInserted || o.AllInserted
	t.Inserted, t.AllInserted = union(t.Inserted, o.Inserted, t.AllInserted)
	t.Updated, _ = union(t.Updated, o.Updated, false)
	return t
}

// union joins two lists of columns. Of more than are kept it is as if all were
// named, which AllInserted says.
func union(a, b []string, all bool) ([]string, bool) {
	for _, column := range b {
		if slices.Contains(a, column) {
			continue
		}
		if len(a) >= maxColumns {
			return a, true
		}
		a = append(a, column)
	}
	slices.Sort(a)
	return a, all
}

func (f *Facts) addFunction(fn outline.Function) {
	if fn.Schema == "pg_catalog" {
		return
	}
	switch fn.Name {
	case "nextval", "currval", "setval":
		if schema, name, ok := outline.Name(taint.Lexer{Dialect: taint.PostgreSQL}, fn.First.Value); ok && fn.First.Known {
			s := &Sequence{Schema: schema, Name: name, Next: 1}
			if fn.Name == "setval" {
				s.Next, s.Set = 0, 1
			}
			f.mergeSequence(quoteName(schema, name), s)
			return
		}
		f.Beyond = keep(f, f.Beyond, "a sequence that the statement does not name", maxReasons, sum, 1)
		return
	}
	f.Functions = keep(f, f.Functions, quoteName(fn.Schema, fn.Name), maxFunctions, sum, 1)
}

func (f *Facts) mergeSequence(key string, seen *Sequence) {
	f.Sequences = keep(f, f.Sequences, key, maxSequences, (*Sequence).plus, seen)
}

func (s *Sequence) plus(o *Sequence) *Sequence {
	if s == nil {
		return o
	}
	s.Next += o.Next
	s.Set += o.Set
	return s
}

func sum(a, b uint64) uint64 { return a + b }

// keep joins a value to what is known under a key, where there is room.
func keep[V any](f *Facts, m map[string]V, key string, most int, join func(V, V) V, value V) map[string]V {
	if m == nil {
		m = make(map[string]V)
	}
	known, ok := m[key]
	if !ok && len(m) >= most {
		f.Dropped++
		return m
	}
	m[key] = join(known, value)
	return m
}

// Merge adds what another gate saw of the same account.
func (f *Facts) Merge(o *Facts) {
	f.Statements += o.Statements
	f.Shapes += o.Shapes
	f.Dropped += o.Dropped
	for _, t := range []time.Time{o.First, o.Last} {
		if !t.IsZero() {
			f.Seen(0, t)
		}
	}
	for key, t := range o.Tables {
		seen := *t // o's own lists stay o's
		seen.Inserted, seen.Updated = slices.Clone(t.Inserted), slices.Clone(t.Updated)
		f.mergeTable(key, &seen)
	}
	for key, s := range o.Sequences {
		seen := *s
		f.mergeSequence(key, &seen)
	}
	for key, n := range o.Functions {
		f.Functions = keep(f, f.Functions, key, maxFunctions, sum, n)
	}
	for key, n := range o.SearchPaths {
		f.SearchPaths = keep(f, f.SearchPaths, key, maxSchemas, sum, n)
	}
	for key, n := range o.Beyond {
		f.Beyond = keep(f, f.Beyond, key, maxReasons, sum, n)
	}
	for key := range o.Temporary {
		f.Temporary = keep(f, f.Temporary, key, maxTables, func(bool, bool) bool { return true }, true)
	}
}
