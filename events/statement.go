package events

import (
	"strconv"
	"time"

	"github.com/gatehousehq/gatehouse"
)

// A Statement is what an event says of an SQL statement. SQL and Template come
// without literals (taint.Mark, taint.Decision.Nearest); every field may be
// empty, and a value of the statement belongs into none.
type Statement struct {
	// Account is the database account that sent it.
	Account string
	// SQL is the statement without its literals, the input's span marked.
	SQL string
	// Template is the shape of the known statement nearest to it.
	Template string
	// Decoding is what the application did to the input.
	Decoding string
	// From is the request whose input it is, where that is not the event's own.
	From string
	// Table is the table that it reads or writes first.
	Table string
}

func (s Statement) detail(more ...string) map[string]string {
	return detail(append([]string{
		"account", s.Account, "table", s.Table, "statement", s.SQL, "template", s.Template, "decoding", s.Decoding,
		"from", s.From,
	}, more...)...)
}

// MaliciousSQLi is a statement that an input became structure of.
func MaliciousSQLi(a About, d gatehouse.Decision, o gatehouse.Outcome, s Statement) gatehouse.Event {
	e := decided("malicious_sqli", a, d, o)
	if d.Place.Kind == gatehouse.Row {
		e.Words = secondOrderWords(o)
	}
	if o != gatehouse.Refused {
		e.Level = gatehouse.Warning // it passed because a person said so
	}
	e.Detail = s.detail()
	return e
}

// secondOrderWords say whose doing it need not be: the value was stored before.
func secondOrderWords(o gatehouse.Outcome) string {
	const what = "a value read from the database became part of a statement's structure; who stored it need not be this client."
	switch o {
	case gatehouse.Refused:
		return "Refused: " + what
	case gatehouse.Allowed:
		return "Passed by an allow entry: " + what
	}
	return "Passed, as the rung observes: " + what
}

// StatementDenied is a statement, or a session, for what its account may not
// have or do.
func StatementDenied(a About, d gatehouse.Decision, o gatehouse.Outcome, s Statement) gatehouse.Event {
	e := decided("authz_fail", a, d, o)
	e.Detail = s.detail()
	return e
}

// LoginFail is a client that named an account without proving to be it.
func LoginFail(a About, d gatehouse.Decision, o gatehouse.Outcome, account string) gatehouse.Event {
	e := decided("authn_login_fail", a, d, o)
	e.Detail = detail("account", account)
	return e
}

// MassRows is a statement that returned, or changed, more rows than its account
// is declared for: a table on its way out, or an update without a condition.
func MassRows(a About, d gatehouse.Decision, o gatehouse.Outcome, rows int64, s Statement) gatehouse.Event {
	e := decided("gate_mass_rows", a, d, o)
	e.Detail = s.detail("rows", strconv.FormatInt(rows, 10))
	return e
}

// DatabaseFailed is a database that an SQL gate can't reach.
func DatabaseFailed(gate, database string, err error) gatehouse.Event {
	e := plain("gate_database_failed", "The database of the SQL gate "+text(gate, 64)+" accepts no connections.")
	e.Detail = detail("gate", gate, "database", database, "error", message(err))
	return e
}

// DatabaseRecovered is one that accepts connections again, after that long.
func DatabaseRecovered(gate, database string, after time.Duration) gatehouse.Event {
	e := plain("gate_database_recovered", "The database of the SQL gate "+text(gate, 64)+" accepts connections again.")
	e.Detail = detail("gate", gate, "database", database, "after", after.Round(time.Millisecond).String())
	return e
}

// ShapeQuarantined is a statement of a shape that the account was not known to
// send. It is observed once for each shape, or refused each time where the rung
// is strict.
func ShapeQuarantined(a About, d gatehouse.Decision, o gatehouse.Outcome, s Statement) gatehouse.Event {
	e := decided("gate_shape_quarantined", a, d, o)
	if o == gatehouse.Refused {
		e.Level = gatehouse.Warning
	}
	e.Detail = s.detail()
	return e
}

// TemplateLearned is a shape that is known from now on.
func TemplateLearned(a About, route string, s Statement) gatehouse.Event {
	e := statement("gate_template_learned", a, route, "", s)
	e.Words = "A shape of statement is known from now on: account " + text(s.Account, 64) + " sends it."
	return e
}

// GuardCapped is a statement that was not judged whole: too large, or too much
// work. An outcome is given where that led to a decision.
func GuardCapped(a About, d gatehouse.Decision, o gatehouse.Outcome, s Statement) gatehouse.Event {
	e := decided("gate_guard_capped", a, d, o)
	if o == "" {
		e.Rung, e.Rule, e.Status = text(d.Rung, 128), "", 0
		e.Words = "A statement was judged in part: it reached a bound of size or work."
	}
	e.Detail = s.detail()
	return e
}

// Concatenation is the finding that the application puts an input into the text
// of a statement.
func Concatenation(a About, route string, place gatehouse.Place, n Times, s Statement) gatehouse.Event {
	e := statement("gate_concatenation", a, route, place.String(), s)
	e.Words = "The application puts an input into the text of a statement; bind it as a parameter."
	e.Count, e.Until = n.Count, n.Until
	return e
}

// Times says how many statements a finding stands for, and when the last was.
type Times struct {
	Count uint64
	Until time.Time
}

// A Stored is where and how a password reaches the database.
type Stored struct {
	// Form is "plaintext", "base64", or the name of a fast hash.
	Form string
	// Column is the column that it is written to.
	Column string
}

// PasswordStored is the finding that the application stores a password of the
// request in a form that is plain or quickly guessed. The password is not told.
func PasswordStored(a About, d gatehouse.Decision, o gatehouse.Outcome, n Times, st Stored, s Statement) gatehouse.Event {
	e := decided("gate_password_stored", a, d, o)
	e.Count, e.Until = n.Count, n.Until
	e.Detail = s.detail("form", st.Form, "column", st.Column)
	return e
}

// statement is an event about a statement that nobody decided about.
func statement(name string, a About, where, field string, s Statement) gatehouse.Event {
	e := about(name, a)
	e.Route, e.Field = route(where), text(field, 256)
	e.Detail = s.detail()
	return e
}
