package sqli

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SqlmapFolder is where Debian's package has sqlmap's payloads.
const SqlmapFolder = "/usr/share/sqlmap/data/xml"

// A sqlmapTest is one payload of sqlmap's: what it is asked by.
type sqlmapTest struct {
	Title   string   `xml:"title"`
	DBMS    []string `xml:"details>dbms"`
	Payload string   `xml:"request>payload"`
	Comment string   `xml:"request>comment"`
	Vector  string   `xml:"vector"`
}

// A boundary is what sqlmap puts around a payload to fit it into a statement.
type boundary struct {
	Type   int    `xml:"ptype"`
	Prefix string `xml:"prefix"`
	Suffix string `xml:"suffix"`
}

// boundaryTypes are the contexts that sqlmap's types of parameters are for.
var boundaryTypes = map[int][]string{1: {"numeric", "in", "limit", "order-by"}, 2: {"string", "insert", "update"}, 3: {"like"}}

// Sqlmap makes the cases of what others wrote: sqlmap's payloads for PostgreSQL
// and for any database, with its boundaries, put into every site that they fit.
// Nothing is tuned to them. They are read from the installed package, since its
// licence (GPL-2) is not this repository's; without it the error is
// fs.ErrNotExist. See docs/decisions/sqlmap-payloads.md.
func Sqlmap(folder string) ([]Case, error) {
	tests, boundaries, err := readSqlmap(folder)
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, split := range generated {
		at, err := places(split)
		if err != nil {
			return nil, err
		}
		for _, p := range at {
			cases = append(cases, p.withSqlmap(tests, boundaries)...)
		}
	}
	return cases, nil
}

func readSqlmap(folder string) (tests []sqlmapTest, boundaries []boundary, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "payloads", "*.xml"))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	for _, file := range files {
		var all struct {
			Tests []sqlmapTest `xml:"test"`
		}
		if err := readXML(file, &all); err != nil {
			return nil, nil, err
		}
		for _, t := range all.Tests {
			if t.Payload != "" && (len(t.DBMS) == 0 || slices.Contains(t.DBMS, "PostgreSQL")) {
				tests = append(tests, t)
			}
		}
	}
	var all struct {
		Boundaries []boundary `xml:"boundary"`
	}
	err = readXML(filepath.Join(folder, "boundaries.xml"), &all)
	return tests, all.Boundaries, err
}

func readXML(file string, into any) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("sqlmap's payloads: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if err := xml.NewDecoder(f).Decode(into); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// withSqlmap gives the site's cases: those that PostgreSQL reads as another
// structure.
func (p place) withSqlmap(tests []sqlmapTest, boundaries []boundary) (cases []Case) {
	d := newDice(true, version, "sqlmap", p.ID)
	seen := map[string]bool{}
	for i, t := range tests {
		for _, b := range boundaries {
			if !slices.Contains(boundaryTypes[b.Type], p.Context) {
				continue
			}
			payload := d.ordinary(p.hole.kind) + fillMarkers(d, b.Prefix+" "+t.Payload+t.Comment+" "+b.Suffix)
			c := &craft{dice: d, site: p.site, hole: p.hole}
			s := sent{values: []string{payload}, effective: payload}
			sql, drawn := c.statement(s)
			got, err := shape(sql, p.choosesNames())
			if err != nil || got == p.shape || seen[sql] {
				continue
			}
			seen[sql] = true
			stored := c.record("none", p, s, sql, drawn)
			stored.ID, stored.Source = fmt.Sprintf("sqlmap-%s-%d-%d", p.ID, i, len(cases)), "sqlmap"
			cases = append(cases, stored.unpack("sqlmap", p.Site))
		}
	}
	return cases
}

// fillMarkers puts values where sqlmap does at run time.
func fillMarkers(d *dice, s string) string {
	number := func() string { return fmt.Sprint(1000 + d.IntN(9000)) }
	first := number()
	return strings.NewReplacer(
		"[RANDNUM]", first, "[RANDNUM1]", number(), "[RANDNUM2]", number(), "[RANDNUM3]", number(), "[RANDNUM4]", number(), "[RANDNUM5]", number(),
		"[RANDSTR]", d.letters(4), "[RANDSTR1]", d.letters(4), "[RANDSTR2]", d.letters(4),
		"[SLEEPTIME]", "5", "[DELAYED]", "PG_SLEEP(5)", "[DELIMITER_START]", "'qbvkq'", "[DELIMITER_STOP]", "'qzxkq'",
		"[INFERENCE]", first+"="+first, "[QUERY]", "(SELECT version())", "[ORIGVALUE]", "1", "[ORIGINAL]", "1",
		"[GENERIC_SQL_COMMENT]", "-- "+d.letters(4), "[CHAR]", "NULL", "[UNION]", "UNION ALL SELECT NULL",
		"[COLSTART]", "1", "[COLSTOP]", "3", "[SPACE_REPLACE]", "'qx'", "[DOLLAR_REPLACE]", "'qd'", "[AT_REPLACE]", "'qa'", "[HASH_REPLACE]", "'qh'",
	).Replace(s)
}
