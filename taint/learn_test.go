package taint_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func statement(sql string) taint.Statement { return taint.Statement{Account: "shop", SQL: sql} }

func TestLearn_WithInputsInFlight_WantsThreeOrigins(t *testing.T) {
	g := newGuard(t, taint.Options{})
	st := statement("SELECT id FROM posts WHERE title = 'a text of somebody'")
	in := of("x", "a text of somebody")
	for i, id := range []string{"anna", "anna", "anna", "ben", "carla"} {
		if learned, want := g.Learn(st, taint.Origin{ID: id, Candidates: in}, noon), i == 4; learned != want {
			t.Errorf("after origin %d (%s): learned %v", i+1, id, learned)
		}
	}
	if d := g.Judge(st, nil); !d.Known {
		t.Error("not known after three origins")
	}
	if s := g.Suspects(); len(s) != 0 {
		t.Errorf("still in quarantine: %+v", s)
	}
}

func TestLearn_OfTheApplicationItself_IsAtOnce(t *testing.T) {
	g := newGuard(t, taint.Options{})
	if !g.Learn(statement("DELETE FROM sessions WHERE expires < 17"), taint.Origin{}, noon) {
		t.Error("a job's statement was not learned")
	}
}

func TestLearn_ExplainedByAnInput_IsNever(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	st := statement("SELECT id, name FROM products WHERE name = '' OR 1=1 --' ORDER BY price")
	for i := range 100 {
		if g.Learn(st, taint.Origin{ID: fmt.Sprint(i), Candidates: of("x", "' OR 1=1 --")}, noon) {
			t.Fatalf("learned from origin %d", i+1)
		}
	}
	if n := len(g.Suspects()); n != 0 {
		t.Errorf("%d shapes in quarantine", n)
	}
}

// TestLearn_AttackInAnUnknownEncoding_IsHeldForAPerson: an application reverses
// its input, which no decoding undoes, and the attacker has a thousand addresses.
func TestLearn_AttackInAnUnknownEncoding_IsHeldForAPerson(t *testing.T) {
	for _, attack := range []string{"' OR 1=1 --", "' UNION SELECT id, password FROM users --", "'; DROP TABLE users --", "' OR 2=2 OR '", "' AND pg_sleep(5) = '"} {
		g := newGuard(t, taint.Options{}, ordinary...)
		st := statement("SELECT id, name FROM products WHERE name = '" + attack + "' ORDER BY price")
		hidden := hex.EncodeToString([]byte("salt" + reversed(attack)))
		for i := range 1000 {
			if g.Learn(st, taint.Origin{ID: fmt.Sprint("address ", i), Candidates: of("x", hidden)}, noon) {
				t.Fatalf("%s: learned from the %d. address", attack, i+1)
			}
		}
		suspects := g.Suspects()
		if len(suspects) != 1 || suspects[0].Held == "" || suspects[0].Seen != 1000 {
			t.Errorf("%s: in quarantine %+v", attack, suspects)
		}
	}
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// TestLearn_FloodOfTheApplicationsOwnStatements_HarmsNobody: a client sends all
// of the application's SQL as its inputs, all the time.
func TestLearn_FloodOfTheApplicationsOwnStatements_HarmsNobody(t *testing.T) {
	own := make([]string, 200)
	for i := range own {
		own[i] = fmt.Sprintf("SELECT c%d, name FROM t%d WHERE id = %d AND state = 'open' ORDER BY c%d", i, i%17, i, i)
	}
	g := newGuard(t, taint.Options{}, own[:100]...)
	flood := of("flood", own...)
	for n, sql := range own {
		st := statement(strings.ReplaceAll(sql, "open", "closed"))
		st.Exchange = "others"
		in := append(of("others", "closed", "name"), flood...)
		if d := g.Judge(st, in); d.Verdict != gatehouse.Pass {
			t.Fatalf("another's statement %d is refused by %s", n, d.Rule)
		}
		for i := range 3 {
			g.Learn(st, taint.Origin{ID: fmt.Sprint("person ", i), Candidates: of("others", "closed", "name")}, noon)
		}
		if d := g.Judge(st, in); !d.Known {
			t.Fatalf("statement %d was not learned beside the flood", n)
		}
	}
}

func TestLearn_MoreShapesThanTemplates_StopsAtTheBound(t *testing.T) {
	g := newGuard(t, taint.Options{MaxTemplates: 50, MaxQuarantine: 20})
	for i := range 500 {
		g.Learn(statement(fmt.Sprintf("SELECT a%d FROM t", i)), taint.Origin{}, noon)
		g.Learn(statement(fmt.Sprintf("SELECT b%d FROM t", i)), taint.Origin{ID: "anna", Candidates: of("x", "some longer text")}, noon.Add(time.Duration(i)))
	}
	s := g.Stats()[0]
	if s.Templates != 50 || s.Quarantined > 20 {
		t.Errorf("%d templates and %d in quarantine, want 50 and at most 20", s.Templates, s.Quarantined)
	}
}

func TestAccept_TakesAShapeOutOfQuarantine(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	st := statement("SELECT id, name FROM products WHERE name = 'x' UNION SELECT id, title FROM posts ORDER BY price")
	g.Learn(st, taint.Origin{ID: "anna", Candidates: of("x", "something long")}, noon)
	held := g.Suspects()
	if len(held) != 1 || held[0].Held == "" {
		t.Fatalf("quarantine: %+v", held)
	}
	if g.Accept("shop", "select 1", noon) {
		t.Error("accepted what is not in quarantine")
	}
	if !g.Accept("shop", held[0].Shape, noon) || !g.Judge(st, nil).Known {
		t.Error("not known after it was accepted")
	}
}

func TestTemplates_SurviveARestartAndAnUpgrade(t *testing.T) {
	g := newGuard(t, taint.Options{}, ordinary...)
	saved := g.Templates()
	if len(saved) != len(ordinary) {
		t.Fatalf("%d templates, want %d", len(saved), len(ordinary))
	}
	again := newGuard(t, taint.Options{Templates: saved})
	if d := again.Judge(statement(ordinary[0]), nil); !d.Known {
		t.Error("not known after a restart")
	}
	for i := range saved {
		saved[i].Version = taint.Version + 1
	}
	upgraded := newGuard(t, taint.Options{Templates: saved})
	if d := upgraded.Judge(statement(ordinary[0]), nil); d.Known {
		t.Error("a template of another version matches")
	}
	upgraded.Learn(statement(ordinary[0]), taint.Origin{}, noon)
	if n := len(upgraded.Templates()); n != len(ordinary)+1 {
		t.Errorf("%d templates beside the old ones, want %d", n, len(ordinary)+1)
	}
}

func TestFingerprint_IsKeyed(t *testing.T) {
	one, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := taint.New(taint.Options{Key: [32]byte{2}})
	if err != nil {
		t.Fatal(err)
	}
	if one.Judge(statement("SELECT 1"), nil).Fingerprint == two.Judge(statement("SELECT 1"), nil).Fingerprint {
		t.Error("the key does not count: shapes can be made to collide before they are sent")
	}
}

// TestFingerprint_DifferentShapes_DoNotCollide tries shapes that are near each
// other in every way a concatenation of tokens could confuse.
func TestFingerprint_DifferentShapes_DoNotCollide(t *testing.T) {
	g := newGuard(t, taint.Options{})
	seen := map[taint.Fingerprint]string{}
	words := []string{"a", "b", `"a b"`, `"a"`, "b a", "ab", `"?"`, "?", "'x'", "1", "$1", "$$?$$", "--", "/**/", ",", "(", ")", "''", `""""`, "e'?'"}
	shapes := 0
	for _, x := range words {
		for _, y := range words {
			for _, z := range words {
				sql := "select " + x + " " + y + " " + z
				f := g.Judge(statement(sql), nil).Fingerprint
				if before, ok := seen[f]; ok && !sameButLiterals(before, sql) {
					t.Fatalf("one fingerprint for %q and %q", before, sql)
				}
				if _, ok := seen[f]; !ok {
					shapes++
				}
				seen[f] = sql
			}
		}
	}
	if shapes < 1000 {
		t.Errorf("only %d shapes", shapes)
	}
}

// sameButLiterals compares with another reading: literals of one kind, all else
// as it is.
func sameButLiterals(a, b string) bool {
	shape := func(s string) string {
		tokens, _ := taint.Lexer{}.Lex(s, nil)
		var out []string
		for _, t := range tokens {
			text := s[t.Start:t.End]
			switch t.Class {
			case taint.String, taint.Number:
				text = "\x00"
			case taint.Block:
				text = "\x01"
			case taint.Line:
				text = "\x02"
			case taint.Param:
				text = "\x03"
			}
			out = append(out, text)
		}
		return strings.Join(out, "\x04")
	}
	return shape(a) == shape(b)
}
