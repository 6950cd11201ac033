package benign_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/tests/attacks/benign"
)

// exchanges is how many of each program's exchanges the ordinary run judges.
const exchanges = 300

// neighbours is how many inputs of other requests each statement is judged with.
const neighbours = 64

// TestGuard_OrdinaryStatements_PassWithTheirOwnAndOthersInputs judges each
// statement with its own request's inputs, its cause known, and with the inputs
// of other requests beside them; first with nothing learned, and then learning
// from what passed, as a gate does.
func TestGuard_OrdinaryStatements_PassWithTheirOwnAndOthersInputs(t *testing.T) {
	for _, app := range benign.Apps() {
		t.Run(app, func(t *testing.T) {
			all := benign.Loaded(t, app)
			if os.Getenv("GATEHOUSE_LONG") == "" {
				all = all[:min(exchanges, len(all))]
			}
			for _, learning := range []bool{false, true} {
				judgeAll(t, all, learning)
			}
		})
	}
}

func judgeAll(t *testing.T, all []benign.Exchange, learning bool) {
	t.Helper()
	guard, err := taint.New(taint.Options{Key: [32]byte{1}, MaxTemplates: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	statements, known, refused := 0, 0, 0
	var others []taint.Candidate
	for _, x := range all {
		id := fmt.Sprint(x.N)
		own := candidates(t, x, id)
		inFlight := append(append([]taint.Candidate(nil), own...), others[max(0, len(others)-neighbours):]...)
		for _, s := range x.Statements {
			st := taint.Statement{Account: s.Account, Lexer: taint.Lexer{Dialect: taint.PostgreSQL}, SQL: s.SQL, Params: s.Params, Exchange: id}
			d := guard.Judge(st, inFlight)
			statements++
			if d.Known {
				known++
			}
			if d.Verdict != gatehouse.Pass {
				refused++
				if refused <= 10 {
					t.Errorf("exchange %d: refused by %s (%s, %q, backward %v): %s\ninput: %.300q\nspan: %.300q", x.N, d.Rule, d.Evidence.Place, d.Evidence.Decoding,
						d.Evidence.Backward, taint.Mark(st, d.Evidence), valueAt(own, d.Evidence.Place), s.SQL[d.Evidence.Start:d.Evidence.End])
				}
				continue
			}
			if learning && !d.Known {
				guard.Learn(st, taint.Origin{ID: fmt.Sprint(x.N % 16), Candidates: own}, time.Unix(int64(x.N), 0))
			}
		}
		others = append(others[max(0, len(others)-neighbours):], own...)
	}
	t.Logf("learning %v: %d statements, %d known, %d refused", learning, statements, known, refused)
}

func valueAt(all []taint.Candidate, p gatehouse.Place) string {
	for _, c := range all {
		if c.Place == p {
			return c.Value
		}
	}
	return ""
}

// candidates are an exchange's inputs, each value once, as package exchange
// gives them.
func candidates(t *testing.T, x benign.Exchange, id string) []taint.Candidate {
	t.Helper()
	var all []taint.Candidate
	seen := make(map[string]bool)
	for _, in := range x.Inputs {
		if seen[in.Value] {
			continue
		}
		seen[in.Value] = true
		place, err := gatehouse.ParsePlace(in.Kind + ":" + in.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, taint.Candidate{Value: in.Value, Place: place, Exchange: id})
	}
	return all
}
