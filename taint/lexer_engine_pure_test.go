//go:build !race

package taint_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/gatehousehq/gatehouse/taint"
)

// Each line of the file is a statement and its tokens, as sqlite3GetToken of
// SQLite 3.54.1 gave them, which was called from the amalgamation itself: its
// ILLEGAL is stray, or open where the text ends in it.
func TestSQLite_Statements_LexAsItsTokenizer(t *testing.T) {
	file, err := os.Open("testdata/lexer/sqlite.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); count++ {
		quoted, want, _ := strings.Cut(lines.Text(), "\t")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		tokens, _ := taint.Lexer{Dialect: taint.SQLite}.Lex(text, nil)
		if got := show(text, tokens); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", quoted, got, want)
		}
	}
	if count < 300 {
		t.Errorf("%d statements, want some hundreds", count)
	}
}

var sqliteFragments = []string{
	" ", " ", "\n", "\r", "\t", " \v", "-- c\n", "-- c\r", "/*", "*/", "/**/", "/* c */", "/*/",
	"'", "''", "'a'", "'a''b'", "\"a\"", "`a`", "[a]", "[", "x'", "X'1f'", "x'1'", "x'zz'", "x",
	"?", "?1", ":a", "@a", "$a", "#a", "$", ":", "$a::b(c)", "$a(", "$a(b c)",
	"1", "0", ".", "1.", ".5", "1e5", "1e", "1e+", "1_0", "1__0", "_", "0x", "0x1F", "1a", "1$",
	"+", "-", "*", "/", "%", "<", ">", "=", "!", "~", "|", "||", "&", "->", "->>", "<<", "<>", "<=", "==", "!=", "^", "\\", "{",
	"(", ")", ",", "a", "b", "é", "\xff", "\ufeff", " or ", " and ", " not ", " in (1,2)", " is null", " as c", " from t", " union select 1", " order by 1",
}

// The engine is the judge: it names the token that it refuses, and a statement
// that it accepts is compiled to the same program when each token stands on a
// line of its own.
func TestSQLite_GeneratedStatements_MeanTheSameTokenByToken(t *testing.T) {
	engine := openEngine(t)
	random := rand.New(rand.NewPCG(3, 4))
	compared, compiled := 0, 0
	for until := time.Now().Add(2 * time.Second); compared < 20000 && time.Now().Before(until); compared++ {
		var b strings.Builder
		b.WriteString("select ")
		for range 1 + random.IntN(7) {
			b.WriteString(sqliteFragments[random.IntN(len(sqliteFragments))])
		}
		accepted, difference := engine.differs(b.String())
		if difference != "" {
			t.Fatal(difference)
		}
		if accepted {
			compiled++
		}
	}
	if compiled < 50 {
		t.Errorf("of %d statements %d were compiled: the comparison is not worth its name", compared, compiled)
	}
}

type engine struct{ db *sql.DB }

func openEngine(t testing.TB) engine {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("create table t (a, b, c)"); err != nil {
		t.Fatal(err)
	}
	return engine{db}
}

func (e engine) differs(text string) (accepted bool, difference string) {
	tokens, _ := taint.Lexer{Dialect: taint.SQLite}.Lex(text, nil)
	if broken := lexBroken(taint.SQLite, text, tokens); broken != nil {
		return false, broken[0]
	}
	program, err := e.explain(text)
	if err != nil {
		if refused, named := refusedToken(err); named && !isToken(text, tokens, refused) {
			return false, fmt.Sprintf("%q\nengine: %v\nlexer:  %s", text, err, show(text, tokens))
		}
		return false, ""
	}
	var apart strings.Builder
	for _, t := range tokens {
		switch t.Class {
		case taint.Line, taint.Block:
			continue
		case taint.Open:
			if strings.HasPrefix(text[t.Start:], "/*") {
				continue
			}
			return true, fmt.Sprintf("%q is accepted\nlexer: %s", text, show(text, tokens))
		case taint.Stray:
			return true, fmt.Sprintf("%q is accepted\nlexer: %s", text, show(text, tokens))
		}
		apart.WriteString("\n" + text[t.Start:t.End])
	}
	again, err := e.explain(apart.String())
	if err != nil || !slices.Equal(again, program) {
		return true, fmt.Sprintf("%q is another program when its tokens stand apart: %v\nlexer: %s", text, err, show(text, tokens))
	}
	return true, ""
}

// refusedToken gives the token that the engine's error names.
func refusedToken(err error) (text string, named bool) {
	message := err.Error()
	if _, after, ok := strings.Cut(message, `unrecognized token: "`); ok {
		return after[:strings.LastIndexByte(after, '"')], true
	}
	if _, after, ok := strings.Cut(message, `near "`); ok && strings.Contains(after, `": syntax error`) {
		return after[:strings.LastIndex(after, `": syntax error`)], true
	}
	return "", false
}

// isToken says whether one of the tokens is what the engine names. A number with
// a misplaced _ it names after it has begun to take them out.
func isToken(text string, tokens []taint.Token, want string) bool {
	return slices.ContainsFunc(tokens, func(t taint.Token) bool {
		token := text[t.Start:t.End]
		return token == want || t.Class == taint.Stray && len(token) == len(want) && strings.Contains(token, "_") && strings.Trim(token, "_0123456789.xXeE+-abcdfABCDF") == ""
	})
}

// explain gives the program, one instruction a line.
func (e engine) explain(text string) (program []string, err error) {
	rows, err := e.db.Query("explain "+text, sql.Named("a", 1))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var at, p1, p2, p3, p5 int
		var opcode string
		var p4, comment sql.NullString
		if err := rows.Scan(&at, &opcode, &p1, &p2, &p3, &p4, &p5, &comment); err != nil {
			return nil, err
		}
		program = append(program, fmt.Sprint(at, opcode, p1, p2, p3, p4.String, p5))
	}
	return program, rows.Err()
}

func FuzzSQLite(f *testing.F) {
	for _, test := range sqliteTests {
		f.Add(test.sql)
	}
	for _, fragment := range sqliteFragments {
		f.Add("select " + fragment)
	}
	engine := openEngine(f)
	f.Fuzz(func(t *testing.T, text string) {
		lexer := taint.Lexer{Dialect: taint.SQLite}
		tokens, _ := lexer.Lex(text, nil)
		for _, broken := range lexBroken(taint.SQLite, text, tokens) {
			t.Error(broken)
		}
		// What is before a token does not change when the text ends there.
		for _, cut := range tokens {
			before, _ := lexer.Lex(text[:cut.Start], nil)
			if i := slices.Index(tokens, cut); !slices.Equal(before, tokens[:i]) {
				t.Errorf("%q cut at %d: %s", text, cut.Start, show(text, before))
			}
		}
		// A semicolon would begin a statement that is run, not explained.
		if len(text) < 512 && !strings.ContainsAny(text, ";\x00") {
			if _, difference := engine.differs(text); difference != "" {
				t.Error(difference)
			}
		}
	})
}
