package taint_test

import (
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

var postgresTests = []lexTest{
	{"empty", "", ""},
	{"white space of every kind", " \t\n\r\f\v", ""},
	{"statement", "SELECT a.b, 1 FROM t;", `word:"SELECT" word:"a" punct:"." word:"b" punct:"," number:"1" word:"FROM" word:"t" punct:";"`},
	{"string", "'a'", `string:"'a'"1+1`},
	{"string with a doubled quote", "'a''b'", `string:"'a''b'"1+1`},
	{"empty string", "''", `string:"''"1+1`},
	{"one doubled quote", "''''", `string:"''''"1+1`},
	{"backslash in a standard string", `'a\' b`, `string:"'a\\'"1+1 word:"b"`},
	{"string open", "'a''", `open:"'a''"1+0`},
	{"string open, nothing in it", "'", `open:"'"1+0`},
	{"parts on one line", "'a' 'b'", `string:"'a'"1+1 string:"'b'"1+1`},
	{"parts on two lines", "'a' \n\t'b'", `string:"'a' \n\t'b'"1+1`},
	{"parts with comments between", "'a' -- x\r --y\n'b'", `string:"'a' -- x\r --y\n'b'"1+1`},
	{"parts with a comment that has no end", "'a'\n--'b'", `string:"'a'"1+1 line:"--'b'"2+0`},
	{"parts with a minus between", "'a'\n- 'b'", `string:"'a'"1+1 operator:"-" string:"'b'"1+1`},
	{"parts with a block comment between", "'a'\n/**/'b'", `string:"'a'"1+1 block:"/**/"2+2 string:"'b'"1+1`},
	{"second part open", "'a'\n'b", `open:"'a'\n'b"1+0`},
	{"second part has a prefix", "'a'\nE'b'", `string:"'a'"1+1 string:"E'b'"2+1`},
	{"escapes", `E'a\'b' e'\\'`, `string:"E'a\\'b'"2+1 string:"e'\\\\'"2+1`},
	{"escape over a doubled quote", `E'\''' a`, `open:"E'\\''' a"2+0`},
	{"escapes in the second part", "E'a'\n'\\''", `string:"E'a'\n'\\''"2+1`},
	{"escape last", `E'\`, `open:"E'\\"2+0`},
	{"escaped string open", `E'\'`, `open:"E'\\'"2+0`},
	{"unicode", `U&'\0061' u&"a" U&'a'`, `string:"U&'\\0061'"3+1 quoted:"u&\"a\""3+1 string:"U&'a'"3+1`},
	{"unicode has no escaped quote", `U&'\' '`, `string:"U&'\\'"3+1 open:"'"1+0`},
	{"unicode open", `U&'a`, `open:"U&'a"3+0`},
	{"unicode identifier open", `u&"a`, `open:"u&\"a"3+0`},
	{"not unicode", "u&a U& 'a' U &'a'", `word:"u" operator:"&" word:"a" word:"U" operator:"&" string:"'a'"1+1 word:"U" operator:"&" string:"'a'"1+1`},
	{"uescape", "U&'!0061' UESCAPE '!'", `string:"U&'!0061'"3+1 word:"UESCAPE" string:"'!'"1+1`},
	{"bits", "B'01' b'1'\n'0' X'1f' x''", `string:"B'01'"2+1 string:"b'1'\n'0'"2+1 string:"X'1f'"2+1 string:"x''"2+1`},
	{"bits end at a doubled quote", "B'1''0'", `string:"B'1'"2+1 string:"'0'"1+1`},
	{"bits open", "X'1f", `open:"X'1f"2+0`},
	{"national", "N'a''b' n'c' nn'd'", `string:"N'a''b'"2+1 string:"n'c'"2+1 word:"nn" string:"'d'"1+1`},
	{"national open", "N'", `open:"N'"2+0`},
	{"prefix at the end of a word", "ae'b' _x'1' 1e'2'", `word:"ae" string:"'b'"1+1 word:"_x" string:"'1'"1+1 number:"1" string:"e'2'"2+1`},
	{"quoted identifier", `"a""b" "A".""`, `quoted:"\"a\"\"b\""1+1 quoted:"\"A\""1+1 punct:"." quoted:"\"\""1+1`},
	{"quoted identifiers are not joined", "\"a\"\n\"b\"", `quoted:"\"a\""1+1 quoted:"\"b\""1+1`},
	{"quoted identifier open", `"a""`, `open:"\"a\"\""1+0`},
	{"dollar quote", "$$a'b$$ $t$x$u$y$t$", `string:"$$a'b$$"2+2 string:"$t$x$u$y$t$"3+3`},
	{"dollar quote with part of its tag inside", "$ab$ $a$ $ab $ab$", `string:"$ab$ $a$ $ab $ab$"4+4`},
	{"dollar quote shares a dollar", "$a$x$$a$", `string:"$a$x$$a$"3+3`},
	{"dollar quote with a tag of high bytes", "$é1$x$é1$", `string:"$é1$x$é1$"5+5`},
	{"dollar quote's tag does not begin with a digit", "$1$2$", `param:"$1" param:"$2" stray:"$"`},
	{"dollar quote open", "$a$ x $b$", `open:"$a$ x $b$"3+0`},
	{"dollar quote open, nothing in it", "$$", `open:"$$"2+0`},
	{"dollar quote after a word is in the word", "a$b$c$b$", `word:"a$b$c$b$"`},
	{"dollar quote after a number", "1$a$b$a$", `number:"1" string:"$a$b$a$"3+3`},
	{"dollar alone", "$ a $b $", `stray:"$" word:"a" stray:"$" word:"b" stray:"$"`},
	{"parameters", "$1 $23+$4::int", `param:"$1" param:"$23" operator:"+" param:"$4" operator:"::" word:"int"`},
	{"parameter with a word at its end", "$1abc $1_0", `param:"$1" word:"abc" param:"$1" word:"_0"`},
	{"words", "select _a é9 a$1 \xff\x80 x", `word:"select" word:"_a" word:"é9" word:"a$1" word:"\xff\x80" word:"x"`},
	{"white space that is not ASCII is a word", "a\u00a0b\u3000c", `word:"a\u00a0b\u3000c"`},
	{"numbers", "1 1. .5 1.5 1e10 1.E-3 .5e+3 00", `number:"1" number:"1." number:".5" number:"1.5" number:"1e10" number:"1.E-3" number:".5e+3" number:"00"`},
	{"numbers with groups", "1_000 1_0.0_1 1_0e1_0 .1_0", `number:"1_000" number:"1_0.0_1" number:"1_0e1_0" number:".1_0"`},
	{"numbers with other bases", "0x1F 0Xff_FF 0o17 0b10 0x_1", `number:"0x1F" number:"0Xff_FF" number:"0o17" number:"0b10" number:"0x_1"`},
	{"range", "1..2 1_0..2 1. .2 1.5.2", `number:"1" operator:".." number:"2" number:"1_0" operator:".." number:"2" number:"1." number:".2" number:"1.5" number:".2"`},
	{"number with a word at its end", "1a 1or 1.5union 1e5x 1_000a", `number:"1" word:"a" number:"1" word:"or" number:"1.5" word:"union" number:"1e5" word:"x" number:"1" word:"_000a"`},
	{"number with half an exponent", "1e 1e+ 1.5e- 1ee5", `number:"1" word:"e" number:"1" word:"e" operator:"+" number:"1.5" word:"e" operator:"-" number:"1" word:"ee5"`},
	{"number with misplaced groups", "1_ 1__0 1._5 1e_5", `number:"1" word:"_" number:"1" word:"__0" number:"1." word:"_5" number:"1" word:"e_5"`},
	{"number with half a base", "0x 0xg 0b2 0b12 0o8 0x1g 0x_ 0x1_", `number:"0" word:"x" number:"0" word:"xg" number:"0" word:"b2" number:"0" word:"b12" number:"0" word:"o8" number:"0" word:"x1g" number:"0" word:"x_" number:"0" word:"x1_"`},
	{"number and dollar", "1$ 1_0$ 0x1$ 1.5$ 1_0.5$ 1_0.5e1$", `number:"1" stray:"$" number:"1" word:"_0$" number:"0" word:"x1$" number:"1.5" stray:"$" number:"1_0.5" stray:"$" number:"1" word:"_0" number:".5e1" stray:"$"`},
	{"operators", "a+b-c*d/e%f^g<h>i=j", `word:"a" operator:"+" word:"b" operator:"-" word:"c" operator:"*" word:"d" operator:"/" word:"e" operator:"%" word:"f" operator:"^" word:"g" operator:"<" word:"h" operator:">" word:"i" operator:"=" word:"j"`},
	{"longer operators", "<= >= <> != => ->> || @> <=> !~~* ::", `operator:"<=" operator:">=" operator:"<>" operator:"!=" operator:"=>" operator:"->>" operator:"||" operator:"@>" operator:"<=>" operator:"!~~*" operator:"::"`},
	{"operator ends before + and -", "=- *+ <=+- +- -+ --\n", `operator:"=" operator:"-" operator:"*" operator:"+" operator:"<=" operator:"+" operator:"-" operator:"+" operator:"-" operator:"-" operator:"+" line:"--"2+0`},
	{"operator ends in + or - after some bytes", "@- !+ ?-+ |/- ~=-", `operator:"@-" operator:"!+" operator:"?-+" operator:"|/-" operator:"~=-"`},
	{"operator and comments", "+-- a\n+/* b */*/* c */@--", `operator:"+" line:"-- a"2+0 operator:"+" block:"/* b */"2+2 operator:"*" block:"/* c */"2+2 operator:"@" line:"--"2+0`},
	{"operator with a slash", "//* a */ */ /", `operator:"/" block:"/* a */"2+2 operator:"*/" operator:"/"`},
	{"colons and dots", "a::b :=c : a:b ::: :=> [1:2] ..", `word:"a" operator:"::" word:"b" operator:":=" word:"c" punct:":" word:"a" punct:":" word:"b" operator:"::" punct:":" operator:":=" operator:">" punct:"[" number:"1" punct:":" number:"2" punct:"]" operator:".."`},
	{"punctuation", "()[],;.", `punct:"(" punct:")" punct:"[" punct:"]" punct:"," punct:";" punct:"."`},
	{"line comments", "-- a\n--\r--- b", `line:"-- a"2+0 line:"--"2+0 line:"--- b"2+0`},
	{"line comment with another inside", "-- a -- b /* '", `line:"-- a -- b /* '"2+0`},
	{"block comments", "/**/ /* a */ /***/ /* * / */", `block:"/**/"2+2 block:"/* a */"2+2 block:"/***/"2+2 block:"/* * / */"2+2`},
	{"nested comments", "/* /* a */ b */ c /*/* */*/ /*/**/*/ d", `block:"/* /* a */ b */"2+2 word:"c" block:"/*/* */*/"2+2 block:"/*/**/*/"2+2 word:"d"`},
	{"nested comment open", "/* /* a */ b", `open:"/* /* a */ b"2+0`},
	{"half a comment", "/*/", `open:"/*/"2+0`},
	{"end of a comment that is none", "*/ a", `operator:"*/" word:"a"`},
	{"comment with a quote", "/* ' */ 'a' -- '\n'b'", `block:"/* ' */"2+2 string:"'a' -- '\n'b'"1+1`},
	{"refused bytes", "a \\ {b} \x01\x7f", `word:"a" stray:"\\" stray:"{" word:"b" stray:"}" stray:"\x01" stray:"\x7f"`},
	{"tautology", "a = '' OR '1'='1' -- '", `word:"a" operator:"=" string:"''"1+1 word:"OR" string:"'1'"1+1 operator:"=" string:"'1'"1+1 line:"-- '"2+0`},
	{"stacked", "1; DROP TABLE t --", `number:"1" punct:";" word:"DROP" word:"TABLE" word:"t" line:"--"2+0`},
	{"union without spaces", "1union/**/select'a'from\"t\"", `number:"1" word:"union" block:"/**/"2+2 word:"select" string:"'a'"1+1 word:"from" quoted:"\"t\""1+1`},
}

// Lead and Tail are a byte each: a tag that does not fit them must not give a
// literal whose content begins in its delimiter.
func TestPostgres_LongTag_IsNoLiteral(t *testing.T) {
	for length, want := range map[int]taint.Token{
		253: {End: 511, Class: taint.String, Lead: 255, Tail: 255},
		254: {End: 513, Class: taint.Stray},
	} {
		tag := "$" + strings.Repeat("a", length) + "$"
		tokens, whole := taint.Lexer{Dialect: taint.PostgreSQL}.Lex(tag+"x"+tag, nil)
		if !whole || len(tokens) != 1 || tokens[0] != want {
			t.Errorf("tag of %d bytes: %+v", length, tokens)
		}
		tokens, _ = taint.Lexer{Dialect: taint.PostgreSQL}.Lex(tag+"x", nil)
		if len(tokens) != 1 || tokens[0].Class != taint.Open || tokens[0].Lead != 255 {
			t.Errorf("open tag of %d bytes: %+v", length, tokens)
		}
	}
}

func TestPostgres_Tokens(t *testing.T) {
	testTokens(t, taint.Lexer{Dialect: taint.PostgreSQL}, postgresTests)
}

// backslashTests are read with standard_conforming_strings off.
var backslashTests = []lexTest{
	{"escaped quote", `'a\'b' c`, `string:"'a\\'b'"1+1 word:"c"`},
	{"escaped backslash", `'a\\' b`, `string:"'a\\\\'"1+1 word:"b"`},
	{"escaped quote in the second part", "'a'\n'\\'' b", `string:"'a'\n'\\''"1+1 word:"b"`},
	{"national", `N'a\'b' c`, `string:"N'a\\'b'"2+1 word:"c"`},
	{"unicode has none", `U&'a\' b`, `string:"U&'a\\'"3+1 word:"b"`},
	{"bits have none", `B'1\' b`, `string:"B'1\\'"2+1 word:"b"`},
	{"dollar quote has none", `$$a\$$ b`, `string:"$$a\\$$"2+2 word:"b"`},
	{"identifier has none", `"a\" b`, `quoted:"\"a\\\""1+1 word:"b"`},
	{"open", `'a\'`, `open:"'a\\'"1+0`},
}

func TestPostgres_BackslashTokens(t *testing.T) {
	testTokens(t, taint.Lexer{Dialect: taint.PostgreSQL, Backslash: true}, backslashTests)
}
