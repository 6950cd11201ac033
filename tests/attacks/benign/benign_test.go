package benign

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"
)

func all(t testing.TB) (every []Exchange) {
	t.Helper()
	for _, app := range Apps() {
		every = append(every, Loaded(t, app)...)
	}
	return every
}

// utility says whether a statement has no shape worth counting: what drivers
// and pools send around every request.
func utility(sql string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	switch strings.ToUpper(strings.TrimSuffix(verb, ";")) {
	case "SET", "SHOW", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return true
	}
	return false
}

var (
	literal  = regexp.MustCompile(`(?is)\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'`)
	digits   = regexp.MustCompile(`\b\d+(\.\d+)?\b`)
	inList   = regexp.MustCompile(`(?i)\bIN \((?:[^()']|'(?:[^']|'')*')*\)`)
	keywords = regexp.MustCompile(`(?i)\b(select .*\bfrom|union (all )?select|insert into|delete from|update \w+ set|drop table|order by|or\b.*=)`)
)

func TestCorpus_IsAsLargeAndVariedAsTheGoalAsks(t *testing.T) {
	counts := map[string]int{}
	for _, x := range all(t) {
		counts["exchanges"]++
		counts["inputs"] += len(x.Inputs)
		for _, s := range x.Statements {
			counts["statements"]++
			counts[x.App]++
			if s.Account != x.App {
				t.Fatalf("%s %d: a statement of account %q", x.App, x.N, s.Account)
			}
			if utility(s.SQL) {
				continue
			}
			counts["no utility"]++
			if s.Params != nil {
				counts["bound"]++
			}
			for _, l := range literal.FindAllString(s.SQL, -1) {
				counts["literals"]++
				if strings.Contains(l[1:len(l)-1], "''") || strings.Contains(l, `\'`) {
					counts["literals with quotes"]++
				}
				if strings.ContainsAny(l, " =") && keywords.MatchString(l) { // the words have one or the other
					counts["literals with SQL"]++
				}
				if strings.HasPrefix(l, "E") {
					counts["E'' literals"]++
				}
			}
		}
	}
	for what, least := range map[string]int{
		"statements": 190_000, "no utility": 115_000, "mediawiki": 90_000, "django": 40_000, "sqlalchemy": 50_000, "bound": 2_500, "inputs": 650_000,
		"literals with quotes": 35_000, "literals with SQL": 15_000, "E'' literals": 7_000,
	} {
		if counts[what] < least {
			t.Errorf("%s: %d, want at least %d", what, counts[what], least)
		}
	}
	t.Log(counts)
}

// sample is every statement with GATEHOUSE_LONG=1, and one of so many without.
func sample(t testing.TB, one int, visit func(Exchange, Statement)) {
	if os.Getenv("GATEHOUSE_LONG") == "1" {
		one = 1
	}
	n := 0
	for _, x := range all(t) {
		for _, s := range x.Statements {
			if n++; n%one == 0 {
				visit(x, s)
			}
		}
	}
}

// rough replaces literals, numbers and lists, so that a statement whose like has been
// seen is not given to pg_query, which is slow.
func rough(sql string) string {
	return inList.ReplaceAllString(digits.ReplaceAllString(literal.ReplaceAllString(sql, "?"), "?"), "IN (?)")
}

func TestCorpus_HasThousandsOfFingerprints(t *testing.T) {
	want := 1000 // enough to see that they vary: pg_query is slow
	long := os.Getenv("GATEHOUSE_LONG") == "1"
	if long {
		want = 3000
	}
	seen, distinct, byApp := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, app := range Apps() {
		for _, x := range Loaded(t, app) {
			if !long && byApp[app] > want/len(Apps()) {
				break // enough of this program
			}
			for _, s := range x.Statements {
				shape := rough(s.SQL)
				if seen[shape] {
					continue
				}
				seen[shape] = true
				print, err := pgquery.Fingerprint(s.SQL)
				if err != nil {
					t.Errorf("%s %d: %v in %q", x.App, x.N, err, s.SQL)
					continue
				}
				if !distinct[print] {
					byApp[app]++
				}
				distinct[print] = true
			}
		}
	}
	if len(distinct) < want {
		t.Errorf("%d fingerprints by pg_query, want %d", len(distinct), want)
	}
	t.Logf("%d fingerprints by pg_query (%v), %d shapes with only literals replaced", len(distinct), byApp, len(seen))
}

func TestStatements_ParseByPostgreSQLsOwnParser(t *testing.T) {
	sample(t, 50, func(x Exchange, s Statement) {
		if _, err := pgquery.ParseToJSON(s.SQL); err != nil {
			t.Errorf("%s %d: %v in %q", x.App, x.N, err, s.SQL)
		}
	})
}

func TestCorpus_HasListsOfManyLengths(t *testing.T) {
	lengths := map[int]int{}
	for _, x := range all(t) {
		for _, s := range x.Statements {
			for _, list := range inList.FindAllString(s.SQL, -1) {
				lengths[1+strings.Count(literal.ReplaceAllString(list, "?"), ",")]++
			}
		}
	}
	if len(lengths) < 30 {
		t.Errorf("IN lists have %d lengths, want 30: %v", len(lengths), lengths)
	}
}

// What a corpus that proves anything must have: inputs that are words of the
// statement, and the program's own statements as inputs.
func TestCorpus_HasLegitimateStructureFromInputs(t *testing.T) {
	counts := map[string]int{}
	for _, x := range all(t) {
		for _, in := range x.Inputs {
			if in.Kind != "query" && in.Kind != "form" && in.Kind != "multipart" && in.Kind != "json" {
				continue
			}
			if slices.Contains([]string{"sort", "ordering", "dir", "fields", "group", "include", "with"}, in.Name) {
				counts["chosen structure"]++
			}
			if len(in.Value) > 60 && strings.Contains(in.Value, " FROM \"") {
				counts["statements pasted"]++
			}
			if keywords.MatchString(in.Value) {
				counts["SQL typed"]++
			}
			if strings.Contains(in.Value, "'") {
				counts["quotes typed"]++
			}
		}
	}
	for what, least := range map[string]int{"chosen structure": 10_000, "statements pasted": 500, "SQL typed": 10_000, "quotes typed": 15_000} {
		if counts[what] < least {
			t.Errorf("%s: %d inputs, want at least %d", what, counts[what], least)
		}
	}
	t.Log(counts)
}

func TestExchanges_AreNumberedAndHalfIsHeld(t *testing.T) {
	for _, app := range Apps() {
		exchanges := Loaded(t, app)
		held := 0
		for i, x := range exchanges {
			if x.N != i+1 || x.App != app || x.Method == "" || !strings.HasPrefix(x.Path, "/") || len(x.Inputs) == 0 {
				t.Fatalf("exchange %d of %s is not whole: %d %s %s, %d inputs", i+1, app, x.N, x.Method, x.Path, len(x.Inputs))
			}
			if x.Held() {
				held++
			}
		}
		if held < len(exchanges)/2 || held > len(exchanges)/2+1 {
			t.Errorf("%s: %d of %d exchanges are held", app, held, len(exchanges))
		}
	}
}

func TestLoad_OfAnUnknownApp_SaysSo(t *testing.T) {
	if _, err := Load("nobody"); err == nil || !strings.Contains(err.Error(), `no recording of "nobody"`) {
		t.Errorf("got %v", err)
	}
}

func TestWrite_WhatIsNoUTF8_ReadsBackAsItWas(t *testing.T) {
	want := []Exchange{{N: 1, Method: "POST", Path: "/?q=\xe9", Inputs: []Input{{"query", "q", "\xe9'\x00"}, {"query", "r", "<é>"}},
		Statements: []Statement{{"a", "SELECT 'é'", nil}, {"a", "SELECT $1, '\xff'", []string{"\xfe", ""}}}}, {N: 2, Method: "GET", Path: "/"}}
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestRecordings_AreSmallEnoughForARepository(t *testing.T) {
	total := int64(0)
	entries, err := recorded.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 10<<20 {
		t.Errorf("the recordings have %d bytes, want at most 10 MiB", total)
	}
}
