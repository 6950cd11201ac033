// Package taint judges SQL statements by one rule: an input may become a value,
// never structure. It stops SQL injection of every kind that leaves the text of
// a statement different from what the application writes, whichever way the
// input was encoded, cut or stored on its way.
//
// It trusts the statement's text and the candidates that it is given: which
// inputs were in flight, and from which exchange. It stops nothing in dynamic
// SQL that is put together inside the database (stored procedures), and does
// not tell an input that is a bad value from one that is a good one.
//
// It does no input and output and reads no clock. Templates are plain data:
// [Guard.Templates] gives them to be saved, Options.Templates takes them back.
//
// # How a statement is judged
//
// The lexers give each token with its span and never fail. The statement's
// shape is its tokens with literals replaced by "?"; the fingerprint is a keyed
// hash of the shape. A fingerprint that the account has produced before is the
// hot path. Any other statement is compared with the inputs in flight, forward
// (an input covers something that is not inside one literal) and backward (what
// is new beside the nearest template came from inputs).
package taint
