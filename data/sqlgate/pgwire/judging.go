package pgwire

import (
	"context"
	"encoding/hex"
	"fmt"
	"unsafe"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
)

const (
	tooLongWords  = "statement refused by the gate: it is too long"
	encodingWords = "statement refused by the gate: letters beyond ASCII are not taken in this client_encoding"
)

// tokenPrefix begins what a refused statement is replaced by. It is no
// statement, so that the database's parser refuses it in every state of a
// transaction, and random, so that no other error has it in it.
const tokenPrefix = "gate_refused_"

// decided is what becomes of a statement.
type decided struct {
	ruling sqlgate.Ruling
	// judged is set where the judge passed it, and wants to know the outcome.
	judged    bool
	backslash bool
	doubt     bool // it may change the encoding
	unclear   bool // it may be read in two ways
	refused   bool
	words     string // for the client, where refused
}

func passed() sqlgate.Ruling { return sqlgate.Ruling{Verdict: gatehouse.Pass} }

// view is text as a string, without a copy. What gets it may not keep it: the
// bytes are a buffer's, and change when it is read into again.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// decide has a statement judged, under every reading that it may have. prepared
// is set where it is run later.
func (u *upward) decide(text []byte, prepared bool) decided {
	u.g.stats.statements.Add(1)
	u.mu.Lock()
	reading, unsettled := u.reading, u.asked != u.settled
	u.mu.Unlock()
	if reading.risky(text, unsettled) &&
		u.g.refused(u.ctx, u.a.Account, u.addr, sqlgate.RuleEncoding, "a statement is not ASCII, in an encoding in which a quotation mark may be half of a letter") {
		u.g.stats.refused.Add(1)
		return decided{refused: true, words: encodingWords}
	}
	st := sqlgate.Statement{SQL: view(text), Prepared: prepared, Backslash: reading.backslash, Client: u.addr}
	d := decided{ruling: u.g.judge(u.ctx, u.a, st), judged: true, backslash: st.Backslash}
	if d.ruling.Verdict == gatehouse.Pass && (unsettled || !reading.known) && readingsDiffer(text) {
		d.unclear = true
		st.Backslash = !st.Backslash
		other := u.g.judge(u.ctx, u.a, st)
		if other.Verdict == gatehouse.Pass && !prepared && len(d.ruling.Before)+len(other.Before) > 0 {
			other.Verdict = gatehouse.Deny // what is run before it speaks of one reading alone
		}
		if other.Verdict != gatehouse.Pass {
			u.g.ended(u.ctx, u.a, d.ruling, sqlgate.Outcome{Failed: true})
			d.ruling = other
		}
		d.ruling.Again = d.ruling.Again || other.Again || len(other.Before) > 0
	}
	if d.ruling.Verdict != gatehouse.Pass {
		u.g.stats.refused.Add(1)
		return decided{refused: true, words: refusedWords(d.ruling)}
	}
	d.doubt = mayChangeEncoding(text)
	return d
}

func refusedWords(r sqlgate.Ruling) string {
	if r.Request == "" {
		return "statement refused by the gate"
	}
	return fmt.Sprintf("statement refused by the gate (request %s)", r.Request)
}

// refusedEntry is for a message that is replaced.
func (u *upward) refusedEntry(kind byte, words string) entry {
	return entry{kind: kind, token: tokenPrefix + hex.EncodeToString(u.g.random(16)), state: stateRefused, words: words}
}

// judge asks the judge; one that panics refuses.
func (g *Gate) judge(ctx context.Context, a *account, st sqlgate.Statement) (r sqlgate.Ruling) {
	refuse := false
	defer func() {
		if refuse {
			r = sqlgate.Ruling{}
		}
	}()
	defer g.recovered(&refuse)
	return g.o.Judge.Judge(ctx, a.Account, st)
}

// attribute asks whose values are; nobody's where the judge panics.
func (g *Gate) attribute(a *account, st sqlgate.Statement) (by exchange.Attribution) {
	unknown := false
	defer func() {
		if unknown {
			by = exchange.Attribution{}
		}
	}()
	defer g.recovered(&unknown)
	return g.o.Judge.Attribute(a.Account, st)
}

// ended tells the judge.
func (g *Gate) ended(ctx context.Context, a *account, r sqlgate.Ruling, o sqlgate.Outcome) {
	var panicked bool // there is nothing left to refuse
	defer g.recovered(&panicked)
	g.o.Judge.Ended(ctx, a.Account, r, o)
}
