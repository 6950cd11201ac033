//go:build !race

package taint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// slack is what the last step of a judgement may spend beyond its budget: one
// comparison, one decoding, or one reading of the statement without an input.
func slack(st Statement, candidates []Candidate) int {
	most := 0
	for _, c := range candidates {
		most = max(most, len(c.Value))
	}
	return 20*len(st.SQL) + most + 4096
}

// TestJudge_InputsMadeToBeSlow_SpendNoMoreThanTheCap puts statements and inputs
// together of what repeats, since whatever compares all places of one with all
// of the other is slow there. The time is far above the goal of 5 ms, which
// benchmarks/guard measures: it is for what is not counted at all, which once
// took eight seconds.
func TestJudge_InputsMadeToBeSlow_SpendNoMoreThanTheCap(t *testing.T) {
	units := []string{
		"'", "''", ",", "(", "1,", "or ", "or 1 ", "or a=b ", "' or '", "%27", "JycnJycn", "\\'", "a'b,", `{"a":"'`, "&#39;", "$$", "'x',", `"a",`,
		"a", "aa ", " ", "--\n", "/**/", "id, ", "price desc, ", "=", "a.b", "in (1,2) ",
	}
	g, err := New(Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SELECT id, name FROM products WHERE name = 'lamp' ORDER BY price", "SELECT id, name FROM products WHERE id = 3", "INSERT INTO products (id, name) VALUES (1, 'a')"} {
		g.Learn(Statement{Account: "shop", SQL: sql}, Origin{}, time.Unix(0, 0))
	}
	r := rand.New(rand.NewPCG(7, 7))
	pick := func() string { return units[r.IntN(len(units))] }
	fill := func(unit string, size int) string { return strings.Repeat(unit, size/len(unit)+1) }
	for n := range 200 {
		unit := units[n%len(units)]
		sql := [...]string{
			"SELECT id, name FROM products WHERE name = '' %s' ORDER BY price", "SELECT id, name FROM products WHERE name = '%s' ORDER BY price",
			"SELECT id, name FROM products WHERE id = 3 %s", "INSERT INTO products (id, name) VALUES (1, '%s')", "SELECT query_to_xml('%s', true, false, '')",
		}[r.IntN(5)]
		st := Statement{Account: "shop", Lexer: Lexer{Dialect: Dialect(r.IntN(2))}, Exchange: [...]string{"x", "mine", ""}[r.IntN(3)]}
		st.SQL = fmt.Sprintf(sql, fill(unit, 1<<(8+r.IntN(10))))
		var in []Candidate
		for range 1 + r.IntN(64) {
			v := [...]string{"", "zzz ", "zz'", "==", pick()}[r.IntN(5)] + fill([...]string{unit, unit, pick()}[r.IntN(3)], 1<<(2+r.IntN(15)))
			in = append(in, Candidate{Value: v, Place: gatehouse.Place{Kind: gatehouse.Query, Name: "q"}, Exchange: "x"})
		}
		s := new(scratch)
		began := time.Now()
		d := g.judge(s, st, in)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%d inputs of %.20q in %d bytes of %.20q take %s", len(in), in[0].Value, len(st.SQL), unit, took)
		}
		if over := -s.budget; over > slack(st, in) {
			t.Errorf("%d inputs of %.20q in %d bytes of %.20q: %d over the budget (%s, capped %v)", len(in), in[0].Value, len(st.SQL), unit, over, d.Rule, d.Capped)
		}
	}
}

// TestJudge_KnownShapeWithManyInputs_LooksAtItsOwn: a client that fills the budget
// with inputs of its own requests keeps nobody else's from being looked at.
func TestJudge_KnownShapeWithManyInputs_LooksAtItsOwn(t *testing.T) {
	g, err := New(Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SELECT id FROM products WHERE name = 'a'", "SELECT id FROM products WHERE name = 'a' OR name = 'b'"} {
		g.Learn(Statement{Account: "shop", SQL: sql}, Origin{}, time.Unix(0, 0))
	}
	attack := "b' OR name = 'c"
	st := Statement{Account: "shop", SQL: "SELECT id FROM products WHERE name = '" + attack + "'", Exchange: "mine"}
	st.SQL += strings.Repeat(" ", 1500) // what looks like whole inputs takes long to find
	var in []Candidate
	for range 60000 {
		in = append(in, Candidate{Value: "products", Exchange: "another"})
	}
	if d := g.Judge(st, in); !d.Known || !d.Capped || d.Verdict != gatehouse.Pass {
		t.Errorf("others' inputs alone: %+v", d)
	}
	d := g.Judge(st, append(in, Candidate{Value: attack, Exchange: "mine"}))
	if !d.Capped || d.Verdict != gatehouse.Deny || d.Rule != RuleStructure {
		t.Errorf("with its own: %+v", d)
	}
}
