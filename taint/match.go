package taint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxIndexed is how much of a statement is indexed whole. Of a longer one only
// the ends of long literals are, since structure is outside them.
const maxIndexed = 64 << 10

// gramSize is how many bytes an index entry has: no shorter value is found.
const gramSize = 3

const heads = 1 << 12

// An index finds where a value may begin in a statement: every place of three
// bytes, folded, where white space of any kind is one.
type index struct {
	sql  string
	head [heads]int32 // place + 1 of the last one, chained by next
	next []int32      // by place
	// inside has a bit for each place that is wholly inside a string.
	inside []uint64
	bits   [heads / 64]uint64
	// pairs has a bit for each name of two letters.
	pairs [26*26/64 + 1]uint64
}

// pair is the place of two letters in index.pairs.
func pair(a, b byte) int { return int(fold[a]-'a')*26 + int(fold[b]-'a') }

// gram gives the hash of the three bytes at i.
func gram(s string, i int) uint32 {
	v := uint32(matching[s[i]]) | uint32(matching[s[i+1]])<<8 | uint32(matching[s[i+2]])<<16
	return v * gramFactor >> gramShift
}

const (
	gramFactor = 0x9E3779B1 // 2^32 divided by the golden ratio: Fibonacci hashing
	gramShift  = 32 - 12    // leaves heads
)

// matching is fold with every white space as a space.
var matching = func() (t [256]byte) {
	for i := range t {
		t[i] = fold[i]
		if isSpace(byte(i)) {
			t[i] = ' '
		}
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// filter prepares the index for mayHold alone: it tells at little cost that a
// value cannot be in the statement.
func (x *index) filter(sql string) {
	x.sql = sql
	clear(x.bits[:])
	if len(sql) < gramSize {
		return
	}
	v := uint32(matching[sql[0]])<<8 | uint32(matching[sql[1]])<<16
	for i := 2; i < len(sql); i++ {
		v = v>>8 | uint32(matching[sql[i]])<<16
		g := v * gramFactor >> gramShift
		x.bits[g>>6%uint32(len(x.bits))] |= 1 << (g & 63)
	}
}

// mayHold reports whether the statement may have v in it, apart from escapes:
// false is certain for values without quotes and backslashes in the places that
// are looked at.
func (x *index) mayHold(v string) bool {
	return x.has(gram(v, 0)) && x.has(gram(v, len(v)-gramSize)) && x.has(gram(v, len(v)/2-1))
}

func (x *index) has(g uint32) bool { return x.bits[g>>6]&(1<<(g&63)) != 0 }

// build prepares the index for places. What is inside strings is added first, so
// that it comes last: no input that begins there is structure but by the quote
// with which it ends the string.
func (x *index) build(sql string, tokens []Token) {
	x.sql = sql
	clear(x.head[:])
	if cap(x.next) < len(sql) {
		x.next = make([]int32, len(sql)+len(sql)/4)
	}
	x.next = x.next[:len(sql)]
	words := len(sql)/64 + 1
	if cap(x.inside) < words {
		x.inside = make([]uint64, words+words/4)
	}
	x.inside = x.inside[:words]
	clear(x.inside)
	clear(x.pairs[:])
	for _, t := range tokens {
		switch {
		case t.Class == String:
			x.content(t, len(sql) > maxIndexed)
		case t.Class == Word && t.End-t.Start == 2 && isLetter(sql[t.Start]) && isLetter(sql[t.Start+1]):
			p := pair(sql[t.Start], sql[t.Start+1])
			x.pairs[p>>6] |= 1 << (p & 63)
		}
	}
	from := 0
	for _, t := range tokens {
		switch {
		case t.Class == String:
			x.add(from, int(t.Start)+int(t.Lead))
			from = max(int(t.End)-int(t.Tail)-gramSize+1, int(t.Start)+int(t.Lead))
		case len(sql) > maxIndexed && isContainer(t.Class) && t.End-t.Start > 4*ends:
			x.add(from, int(t.Start)+ends)
			from = int(t.End) - ends
		}
	}
	x.add(from, len(sql))
}

// ends is how much of each end of a long literal is indexed in a long statement.
const ends = 48

// content adds what is wholly inside a string.
func (x *index) content(t Token, long bool) {
	from, to := int(t.Start)+int(t.Lead), int(t.End)-int(t.Tail)-gramSize+1
	for i := from; i < to; i++ {
		x.inside[i>>6] |= 1 << (i & 63)
	}
	if long && to-from > 4*ends {
		x.add(from, from+ends)
		from = to - ends
	}
	x.add(from, to)
}

// isInside reports whether a place is one inside a string; all that follow it
// are.
func (x *index) isInside(place int) bool { return x.inside[place>>6]&(1<<(place&63)) != 0 }

func (x *index) add(from, to int) {
	for i := from; i < to && i+gramSize <= len(x.sql); i++ {
		g := gram(x.sql, i)
		x.next[i] = x.head[g]
		x.head[g] = int32(i) + 1
	}
}

// places gives the first place where the three bytes of v at i may be, and
// after gives the next one; -1 is none.
func (x *index) places(v string, i int) int { return int(x.head[gram(v, i)]) - 1 }
func (x *index) after(place int) int        { return int(x.next[place]) - 1 }

// align compares v with sql from place on, and gives how far in v and up to
// where in sql they agree. Case does not count, nor does how much white space
// there is, nor whether a quote or a backslash in v was doubled in sql or has a
// backslash before it; with filters, nor what filters take out of v.
func align(v, sql string, place int, filters bool) (matched, end int) {
	i, j, taken := 0, place, 0
	for i < len(v) && j < len(sql) {
		if matching[v[i]] == matching[sql[j]] {
			i++
			j++
			continue
		}
		switch {
		case i > 0 && j > place && sql[j] == sql[j-1] && isDoubled(sql[j]) && v[i-1] == sql[j]:
			j++ // doubled
		case sql[j] == '\\' && (isDoubled(v[i]) || v[i] == 0):
			j++ // escaped
		case i > 0 && isSpace(v[i]) && isSpace(v[i-1]):
			i++
		case j > place && isSpace(sql[j]) && isSpace(sql[j-1]):
			j++
		default:
			n := 0
			if filters && i > 0 && taken < mostTaken {
				n = filtered(v[i:])
			}
			if n == 0 {
				return i, j
			}
			i += n
			taken++
		}
	}
	return i, j
}

// mostTaken is how often a filter is believed to have taken something out of one
// value.
const mostTaken = 64

// filtered is how long what v begins with is, where it is one of those that
// applications take out of inputs to be safe: "SELSELECTECT" becomes the word
// then.
func filtered(v string) int {
	switch fold[v[0]] {
	case 'a', 'd', 'i', 'o', 's', 'u', '-', '/', '*', ';', '\'', '"', '#':
	default:
		return 0
	}
	for _, word := range [...]string{"--", "/*", "*/", ";", "'", "\"", "#", "and", "or", "select", "union", "insert", "update", "delete", "drop"} {
		if len(v) >= len(word) && foldedEqual(v[:len(word)], word) {
			return len(word)
		}
	}
	return 0
}

// alignBack compares the ends of v and sql as align does their beginnings, and
// gives how much of v agrees.
func alignBack(v, sql string) (matched int) {
	i, j := len(v), len(sql)
	for i > 0 && j > 0 {
		c := sql[j-1]
		if matching[v[i-1]] == matching[c] {
			i--
			j--
			continue
		}
		matchedOne := i < len(v)
		switch {
		case matchedOne && isDoubled(c) && v[i] == c && sql[j] == c:
			j-- // doubled
		case matchedOne && c == '\\' && isDoubled(v[i]):
			j-- // escaped
		case matchedOne && isSpace(c) && isSpace(sql[j]):
			j--
		case matchedOne && isSpace(v[i-1]) && isSpace(v[i]):
			i--
		default:
			return len(v) - i
		}
	}
	return len(v) - i
}

func isDoubled(c byte) bool { return c == '\'' || c == '"' || c == '\\' || c == '`' }

// isContainer reports whether tokens of a class hold text that is no structure.
func isContainer(c Class) bool {
	switch c {
	case String, Quoted, Block, Line, Open:
		return true
	}
	return false
}

// trimmed gives v without white space, of any script, and control bytes at its
// ends.
func trimmed(v string) string {
	if v != "" && v[0] > ' ' && v[0] < utf8.RuneSelf && v[len(v)-1] > ' ' && v[len(v)-1] < utf8.RuneSelf {
		return v
	}
	return strings.TrimFunc(v, func(r rune) bool { return r <= ' ' || unicode.IsSpace(r) })
}
