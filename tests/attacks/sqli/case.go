package sqli

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// An Input is one value that a client sends. Kind is what
// gatehouse.PlaceKind's String gives: "query", "form", "json", "key", "header",
// "cookie" or "path". The name of a key is the kind of what it is a key of.
type Input struct {
	Kind, Name, Value string
}

// A Case is one attacked statement and the exchange that it comes from.
type Case struct {
	ID        string
	Context   string // one of the 11 of the table
	Transform string // what the application does to the input, one of 11
	Split     string
	Source    string // "generated" or "sqlmap"
	Site      string // the place in the application, see [Sites]
	// Benign is the application's statement with ordinary inputs.
	Benign string
	// SQL is the statement as the database gets it under attack.
	SQL string
	// Inputs are all that the client sends in this request: the attacking ones
	// and some ordinary ones, in any order. For second-order all are ordinary.
	Inputs []Input
	// Rows are values of rows that were read in this exchange before; for
	// second-order the attack is one of them.
	Rows []string
	// Benigns are three more ordinary statements of the same site.
	Benigns []string
}

// A Site is a place in the application that builds statements.
type Site struct {
	ID      string
	Context string
	// Template is how it concatenates: [[@kind]] is the attacked input, [[kind]]
	// are the others.
	Template string
	// Ordinary are statements of ordinary requests, for learning.
	Ordinary []string
}

// splits are in the order of Splits.
var splits = [...]string{"dev", "held-seed", "held-context", "sqlite-dev", "sqlite-held", "sqlmap-dev", "sqlmap-held"}

// Splits are the names for [Load]. Only those that end in dev are looked at
// while tuning.
func Splits() []string { return slices.Clone(splits[:]) }

//go:embed testdata/*.zst
var testdata embed.FS

// storedCase is a case in a file; its benign statements are positions in the
// site's ordinary ones.
type storedCase struct {
	ID      string      `json:"id"`
	Context string      `json:"context"`
	Change  string      `json:"transform"`
	Source  string      `json:"source"`
	Site    string      `json:"site"`
	Benign  [4]int      `json:"benign"`
	SQL     string      `json:"sql"`
	Inputs  [][3]string `json:"inputs"`
	Rows    []string    `json:"rows,omitempty"`
}

// Load reads a split's cases. Those of sqlmap are made from the installed
// package, see [Sqlmap]; without it the error is fs.ErrNotExist.
func Load(split string) ([]Case, error) {
	sites, err := Sites()
	if err != nil {
		return nil, err
	}
	stored, err := readAll[storedCase](split)
	if err != nil {
		return nil, err
	}
	byID := map[string]Site{}
	for _, s := range sites {
		byID[s.ID] = s
	}
	cases := make([]Case, len(stored))
	for i, s := range stored {
		cases[i] = s.unpack(split, byID[s.Site])
	}
	return cases, nil
}

func (s storedCase) unpack(split string, at Site) Case {
	c := Case{
		ID: s.ID, Context: s.Context, Transform: s.Change, Split: split, Source: s.Source, Site: s.Site,
		Benign: at.Ordinary[s.Benign[0]], SQL: s.SQL, Rows: s.Rows,
	}
	for _, i := range s.Benign[1:] {
		c.Benigns = append(c.Benigns, at.Ordinary[i])
	}
	for _, in := range s.Inputs {
		c.Inputs = append(c.Inputs, Input{in[0], in[1], in[2]})
	}
	return c
}

// Sites are the application's sites with their ordinary statements, those of
// SQLite's dialect last.
func Sites() ([]Site, error) { return readAll[Site]("sites") }

func readAll[T any](name string) ([]T, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	var all []T
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("reading line %d of %s: %w", len(all)+1, name, err)
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return all, nil
}

// readFile gives the text of testdata/NAME.jsonl.zst.
func readFile(name string) ([]byte, error) {
	packed, err := testdata.ReadFile("testdata/" + name + ".jsonl.zst")
	if err != nil {
		return nil, fmt.Errorf("opening the corpus: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("opening the corpus: %w", err)
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking %s: %w", name, err)
	}
	return text, nil
}
