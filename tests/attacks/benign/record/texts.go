package main

import (
	"fmt"
	"strings"
)

// What people type. None of it is an attack: it is text about databases, code,
// names and other languages, and the programs escape or bind it.

var names = []string{
	"O'Brien", "D'Angelo", "Siobhán O'Sullivan", "N'Golo Kanté", "Jean-Luc d'Arc", "Renée", "李小龍", "Zoë", "Björk Guðmundsdóttir", "Null", "Mr. Null",
	"Anne-Marie", "Иван Петров", "محمد", "Robert'); DROP TABLE Students;--", "Müller & Söhne", "Mc\"Quote\" Donald", "A\\B", "Ng", "Andrew Order",
	"Grant Select", "Union Jackson", "Lady Like", "Table & Chair", "José", "Łukasz", "김철수", "Dr. \"Bobby\" Tables", "O''Neill", "van 't Hoff", "Smith", "Jones", "Joan of Arc", "a", "user", "root",
}

var words = []string{
	"order", "users", "group", "select", "table", "price", "desc", "asc", "name", "null", "true", "limit", "union", "where", "like", "default", "status", "count",
	"lighthouse", "cable", "blue", "café", "naïve", "year", "offset", "current_user", "date", "values", "key", "primary", "admin", "on", "or", "and", "not", "in", "set",
	"keyboard", "spare part", "shipping", "refund", "index", "trigger", "update", "delete", "insert", "drop", "grant",
}

var cities = []string{"Dublin", "Cork", "'s-Hertogenbosch", "L'Aquila", "Xi'an", "Saint-Jean-d'Angély", "Köln", "Order", "東京", "São Paulo", "King's Lynn", "Aix-en-Provence", "New York", "Null Island"}

var tables = []string{"users", "orders", "order", "products", "desk_product", "auth_user", "students", "sessions", "pg_catalog.pg_tables", "accounts a", `"order"`, "page", "revision", "items"}

var columns = []string{"id", "name", "email", "password", "price", "created", "status", "total", "u.name", "count(*)", "max(price)", "page_id", "rev_timestamp", "data->>'size'"}

var plainSentences = []string{
	"Please select a plan from the table below and order it.", "It's not working; I can't sign in -- since Tuesday.",
	"We had 3 orders where the total was > 100 or the status was null.", "Drop me a line, or update your profile.", "What's the union of both sets?",
	"100% of users like it_all.", "Don't delete from the list -- insert at the end.", "The price is $9.99 (or 8,50 €), 1=1 is true.", "C:\\Program Files\\App\\new.exe doesn't start",
	"She said \"it's fine\"; he didn't.", "See https://example.com/?id=1&sort=price' for more", "a AND b OR NOT c", "Ceci n'est pas une pipe; l'été, c'est l'idéal.",
	"日本語のテキスト「引用」です。", "Emoji 🙂 and ‘curly’ “quotes” and – dashes", "Use /* comments */ and -- comments # too", "null", "NULL", "''", "'", "\"", "\\", "%", "_", "--", ";", "`", "$$", "1", "0", "-1", "3.14", "1e5", "true",
	"rm -rf ./build && echo 'done' > log.txt", "if (a < b && c > d) { return \"it's\"; }", "<p class='x'>it's &lt;b&gt;</p>", "{\"key\": \"it's\", \"list\": [1, 2, 'x']}",
	"E = mc^2; x_{1} = \\frac{1}{2}", "SELECT is a keyword, FROM is another.", "' OR '1'='1 is the classic example of an injection", "Why does \"admin'--\" log me in?",
	"[[Link|it's]] {{Template:Order|by=name}} '''bold''' ''italic''", "tab\tand\nline\r\nbreaks", "Grüße aus Köln, 5 > 3 & 2 < 4", "Re: Re: ORDER #4711 (urgent!!!)", "Order by Friday, group by city, having fun",
}

// sql makes a statement as people paste it.
func (v *visitor) sql() string {
	t, c, d := one(v, tables), one(v, columns), one(v, columns)
	quoted := strings.ReplaceAll(one(v, names), "'", "''")
	forms := []string{
		fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s = '%s' ORDER BY %s DESC LIMIT %d;", c, d, t, c, quoted, d, v.IntN(100)),
		fmt.Sprintf("select * from %s where %s in (%d, %d, %d) or 1=1 -- all of them", t, c, v.IntN(99), v.IntN(99), v.IntN(99)),
		fmt.Sprintf("INSERT INTO %s (id, name) VALUES (%d, '%s'), (%d, E'it\\'s');", t, v.IntN(999), quoted, v.IntN(999)),
		fmt.Sprintf("UPDATE %s SET name = '%s' WHERE id = %d; COMMIT;", t, quoted, v.IntN(999)),
		fmt.Sprintf("DELETE FROM %s WHERE %s IS NULL AND name LIKE '%%%s%%'", t, c, quoted),
		fmt.Sprintf("WITH recent AS (SELECT %s FROM %s /* the newest */) SELECT count(*) FROM recent", c, t),
		fmt.Sprintf("SELECT a.%s FROM %s UNION ALL SELECT NULL, version(), '%s' --", "name", t, quoted),
		fmt.Sprintf("'; DROP TABLE %s; --", t),
		fmt.Sprintf("CREATE FUNCTION f() RETURNS int AS $$ SELECT max(%d) FROM %s $$ LANGUAGE sql;", v.IntN(9), t),
		fmt.Sprintf("1' AND (SELECT %d FROM pg_sleep(5)) IS NOT NULL AND '1'='1", v.IntN(9999)),
		fmt.Sprintf("\"%s\" = ANY('{1,2,%d}'::int[]) AND data @> '{\"k\": \"%s\"}'", c, v.IntN(99), quoted),
		fmt.Sprintf("') OR %d = %d /*", v.IntN(9), v.IntN(9)),
		fmt.Sprintf("SELECT E'it\\'s', '\\%d' FROM %s WHERE %s ~ '^\\d+$' AND path = 'C:\\new\\'", v.IntN(9), t, c),
		fmt.Sprintf("mysql> SELECT '\\\\', \"%s\" FROM %s WHERE name = 'O\\'Neill' # or %d", c, t, v.IntN(9)),
	}
	return one(v, forms)
}

// pasted is one of the program's own statements, as an administrator copies it
// from the database's log into a ticket.
func (v *visitor) pasted() string {
	recent := v.log.recent(6)
	if len(recent) == 0 {
		return v.sql()
	}
	return one(v, recent)
}

// phrase is what is typed into a search box.
func (v *visitor) phrase() string {
	switch n := v.IntN(100); {
	case n < 35:
		return one(v, words)
	case n < 55:
		return one(v, words) + " " + one(v, words)
	case n < 70:
		return one(v, names)
	case n < 85:
		return one(v, plainSentences)
	case n < 90:
		return `"` + one(v, words) + " " + one(v, words) + `" -` + one(v, words) + " OR " + one(v, words)
	}
	return v.sql()
}

// title is a line.
func (v *visitor) title() string {
	switch n := v.IntN(100); {
	case n < 30:
		return fmt.Sprintf("How do I %s a %s? (%d)", one(v, words), one(v, words), v.IntN(1000))
	case n < 50:
		return fmt.Sprintf("%s's %s %d", one(v, names), one(v, words), v.IntN(1000))
	case n < 75:
		return one(v, plainSentences)
	case n < 95:
		return v.sql()
	}
	return "Why is this slow: " + v.sql()
}

// prose is some paragraphs, many with code.
func (v *visitor) prose() string {
	var b strings.Builder
	for range 1 + v.IntN(5) {
		switch n := v.IntN(100); {
		case n < 45:
			b.WriteString(one(v, plainSentences))
		case n < 60:
			b.WriteString("Dear " + one(v, names) + ",\n" + one(v, plainSentences))
		case n < 85:
			b.WriteString(v.sql())
		case n < 93:
			b.WriteString(v.pasted())
		default:
			fmt.Fprintf(&b, "%s %s %s %d", one(v, words), one(v, words), one(v, words), v.IntN(10000))
		}
		b.WriteString(one(v, []string{"\n", " ", "\r\n\r\n", "\n\n"}))
	}
	return b.String()
}

// anything is a value of any kind that a text field may be given.
func (v *visitor) anything() string {
	switch v.IntN(4) {
	case 0:
		return one(v, names)
	case 1:
		return v.phrase()
	case 2:
		return v.title()
	}
	return v.prose()
}
