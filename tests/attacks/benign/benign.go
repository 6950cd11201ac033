// Package benign has statements that real programs sent to a real PostgreSQL
// for ordinary requests, each beside the inputs of its request: what a guard
// against injection must let through. README.md says how they were recorded.
//
// It trusts that the programs recorded (MediaWiki, a Django project, an
// SQLAlchemy program) let no input become structure but what their own closed
// lists name. It judges nothing itself.
package benign

import (
	"bufio"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

//go:embed testdata/*.jsonl.zst
var recorded embed.FS

// An Input is one value of a request as package input finds it.
type Input struct {
	Kind  string // gatehouse.PlaceKind's name
	Name  string
	Value string
}

// A Statement is one text that a database driver sent.
type Statement struct {
	Account string // the role that the program signed in with
	SQL     string
	Params  []string // bound values in text format, NULL as ""; nil where the text has all of it
}

// An Exchange is one request and the statements that the program sent for it.
type Exchange struct {
	App        string
	N          int // counts an app's exchanges from 1
	Method     string
	Path       string // with the query, as it was sent
	Inputs     []Input
	Statements []Statement
}

// Held reports whether the exchange belongs to the half that nobody looks at
// while a guard is tuned: those with odd numbers. The others are for tuning.
func (e Exchange) Held() bool { return e.N%2 == 1 }

// Apps are the names that Load takes.
func Apps() []string { return []string{"mediawiki", "django", "sqlalchemy"} }

// Load gives an app's exchanges in the order in which they happened.
func Load(app string) ([]Exchange, error) {
	f, err := recorded.Open("testdata/" + app + ".jsonl.zst")
	if err != nil {
		return nil, fmt.Errorf("benign: no recording of %q: %w", app, err)
	}
	defer f.Close() // of a file in memory
	exchanges, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("benign: reading the recording of %s: %w", app, err)
	}
	for i := range exchanges {
		exchanges[i].App = app
	}
	return exchanges, nil
}

// Read gives the exchanges of a recording, without App.
func Read(r io.Reader) ([]Exchange, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var all []Exchange
	for d := json.NewDecoder(bufio.NewReaderSize(z, 1<<16)); ; {
		var l line
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("exchange %d: %w", len(all)+1, err)
		}
		all = append(all, l.exchange())
	}
}

// Write writes a recording that Read reads. It does not write App.
func Write(w io.Writer, exchanges []Exchange) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	for _, x := range exchanges {
		if err := e.Encode(lineOf(x)); err != nil {
			return errors.Join(err, z.Close())
		}
	}
	return z.Close()
}

// A line is an exchange as it stands in the file.
type line struct {
	N          int         `json:"n"`
	Method     string      `json:"method"`
	Path       text        `json:"path"`
	Inputs     [][3]text   `json:"inputs,omitempty"`
	Statements []statement `json:"statements,omitempty"`
}

type statement struct {
	Account string `json:"as"`
	SQL     text   `json:"sql"`
	Params  []text `json:"params,omitempty"`
}

// text is a JSON string, or {"bytes": base64} where it is not UTF-8.
type text string

type raw struct {
	Bytes []byte `json:"bytes"`
}

// MarshalJSON writes the text.
func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(raw{[]byte(t)})
}

// UnmarshalJSON reads the text.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var r raw
		err := json.Unmarshal(b, &r)
		*t = text(r.Bytes)
		return err
	}
	return json.Unmarshal(b, (*string)(t))
}

func lineOf(x Exchange) line {
	l := line{N: x.N, Method: x.Method, Path: text(x.Path)}
	for _, in := range x.Inputs {
		l.Inputs = append(l.Inputs, [3]text{text(in.Kind), text(in.Name), text(in.Value)})
	}
	for _, s := range x.Statements {
		to := statement{Account: s.Account, SQL: text(s.SQL)}
		for _, p := range s.Params {
			to.Params = append(to.Params, text(p))
		}
		l.Statements = append(l.Statements, to)
	}
	return l
}

func (l line) exchange() Exchange {
	x := Exchange{N: l.N, Method: l.Method, Path: string(l.Path)}
	for _, in := range l.Inputs {
		x.Inputs = append(x.Inputs, Input{string(in[0]), string(in[1]), string(in[2])})
	}
	for _, s := range l.Statements {
		to := Statement{Account: s.Account, SQL: string(s.SQL)}
		for _, p := range s.Params {
			to.Params = append(to.Params, string(p))
		}
		x.Statements = append(x.Statements, to)
	}
	return x
}
