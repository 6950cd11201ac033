package taint

// fold maps ASCII letters to lower case, as both servers do with words.
var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}()

// foldedEqual reports whether s, folded, is word, which is in lower case.
func foldedEqual(s, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i := range len(s) {
		if fold[s[i]] != word[i] {
			return false
		}
	}
	return true
}

// wordSet is what a keyword means to the guard.
type wordSet uint16

const (
	// beforeOperand: an operand follows, so that a sign after it is unary.
	beforeOperand wordSet = 1 << iota
	// beforeConstant: NULL, TRUE or FALSE after it is a value.
	beforeConstant
	// quantifier: ANY, ALL, SOME.
	quantifier
	// clause: begins a part of a statement, never an operand.
	clause
	// joiner: joins two conditions or two queries.
	joiner
	// direction: says how to sort.
	direction
	// verb: begins a statement.
	verb
	// writes: begins a statement that changes rows.
	writes
)

const longestWord = 12

// wordsOf gives what a word means, in any case; zero for any other.
func wordsOf(text string) wordSet {
	if len(text) > longestWord {
		return 0
	}
	var folded [longestWord]byte
	for i := range len(text) {
		folded[i] = fold[text[i]]
	}
	switch string(folded[:len(text)]) {
	case "select":
		return beforeOperand | beforeConstant | verb
	case "then", "else", "values", "return":
		return beforeOperand | beforeConstant
	case "where", "having", "on", "limit", "offset", "set":
		return beforeOperand | clause
	case "and", "or":
		return beforeOperand | joiner
	case "union", "intersect", "except":
		return joiner
	case "not", "when", "between", "like", "ilike", "similar", "distinct", "case", "by", "returning", "in":
		return beforeOperand
	case "any", "all", "some":
		return quantifier
	case "from", "group", "order", "join", "inner", "left", "right", "full", "cross", "window", "fetch", "for", "using":
		return clause
	case "into", "natural":
		return clause
	case "asc", "desc", "nulls", "first", "last":
		return direction
	case "insert", "update", "replace", "merge":
		return verb | writes
	case "delete":
		return verb | writes
	case "with", "create", "alter", "drop", "truncate", "grant", "revoke", "copy", "call", "do", "execute", "prepare",
		"begin", "commit", "rollback", "savepoint", "release", "show", "explain", "vacuum", "pragma", "attach", "declare", "lock", "start":
		return verb
	}
	return 0
}

// isConstant reports whether a word is a literal.
func isConstant(text string) bool {
	switch len(text) {
	case 4:
		return foldedEqual(text, "null") || foldedEqual(text, "true")
	case 5:
		return foldedEqual(text, "false")
	}
	return false
}
