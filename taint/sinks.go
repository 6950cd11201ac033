package taint

// isSink reports whether token i is the name of a function, or a word, after
// which a text follows that the database executes.
func (s *shaper) isSink(i int) bool {
	text := s.text(i)
	if i+1 >= len(s.tokens) {
		return false
	}
	switch {
	case s.isPunct(i+1, '('):
		return isExecutor(text)
	case s.tokens[i+1].Class == String:
		return foldedEqual(text, "do") || foldedEqual(text, "immediate") ||
			foldedEqual(text, "from") && i >= 2 && foldedEqual(s.text(i-2), "prepare")
	}
	return false
}

const longestExecutor = len("query_to_xml_and_xmlschema")

// isExecutor reports whether a function executes a text that it is given:
// PostgreSQL 13 to 18 with the modules of its distribution, and pg_cron.
func isExecutor(name string) bool {
	if len(name) < len("dblink") || len(name) > longestExecutor {
		return false
	}
	var folded [longestExecutor]byte
	for i := range len(name) {
		folded[i] = fold[name[i]]
	}
	switch string(folded[:len(name)]) {
	case "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml",
		"ts_stat", "ts_rewrite",
		"dblink", "dblink_exec", "dblink_open", "dblink_send_query", "dblink_build_sql_insert",
		"crosstab", "crosstab2", "crosstab3", "crosstab4", "connectby", "xpath_table",
		"schedule", "schedule_in_database", "load_extension":
		return true
	}
	return false
}

// An executed is a text that the database executes, put together from literals
// and bound values where they are joined by ||.
type executed struct {
	text string
	// start and end are what it is made from in the statement.
	start, end int
}

// maxExecuted is how many executed texts of a statement are judged.
const maxExecuted = 16

// executed gives the texts that the statement has the database execute.
// Literals that are no statement, such as a host name, come too: an input that
// is structure in one is as wrong there.
func (s *shaper) executed(params []string) (texts []executed) {
	for i := range s.tokens {
		if len(texts) >= maxExecuted {
			return texts
		}
		if s.tokens[i].Class != Word || !s.isSink(i) {
			continue
		}
		if s.tokens[i+1].Class == String {
			t := s.tokens[i+1]
			texts = append(texts, executed{unquoted(s.sql, t), int(t.Start), int(t.End)})
			continue
		}
		texts = s.arguments(texts, i+2, params)
	}
	return texts
}

// arguments gives the arguments that are text, from token i on.
func (s *shaper) arguments(texts []executed, i int, params []string) []executed {
	depth := 1
	var text []byte
	start, end := -1, 0
	flush := func() {
		if start >= 0 && len(texts) < maxExecuted {
			texts = append(texts, executed{string(text), start, end})
		}
		text, start = nil, -1
	}
	for ; i < len(s.tokens) && depth > 0; i++ {
		t := s.tokens[i]
		switch {
		case s.isPunct(i, '('), s.isPunct(i, '['):
			depth++
		case s.isPunct(i, ')'), s.isPunct(i, ']'):
			depth--
		case s.isPunct(i, ','):
			flush()
		case t.Class == String:
			text = append(text, unquoted(s.sql, t)...)
		case t.Class == Param:
			if n := s.paramOf(i); n < len(params) {
				text = append(text, params[n]...)
			}
		default:
			continue
		}
		if t.Class == String || t.Class == Param {
			if start < 0 {
				start = int(t.Start)
			}
			end = int(t.End)
		}
	}
	flush()
	return texts
}

// paramOf is the position, from 0, of the value that is bound to token i.
func (s *shaper) paramOf(i int) int {
	t := s.tokens[i]
	n := 0
	for _, c := range []byte(s.sql[t.Start+1 : t.End]) {
		if c < '0' || c > '9' || n > 1<<16 {
			n = 0
			break
		}
		n = n*10 + int(c-'0')
	}
	if n > 0 {
		return n - 1
	}
	for _, earlier := range s.tokens[:i] { // ? and names: in their order
		if earlier.Class == Param {
			n++
		}
	}
	return n
}

// unquoted is what a string constant says, escapes undone.
func unquoted(sql string, t Token) string {
	content := sql[int(t.Start)+int(t.Lead) : max(int(t.Start)+int(t.Lead), int(t.End)-int(t.Tail))]
	escapes := t.Lead == 2 && fold[sql[t.Start]] == 'e'
	if sql[t.Start] == '$' {
		return content
	}
	out := make([]byte, 0, len(content))
	for i := 0; i < len(content); i++ {
		c := content[i]
		switch {
		case c == '\'' && i+1 < len(content) && content[i+1] == '\'':
			i++
		case c == '\\' && escapes && i+1 < len(content):
			i++
			c = content[i]
		}
		out = append(out, c)
	}
	return string(out)
}
