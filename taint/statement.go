package taint

import "github.com/gatehousehq/gatehouse"

// A Statement is one statement (or several with semicolons between them) as an
// application sends it to a database.
type Statement struct {
	// Account is the database account that it is sent by. Each account has
	// templates of its own.
	Account string
	Lexer   Lexer
	SQL     string
	// Params are the bound values that are text, in their order; others may be
	// left empty. They are values, except where a function executes them.
	Params []string
	// Exchange is the one that is known exactly to have caused the statement;
	// empty where that is not known. Where it is known, evidence from the
	// inputs of others is told and never refuses.
	Exchange string
	// Strict has a shape that is not known refused, with or without evidence.
	Strict bool
}

// A Candidate is one input in flight.
type Candidate struct {
	Value string
	Place gatehouse.Place
	// Exchange is the one whose client sent it.
	Exchange string
}

// Rules that a Decision names.
const (
	// RuleStructure: an input is part of the statement's structure.
	RuleStructure = "structure"
	// RuleStatement: an input is a whole statement, as in an SQL console.
	RuleStatement = "whole-statement"
	// RuleSink: an input is structure of a text that the database executes,
	// such as query_to_xml's argument.
	RuleSink = "executed-text"
	// RuleUnknown: the account never sent this shape before, and Strict is set.
	RuleUnknown = "unknown-shape"
	// RuleTooLarge: the statement is beyond what is judged, and an input is
	// large enough to be the cause.
	RuleTooLarge = "too-large"
)

// A Decision is what Judge concluded of one statement.
type Decision struct {
	// Verdict denies where the statement should not reach the database.
	Verdict gatehouse.Verdict
	// Rule is why, also where the verdict passes for want of attribution.
	Rule        string
	Fingerprint Fingerprint
	// Known is set where the account's templates hold the statement's shape.
	Known bool
	// Foreign is set where there is evidence, but only of inputs of exchanges
	// that did not cause the statement. The verdict passes.
	Foreign bool
	// Capped is set where a cap on work or size was reached. What was found
	// up to there counts; a statement that was not judged whole is not learned.
	Capped bool
	// Evidence is set where Rule is about an input.
	Evidence Evidence
	// Nearest is the shape of the template that the statement was compared
	// with; empty where it is known or far from all.
	Nearest string
	// Executes is set where a function of the statement executes text: values
	// bound to it later must be judged with it.
	Executes bool
	// Concatenated is set once in a while where an input lies in a literal of
	// the statement: it was put together by concatenation.
	Concatenated bool
	// Inside is the input that lies in a literal, where Concatenated is set.
	Inside Evidence
}

// Evidence is how an input and a statement meet.
type Evidence struct {
	// Place and Exchange are the input's.
	Place    gatehouse.Place
	Exchange string
	// Start and End are the bytes of the statement that the input explains.
	Start, End int
	// Decoding names what the application did to the input: "" for nothing
	// but case, white space and escapes, or such as "base64".
	Decoding string
	// Backward is set where not the input's whole text was found, but most of
	// what is new beside the nearest template occurs in inputs.
	Backward bool
}

// An Origin is who made an application send a statement, for learning.
type Origin struct {
	// ID is the principal or the client's address; empty for the application
	// itself (a background job, a migration).
	ID string
	// Candidates are the inputs that were in flight.
	Candidates []Candidate
}
