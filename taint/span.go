package taint

import "sort"

// What a span of a statement, which an input explains, is to its structure.
type weight uint8

const (
	// nothing: the span holds no structure: it is inside one literal, or is one,
	// or a list of numbers, or sorts by known columns.
	nothing weight = iota
	// inside: as nothing, and it is part of a literal of the statement's.
	inside
	// words: the span is structure that ordinary values often look like: a name, a
	// keyword. It is evidence only where a template has one value in its place.
	words
	// phrase: as words, of several tokens: it is evidence also where a template
	// has one name in its place.
	phrase
	// whole: the span is the whole statement.
	whole
	// code: the span is structure that no ordinary value looks like.
	code
	// broken: the span begins inside a literal, a quoted name or a comment and
	// ends outside it.
	broken
)

// A text is a statement, or a text that one has the database execute, with its
// tokens.
type text struct {
	sql    string
	tokens []Token
	// account is whose names are known; nil knows none.
	account *account
	// steps counts the tokens that weigh went back over, which may be all that
	// there are, for whoever pays.
	steps int
}

// shortestCut is how much of an input's beginning must be found where an
// application cut the rest: "1' AND " stands in ordinary statements.
const shortestCut = 12

// longCut is how much of an input that was cut must be found where an
// application puts no value.
const longCut = 24

// entered is how much of a literal, with its delimiter, an input that was cut
// must explain to count as having opened it.
const entered = 8

// weigh tells what the bytes from start to end are. Full is set where all of an
// input was found, not only its beginning.
func (t *text) weigh(start, end int, full bool) weight {
	first := sort.Search(len(t.tokens), func(i int) bool { return int(t.tokens[i].End) > start })
	if first > 0 && int(t.tokens[first-1].End) == start && isContainer(t.tokens[first-1].Class) && t.tokens[first-1].Tail == 0 {
		first-- // at the end of a comment or of what is not closed
	}
	if first == len(t.tokens) {
		return nothing
	}
	if w, ok := t.fromInside(first, start, end, full); ok {
		return w
	}
	last := first
	for last+1 < len(t.tokens) && int(t.tokens[last+1].Start) < end {
		last++
	}
	if int(t.tokens[first].Start) >= end {
		return nothing // white space
	}
	return t.fromOutside(first, last, start, end, full)
}

// closes reports whether a string's closing quote begins at a place, and where its
// content does.
func (t *text) closes(place int) (content int, ok bool) {
	i := t.at(place)
	if i < 0 || t.tokens[i].Class != String || place != int(t.tokens[i].End)-int(t.tokens[i].Tail) {
		return 0, false
	}
	return int(t.tokens[i].Start) + int(t.tokens[i].Lead), true
}

// insideOne reports whether the bytes from start to end are of one token.
func (t *text) insideOne(start, end int) bool {
	i := t.at(start)
	return i >= 0 && end <= int(t.tokens[i].End)
}

// at is the token that has a place, or the next one; -1 behind the last.
func (t *text) at(place int) int {
	i := sort.Search(len(t.tokens), func(i int) bool { return int(t.tokens[i].End) > place })
	if i == len(t.tokens) {
		return -1
	}
	return i
}

// fromInside weighs a span that begins inside a token with content.
func (t *text) fromInside(i, start, end int, full bool) (weight, bool) {
	k := t.tokens[i]
	if !isContainer(k.Class) || start < int(k.Start)+int(k.Lead) {
		return nothing, false
	}
	if k.Class == Block && isHint(t.sql[k.Start:k.End]) {
		return code, true
	}
	if end <= int(k.End)-int(k.Tail) {
		if k.Class == String {
			return inside, true
		}
		return nothing, true
	}
	beyond := 0
	for _, next := range t.tokens[i+1:] {
		if int(next.Start) >= end {
			break
		}
		if int(next.End) <= end || isContainer(next.Class) && end-int(next.Start) >= entered {
			beyond++
		}
		if next.Class == Line || next.Class == Block || next.Class == Open {
			beyond += 2 // a comment in its place is telling, cut or not
		}
	}
	if !full && (beyond < 2 || end-start < shortestCut) {
		return nothing, true
	}
	for beyond == 0 && end > int(k.End) && isSpace(t.sql[end-1]) {
		end--
	}
	if beyond == 0 && end <= int(k.End) {
		// The input ends with the quote that ends the literal: either it brought
		// that quote, or the text is 'O''Brien' cut at the quote, or another
		// client's "open' --", whose comment a filter would have taken out, stands
		// beside the application's own 'open'.
		return words, true
	}
	return broken, true
}

// fromOutside weighs a span that covers the tokens from first to last, the
// outer ones perhaps in part.
func (t *text) fromOutside(first, last, start, end int, full bool) weight {
	n := last - first + 1
	switch {
	case n == 1 && (int(t.tokens[first].Start) < start || int(t.tokens[first].End) > end):
		return nothing // a part of a word
	case t.isLiteral(first, last):
		return nothing
	case t.isNumberList(first, last):
		return nothing
	case t.isNames(first, last):
		switch {
		case !t.lists(first, last) && t.sorts(first) && t.allKnown(first, last):
			return nothing
		case first == last:
			return words
		}
		return phrase
	}
	if first == 0 || t.isPunct(first-1, ';') {
		if full && n >= 4 && (end-start)*10 >= len(t.sql)*8 {
			return whole
		}
		switch {
		case first == 0:
			return words
		case !full:
			return phrase // the beginning of a statement that v quotes
		}
	}
	if int(t.tokens[first].Start) < start && t.tokens[first].Class != Number {
		if end-start < entered || n < 3 {
			return words // begins in the middle of a word: chance
		}
		return phrase
	}
	if !t.hasCode(first, last) || t.beginsClause(first) {
		return phrase
	}
	if !full && (n < 3 || end-start < longCut && !t.afterValuePlace(first)) {
		return phrase
	}
	return code
}

func (t *text) textOf(i int) string { return t.sql[t.tokens[i].Start:t.tokens[i].End] }

func (t *text) isPunct(i int, c byte) bool {
	return i >= 0 && i < len(t.tokens) && t.tokens[i].Class == Punct && t.sql[t.tokens[i].Start] == c
}

// isLiteral reports whether the tokens are one literal, perhaps signed.
func (t *text) isLiteral(first, last int) bool {
	if first < last && t.isSign(first) {
		first++
	}
	switch t.tokens[first].Class {
	case String, Number:
		return first == last
	case Word:
		return first == last && isConstant(t.textOf(first))
	}
	return false
}

func (t *text) isSign(i int) bool {
	s := t.textOf(i)
	return t.tokens[i].Class == Operator && (s == "-" || s == "+")
}

// isNumberList reports whether the tokens are numbers with commas between them,
// inside IN (…) or brackets: an application that splits and checks them writes
// them so.
func (t *text) isNumberList(first, last int) bool {
	for i := first; i <= last; i++ {
		unary := t.isSign(i) && (i == 0 || t.tokens[i-1].Class != Number)
		if t.tokens[i].Class != Number && !t.isPunct(i, ',') && !unary {
			return false
		}
	}
	for i := first - 1; i >= 0; i-- {
		t.steps++
		switch {
		case t.tokens[i].Class == Number || t.isPunct(i, ',') || t.isSign(i):
		case t.isPunct(i, '['):
			return true
		case t.isPunct(i, '('):
			return i > 0 && foldedEqual(t.textOf(i-1), "in")
		default:
			return false
		}
	}
	return false
}

// isNames reports whether the tokens are names, dotted or listed, perhaps with
// directions, or one keyword or operator.
func (t *text) isNames(first, last int) bool {
	if first == last {
		switch t.tokens[first].Class {
		case Word, Quoted, Operator, Punct, Param:
			return true
		}
		return false
	}
	for i := first; i <= last; i++ {
		switch t.tokens[i].Class {
		case Quoted:
		case Word:
			if w := wordsOf(t.textOf(i)); w&^direction != 0 {
				return false
			}
		case Punct:
			if c := t.sql[t.tokens[i].Start]; c != ',' && c != '.' {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// lists reports whether a comma is among the tokens.
func (t *text) lists(first, last int) bool {
	for i := first; i <= last; i++ {
		if t.isPunct(i, ',') {
			return true
		}
	}
	return false
}

// sorts reports whether token i stands in ORDER BY or GROUP BY.
func (t *text) sorts(i int) bool {
	for i--; i >= 0; i-- {
		t.steps++
		switch t.tokens[i].Class {
		case Word:
			if foldedEqual(t.textOf(i), "by") {
				return true
			}
			if wordsOf(t.textOf(i))&(clause|verb|joiner|beforeOperand) != 0 {
				return false
			}
		case Quoted, Number, Punct:
			if t.isPunct(i, '(') || t.isPunct(i, ')') || t.isPunct(i, ';') {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// allKnown reports whether every name is one that the account's templates have.
func (t *text) allKnown(first, last int) bool {
	for i := first; i <= last; i++ {
		c := t.tokens[i].Class
		if c != Word && c != Quoted || c == Word && wordsOf(t.textOf(i))&direction != 0 {
			continue
		}
		if t.account == nil || !t.account.knows(nameOf(t.textOf(i))) {
			return false
		}
	}
	return true
}

// nameOf is a name without its quotes.
func nameOf(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '`' || s[0] == '[') {
		return s[1 : len(s)-1]
	}
	return s
}

// afterValuePlace reports whether token i stands where an application puts a
// value.
func (t *text) afterValuePlace(i int) bool {
	if i == 0 {
		return false
	}
	switch k := t.tokens[i-1]; k.Class {
	case Operator:
		return true
	case Punct:
		c := t.sql[k.Start]
		return c == '(' || c == ',' || c == '['
	case Word:
		switch w := t.textOf(i - 1); {
		case foldedEqual(w, "where"), foldedEqual(w, "and"), foldedEqual(w, "or"), foldedEqual(w, "on"), foldedEqual(w, "set"):
			return false
		default:
			return wordsOf(w)&(beforeOperand|direction) != 0
		}
	}
	return false
}

// beginsClause reports whether token i begins a part of a statement that can
// follow no value place: such a text is one that speaks of SQL.
func (t *text) beginsClause(i int) bool {
	return t.tokens[i].Class == Word && wordsOf(t.textOf(i))&clause != 0 && t.afterName(i)
}

// afterName reports whether a name or a closing bracket precedes token i.
func (t *text) afterName(i int) bool {
	if i == 0 {
		return false
	}
	k := t.tokens[i-1]
	return k.Class == Quoted || k.Class == Word && wordsOf(t.textOf(i-1)) == 0 || t.isPunct(i-1, ')') || k.Class == Operator
}

// hasCode reports whether the tokens hold what no ordinary value has where it
// would be SQL: a comment, a further statement, a query, a call, or a condition
// with an operand.
func (t *text) hasCode(first, last int) bool {
	for i := first; i <= last; i++ {
		k := t.tokens[i]
		switch k.Class {
		case Line, Block, Open, Stray:
			return true
		case Punct:
			if c := t.sql[k.Start]; c == ';' || c == '(' || c == ')' {
				return true
			}
		case Word:
			if w := wordsOf(t.textOf(i)); w&(joiner|verb|quantifier) != 0 && i < last {
				return true
			}
			if i < last && wordsOf(t.textOf(i))&beforeOperand != 0 {
				return true
			}
			if i < last && wordsOf(t.textOf(i))&clause != 0 && i > first {
				return true
			}
		case Operator:
			if i > first || i < last {
				return true
			}
		}
	}
	// Two literals side by side, a list of several kinds, a cast.
	for i := first; i < last; i++ {
		if t.tokens[i].Class == String || t.tokens[i].Class == Number {
			return true
		}
	}
	return false
}
