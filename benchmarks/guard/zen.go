package main

import (
	"regexp"
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// This file is Zen's algorithm, written anew from what Aikido publishes of it
// (the early returns and the comparison of the tokens of the query with and
// without the input, github.com/AikidoSec/firewall-node and zen-internals), for
// comparison alone. Zen tokenises with sqlparser, this with Gatehouse's lexer;
// white space outside tokens counts by the character, as there.

var (
	plainWord   = regexp.MustCompile(`^[a-z0-9_]+$`)
	plainDigits = regexp.MustCompile(`^[0-9, ]+$`)
)

// zen reports whether Zen refuses a query for an input. Both are lower-cased by
// it first.
func zen(query, input string) bool {
	query, input = strings.ToLower(query), strings.ToLower(input)
	if len(input) <= 1 || len(query) <= len(input) || !strings.Contains(query, input) {
		return false
	}
	if plainWord.MatchString(input) || plainDigits.MatchString(input) {
		return false
	}
	input = strings.Trim(input, " ")
	if len(input) <= 1 {
		return false
	}
	with, ok := tokens(query)
	if !ok {
		return false // "failed to tokenize" lets pass, as shipped
	}
	without, ok := tokens(strings.ReplaceAll(query, input, strings.Repeat("a", len(input))))
	return !ok || with != without
}

// tokens counts tokens and white space; false where a quote or comment is open.
func tokens(query string) (n int, ok bool) {
	all, _ := taint.Lexer{Dialect: taint.PostgreSQL}.Lex(query, nil)
	end := 0
	for _, t := range all {
		if t.Class == taint.Open {
			return 0, false
		}
		n += 1 + int(t.Start) - end
		end = int(t.End)
	}
	return n + len(query) - end, true
}
