package ownership

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

const tableFile = "testdata/cases.jsonl"

// The table's seeds. Rules were written against those of dev; nobody looked at the
// held-out ones before the table was frozen.
var (
	devSeeds  = []uint64{1}
	heldSeeds = []uint64{7_411, 90_217}
)

// An entry is a line of the table.
type entry struct {
	ID   string `json:"id"`
	Seed uint64 `json:"seed"`
	Way  string `json:"way"`
	// Direction is sideways, upwards or across; or good, for ordinary use.
	Direction string `json:"direction"`
	// As asks, for a thing of Whose.
	As, Whose string
	// Thing is what is wanted: a kind and an identifier.
	Thing    string   `json:"thing"`
	Change   bool     `json:"change,omitempty"`
	Transfer bool     `json:"transfer,omitempty"`
	Method   string   `json:"method"`
	Target   string   `json:"target"`
	Headers  []string `json:"headers,omitempty"`
	Body     string   `json:"body,omitempty"`
}

func (e *entry) attack() bool { return e.Direction != "good" }

// directions are those of attacks, by who asks and whose thing it is.
var directions = []struct{ name, as, whose string }{
	{"sideways", "mate", "owner"},
	{"upwards", "mate", "root"},
	{"across", "stranger", "owner"},
}

// generate makes the table.
func generate() (all []entry) {
	for _, seed := range slices.Concat(devSeeds, heldSeeds) {
		w := newWorld(seed)
		for i := range ways {
			for _, d := range directions {
				if e, ok := w.entry(&ways[i], d.name, d.as, d.whose); ok {
					all = append(all, e)
				}
			}
			for _, as := range strings.Fields(ways[i].good) {
				e, _ := w.entry(&ways[i], "good", as, "owner")
				all = append(all, e)
			}
		}
	}
	return all
}

// entry fills a way in; ok is false where that would be no attack.
func (w *world) entry(by *way, direction, as, whose string) (e entry, ok bool) {
	u, of := w.people[as], w.people[whose]
	e = entry{
		ID: fmt.Sprintf("%d/%s/%s", w.seed, by.name, direction), Seed: w.seed, Way: by.name, Direction: direction, As: as, Whose: whose,
		Change: by.changes(), Transfer: by.transfer, Method: strings.TrimPrefix(by.method, "!"),
	}
	if direction == "good" {
		e.ID += "-" + as
	}
	id, mine := fmt.Sprint(of.ID), fmt.Sprint(u.ID)
	if by.kind == "users" {
		e.Thing = "users " + id
	} else {
		t, own := w.of(by.kind, whose), w.of(by.kind, as)
		if direction != "good" && t.may(u) {
			return e, false
		}
		if by.transfer {
			t = own
		}
		e.Thing, id, mine = t.Kind+" "+t.ID, t.order(), own.order()
	}
	fill := strings.NewReplacer("{id}", id, "{mine}", mine, "{ID}", strings.ToUpper(id), "{u}", fmt.Sprint(of.ID), "{me}", fmt.Sprint(u.ID)).Replace
	e.Target, e.Body = fill(by.target), fill(by.body)
	for _, h := range by.headers {
		e.Headers = append(e.Headers, fill(h))
	}
	return e, true
}

// table reads what was frozen; with -update it freezes what is generated.
func table(t testing.TB) (all []entry) {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if made := frozen(t); *update && !bytes.Equal(made, text) {
		if err := os.WriteFile(tableFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
		text = made
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		all = append(all, e)
	}
	return all
}

func frozen(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	for _, e := range generate() {
		if err := out.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestTable_Generated_IsWhatWasFrozen(t *testing.T) {
	all := table(t)
	if text, err := os.ReadFile(tableFile); err != nil || !bytes.Equal(text, frozen(t)) {
		t.Errorf("%s is not what the ways and seeds make (%v): read what changed, then run with -update", tableFile, err)
	}
	attacks := map[string]int{}
	for _, e := range all {
		attacks[e.Direction]++
	}
	t.Logf("%d ways: %v", len(ways), attacks)
	if n := len(all) - attacks["good"]; n < 200 || attacks["good"] < 200 {
		t.Errorf("%d attacks and %d ordinary requests, want 200 of each", n, attacks["good"])
	}
}

// request makes an entry's, to an origin, of a person.
func (e *entry) request(t testing.TB, origin string, p *person) *http.Request {
	t.Helper()
	r, err := http.NewRequest(e.Method, origin+e.Target, strings.NewReader(e.Body))
	if err != nil {
		t.Fatalf("%s: %v", e.ID, err)
	}
	switch {
	case e.Body == "":
	case e.Body[0] == '{' || e.Body[0] == '[':
		r.Header.Set("Content-Type", "application/json")
	default:
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	p.sign(r)
	for _, h := range e.Headers {
		name, value, _ := strings.Cut(h, ": ")
		switch {
		case name == "Content-Type":
			r.Header.Set(name, value)
		case name == "Cookie" && r.Header.Get(name) != "":
			r.Header.Set(name, r.Header.Get(name)+"; "+value)
		case value != "":
			r.Header.Add(name, value)
		}
	}
	return r
}
