package taint_test

import (
	"testing"

	"github.com/gatehousehq/gatehouse/taint"
)

var sqliteTests = []lexTest{
	{"empty", "", ``},
	{"statement", "SELECT a.b, 1 FROM t;", `word:"SELECT" word:"a" punct:"." word:"b" punct:"," number:"1" word:"FROM" word:"t" punct:";"`},
	{"white space", " \t\n\f\r", ``},
	{"vertical tab is white space after white space only", " \va\v", `word:"a" stray:"\v"`},
	{"byte order mark", "\ufeffa\ufeff b \ufeff\ufeffc", `word:"a\ufeff" word:"b" word:"c"`},
	{"half a byte order mark", "\xef\xbb a", `word:"\xef\xbb" word:"a"`},
	{"strings", `'a' '' 'a''b' 'a\' b`, `string:"'a'"1+1 string:"''"1+1 string:"'a''b'"1+1 string:"'a\\'"1+1 word:"b"`},
	{"strings are not joined", "'a'\n'b'", `string:"'a'"1+1 string:"'b'"1+1`},
	{"no prefix but x", "E'a' N'b' U&'c' b'1'", `word:"E" string:"'a'"1+1 word:"N" string:"'b'"1+1 word:"U" operator:"&" string:"'c'"1+1 word:"b" string:"'1'"1+1`},
	{"string open", "'a''", `open:"'a''"1+0`},
	{"quoted identifiers", "\"a\"\"b\" `c``d` [e\"f] []", "quoted:\"\\\"a\\\"\\\"b\\\"\"1+1 quoted:\"`c``d`\"1+1 quoted:\"[e\\\"f]\"1+1 quoted:\"[]\"1+1"},
	{"brackets have no doubled end", "[a]] b", `quoted:"[a]"1+1 stray:"]" word:"b"`},
	{"quoted identifier open", "\"a", `open:"\"a"1+0`},
	{"back-quoted identifier open", "`a``", "open:\"`a``\"1+0"},
	{"bracketed identifier open", "[a", `open:"[a"1+0`},
	{"blobs", "x'1f' X'' x'AbcD' xx'1f'", `string:"x'1f'"2+1 string:"X''"2+1 string:"x'AbcD'"2+1 word:"xx" string:"'1f'"1+1`},
	{"blob of half a byte", "x'1' a", `stray:"x'1'" word:"a"`},
	{"blob of other bytes", "x'1g2h' a", `stray:"x'1g2h'" word:"a"`},
	{"blob open", "x'1f", `open:"x'1f"2+0`},
	{"malformed blob open", "x'zz", `open:"x'zz"2+0`},
	{"numbers", "1 1. .5 1.5 1e5 1.E-3 .5e+3 1..2", `number:"1" number:"1." number:".5" number:"1.5" number:"1e5" number:"1.E-3" number:".5e+3" number:"1." number:".2"`},
	{"hexadecimal", "0x1F 0Xff 0x1_f", `number:"0x1F" number:"0Xff" number:"0x1_f"`},
	{"groups", "1_000 1_0.0_1 1e1_0", `number:"1_000" number:"1_0.0_1" number:"1e1_0"`},
	{"misplaced groups", "1_ 1__0 1_.5 1._5 1_e5 0x1_", `stray:"1_" stray:"1__0" stray:"1_.5" stray:"1._5" stray:"1_e5" stray:"0x1_"`},
	{"number with a word at its end", "1a 1or 1.5union 0x1g 0x 1e 1$", `stray:"1a" stray:"1or" stray:"1.5union" stray:"0x1g" stray:"0x" stray:"1e" stray:"1$"`},
	{"number with half an exponent", "1e+ 1e-", `stray:"1e" operator:"+" stray:"1e" operator:"-"`},
	{"parameters", "? ?1 ?12a :a @b $c #d :1", `param:"?" param:"?1" param:"?12" word:"a" param:":a" param:"@b" param:"$c" param:"#d" param:":1"`},
	{"TCL parameters", "$a::b $a(b) $a::b('x') @a(b)c $::a", `param:"$a::b" param:"$a(b)" param:"$a::b('x')" param:"@a(b)" word:"c" param:"$::a"`},
	{"TCL parameter open", "$a(b c) $a(", `stray:"$a(b" word:"c" punct:")" stray:"$a("`},
	{"no parameters", ": :: @ $ # ::+", `stray:":" stray:":" stray:":" stray:"@" stray:"$" stray:"#" stray:":" stray:":" operator:"+"`},
	{"words", "select _a é9 a$1 \xff\x80 xa x", `word:"select" word:"_a" word:"é9" word:"a$1" word:"\xff\x80" word:"xa" word:"x"`},
	{"operators", "a+b-c*d/e%f<g>h=i&j|k~l", `word:"a" operator:"+" word:"b" operator:"-" word:"c" operator:"*" word:"d" operator:"/" word:"e" operator:"%" word:"f" operator:"<" word:"g" operator:">" word:"h" operator:"=" word:"i" operator:"&" word:"j" operator:"|" word:"k" operator:"~" word:"l"`},
	{"longer operators", "-> ->> || << >> <= >= <> == !=", `operator:"->" operator:"->>" operator:"||" operator:"<<" operator:">>" operator:"<=" operator:">=" operator:"<>" operator:"==" operator:"!="`},
	{"operators do not run together", "=-1 <-1 ||-1 +-+ <=> ===", `operator:"=" operator:"-" number:"1" operator:"<" operator:"-" number:"1" operator:"||" operator:"-" number:"1" operator:"+" operator:"-" operator:"+" operator:"<=" operator:">" operator:"==" operator:"="`},
	{"punctuation", "(),;.", `punct:"(" punct:")" punct:"," punct:";" punct:"."`},
	{"line comments", "-- a\r b\n--\n--- c", `line:"-- a\r b"2+0 line:"--"2+0 line:"--- c"2+0`},
	{"block comments", "/**/ /* a */ /***/ /* /* */ */", `block:"/**/"2+2 block:"/* a */"2+2 block:"/***/"2+2 block:"/* /* */"2+2 operator:"*" operator:"/"`},
	{"block comment open", "a /* b", `word:"a" open:"/* b"2+0`},
	{"half a comment", "/*/", `open:"/*/"2+0`},
	{"start of a comment last", "a /*", `word:"a" operator:"/" operator:"*"`},
	{"minus and comment", "1--1", `number:"1" line:"--1"2+0`},
	{"refused bytes", "! ^ \\ { } ] \x01 \x7f", `stray:"!" stray:"^" stray:"\\" stray:"{" stray:"}" stray:"]" stray:"\x01" stray:"\x7f"`},
	{"tautology", "a = '' OR '1'='1' -- '", `word:"a" operator:"=" string:"''"1+1 word:"OR" string:"'1'"1+1 operator:"=" string:"'1'"1+1 line:"-- '"2+0`},
	{"union without spaces", "1 union/**/select'a'from\"t\"", `number:"1" word:"union" block:"/**/"2+2 word:"select" string:"'a'"1+1 word:"from" quoted:"\"t\""1+1`},
}

func TestSQLite_Tokens(t *testing.T) {
	testTokens(t, taint.Lexer{Dialect: taint.SQLite}, sqliteTests)
}
