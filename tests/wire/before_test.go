package wire

import (
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
)

// orderly reports whether a statement is one that may have others before it: a
// single one, which neither begins nor ends a transaction.
func orderly(st sqlgate.Statement) bool {
	tokens, _ := taint.Lexer{Dialect: taint.PostgreSQL, Backslash: st.Backslash}.Lex(st.SQL, nil)
	word, over := "", false
	for _, t := range tokens {
		switch {
		case t.Class == taint.Line || t.Class == taint.Block:
		case over, t.Class == taint.Open, t.Class == taint.Stray:
			return false
		case word == "":
			word = strings.ToLower(st.SQL[t.Start:t.End])
		case st.SQL[t.Start:t.End] == ";":
			over = true
		}
	}
	switch word {
	case "select", "insert", "update", "delete", "with", "values", "selec":
		return true
	}
	return false
}

// harmless asks for something to be run before each statement that may have it:
// it says something itself, returns rows, and takes the first value if there is
// one.
func harmless(st sqlgate.Statement) []sqlgate.Own {
	if !orderly(st) {
		return nil
	}
	own := []sqlgate.Own{{SQL: "SELECT * FROM (VALUES (1), (2)) AS own (a) WHERE a > 0"}, {SQL: "SELECT public.noisy('own')"}}
	if st.Bound && len(st.Values) > 0 && !strings.Contains(st.Values[0], "\x00") { // no text
		own = append(own, sqlgate.Own{SQL: "SELECT $1::text", Params: []int{0}})
	}
	return own
}

// What a client sees is the same whether or not the gate has something of its own
// run before its statements.
func TestBefore_Harmless_IsNotSeenByTheClient(t *testing.T) {
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts")
	to.judge.before = harmless
	all := map[string][]scenario{"simple": simple, "sessions": sessions, "extended": extended, "odd": odd, "copy": copying, "large objects": largeObjects}
	for name, scenarios := range all {
		if !long {
			scenarios = everyFifth(scenarios)
		}
		t.Run(name, func(t *testing.T) { compareThrough(t, to, scenarios) })
	}
	if long {
		t.Run("malformed", func(t *testing.T) { compareThrough(t, to, malformed, func(d *dialog) { d.sourceless = true }) })
		t.Run("refused", func(t *testing.T) { refuseThrough(t, to) })
	}
	if n := len(to.judge.beforehand()); n != 0 {
		t.Errorf("%d statements were refused by what is harmless: %v", n, to.judge.beforehand()[:1])
	}
}

// everyFifth is a sample.
func everyFifth(all []scenario) (some []scenario) {
	for i := 0; i < len(all); i += 5 {
		some = append(some, all[i])
	}
	return some
}
