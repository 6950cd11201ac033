package taint

import "strings"

// The rules are those of src/tokenize.c, sqlite3GetToken.

var sqliteKinds = kindsOf(
	kindRow{"\v", stray | inSpace},
	kindRow{" \t\n\f\r", space | inSpace},
	kindRow{letters, word | inWord},
	kindRow{"xX", prefix | inWord},
	kindRow{digits, digit | inWord},
	kindRow{"'\"`", quote},
	kindRow{"[", quoted},
	kindRow{"$", dollar | inWord},
	kindRow{"@#:", dollar},
	kindRow{"?", question},
	kindRow{".", dot},
	kindRow{"(),;", punct},
	kindRow{"+*%&~=<>!|", operator},
	kindRow{"-", minus},
	kindRow{"/", slash},
	kindRow{"\xEF", mark | inWord},
)

func lexSQLite(sql string, dst []Token, limit int) (tokens []Token, read int) {
	table := sqliteKinds
	for i := 0; i < len(sql); {
		kind := table[sql[i]] & kinds
		switch {
		case kind == space:
			// A vertical tab is white space after white space only.
			for i++; i < len(sql) && table[sql[i]]&inSpace != 0; i++ {
			}
			continue
		case kind == mark && strings.HasPrefix(sql[i:], byteOrderMark):
			i += len(byteOrderMark)
			continue
		case len(dst) >= limit:
			return dst, i
		}
		var t Token
		switch kind {
		case word, mark:
			t = span(Word, i, wordEnd(table, sql, i+1))
		case punct:
			t = span(Punct, i, i+1)
		case quote:
			t = sqliteQuoted(sql, i)
		case operator:
			t = sqliteOperator(sql, i)
		case digit:
			t = sqliteNumber(sql, i)
		default:
			t = sqliteRare(sql, i, kind)
		}
		dst = append(dst, t)
		i = int(t.End)
	}
	return dst, len(sql)
}

// sqliteRare reads what begins with a byte that few tokens begin with.
func sqliteRare(sql string, i int, kind kind) Token {
	switch kind {
	case dot:
		if isDigit(sql, i+1) {
			return sqliteNumber(sql, i)
		}
		return span(Punct, i, i+1)
	case prefix:
		return sqliteBlob(sql, i)
	case quoted:
		return sqliteBracketed(sql, i)
	case question:
		return span(Param, i, digitsEnd(sql, i+1))
	case dollar:
		return sqliteParam(sql, i)
	case minus:
		return sqliteMinus(sql, i)
	case slash:
		return sqliteSlash(sql, i)
	}
	return span(Stray, i, i+1)
}

const byteOrderMark = "\xEF\xBB\xBF"

func sqliteQuoted(sql string, i int) Token {
	end := closing(sql, i+1, sql[i])
	switch {
	case end < 0:
		return unclosed(sql, i, 1)
	case sql[i] == '\'':
		return delimited(String, i, end, 1, 1)
	}
	return delimited(Quoted, i, end, 1, 1)
}

func sqliteBracketed(sql string, i int) Token {
	end := strings.IndexByte(sql[i:], ']')
	if end < 0 {
		return unclosed(sql, i, 1)
	}
	return delimited(Quoted, i, i+end+1, 1, 1)
}

// sqliteBlob reads a word, or x'1f'; a blob that is not pairs of hexadecimal
// digits is refused.
func sqliteBlob(sql string, i int) Token {
	if !isByte(sql, i+1, '\'') {
		return span(Word, i, wordEnd(sqliteKinds, sql, i+1))
	}
	end := i + 2
	for end < len(sql) && sqliteKinds[sql[end]]&inHex != 0 {
		end++
	}
	if isByte(sql, end, '\'') && (end-i)%2 == 0 {
		return delimited(String, i, end+1, 2, 1)
	}
	next := strings.IndexByte(sql[end:], '\'')
	if next < 0 {
		return unclosed(sql, i, 2)
	}
	return span(Stray, i, end+next+1)
}

// sqliteNumber reads a number; one with a word at its end, or with a _ that is
// not between two digits, is refused.
func sqliteNumber(sql string, i int) Token {
	end := i
	if sql[i] == '0' && i+2 < len(sql) && sql[i+1]|0x20 == 'x' && sqliteKinds[sql[i+2]]&inHex != 0 {
		for end += 3; end < len(sql) && (sqliteKinds[sql[end]]&inHex != 0 || sql[end] == '_'); end++ {
		}
	} else {
		end = sqliteDigits(sql, end)
		if isByte(sql, end, '.') {
			end = sqliteDigits(sql, end+1)
		}
		if exponent := exponentEnd(sql, end); exponent > end {
			end = sqliteDigits(sql, exponent)
		}
	}
	if after := wordEnd(sqliteKinds, sql, end); after > end {
		return span(Stray, i, after)
	}
	if !sqliteGrouped(sql[i:end]) {
		return span(Stray, i, end)
	}
	return span(Number, i, end)
}

func sqliteDigits(sql string, i int) int {
	for isDigit(sql, i) || isByte(sql, i, '_') {
		i++
	}
	return i
}

// sqliteGrouped says whether each _ of the number is between two digits.
func sqliteGrouped(number string) bool {
	allowed := inHex
	if len(number) < 2 || number[1]|0x20 != 'x' {
		allowed = 0
	}
	for i := 0; i < len(number); i++ {
		if number[i] != '_' {
			continue
		}
		for _, beside := range [2]int{i - 1, i + 1} {
			if !isDigit(number, beside) && (beside >= len(number) || sqliteKinds[number[beside]]&allowed == 0) {
				return false
			}
		}
	}
	return true
}

// sqliteParam reads :name, @name, #name and $name, the last of which TCL may
// write as $name::space(index); the rules are one for all four.
func sqliteParam(sql string, i int) Token {
	named := false
	end := i + 1
	for end < len(sql) {
		switch c := sql[end]; {
		case sqliteKinds[c]&inWord != 0:
			named = true
			end++
		case c == '(' && named:
			for end++; end < len(sql) && sql[end] != ')' && sqliteKinds[sql[end]]&inSpace == 0; end++ {
			}
			if isByte(sql, end, ')') {
				return span(Param, i, end+1)
			}
			return span(Stray, i, end)
		case c == ':' && isByte(sql, end+1, ':'):
			end += 2
		case named:
			return span(Param, i, end)
		default:
			return span(Stray, i, end)
		}
	}
	if named {
		return span(Param, i, end)
	}
	return span(Stray, i, end)
}

func sqliteOperator(sql string, i int) Token {
	var next byte
	if i+1 < len(sql) {
		next = sql[i+1]
	}
	two := false
	switch sql[i] {
	case '=':
		two = next == '='
	case '<':
		two = next == '=' || next == '>' || next == '<'
	case '>':
		two = next == '=' || next == '>'
	case '|':
		two = next == '|'
	case '!':
		if next != '=' {
			return span(Stray, i, i+1)
		}
		two = true
	}
	if two {
		return span(Operator, i, i+2)
	}
	return span(Operator, i, i+1)
}

func sqliteMinus(sql string, i int) Token {
	switch {
	case isByte(sql, i+1, '-'):
		end := strings.IndexByte(sql[i:], '\n')
		if end < 0 {
			end = len(sql) - i
		}
		return delimited(Line, i, i+end, 2, 0)
	case isByte(sql, i+1, '>') && isByte(sql, i+2, '>'):
		return span(Operator, i, i+3)
	case isByte(sql, i+1, '>'):
		return span(Operator, i, i+2)
	}
	return span(Operator, i, i+1)
}

// sqliteSlash reads a division, or a comment. One that is not closed goes on to
// the end and is no error; one with nothing after its start is no comment.
func sqliteSlash(sql string, i int) Token {
	if !isByte(sql, i+1, '*') || i+2 == len(sql) {
		return span(Operator, i, i+1)
	}
	end := strings.Index(sql[i+2:], "*/")
	if end < 0 {
		return unclosed(sql, i, 2)
	}
	return delimited(Block, i, i+2+end+2, 2, 2)
}
