// Package sqli is the corpus of SQL injections that the guard (package taint) is
// measured with: an application that concatenates, what clients send it, and
// the statements that come out. It was generated and frozen before the guard
// was tuned; the held-out splits are not looked at while tuning.
//
// It stops nothing. It trusts pg_query, PostgreSQL's own grammar, to say which
// statements are injections (see [Differs]), and two real databases to say
// which of them have an effect. It says nothing about false positives.
package sqli

//go:generate go run ./generate
