package taint

import "strings"

// maxMarked is how much of a statement Mark shows.
const maxMarked = 1200

// Mark is a statement for a person's eyes: literals as "?", comments as their
// delimiters, and the bytes of ev between « and », redacted likewise. Of a long
// statement it gives what is around them.
func Mark(st Statement, ev Evidence) string {
	tokens, _ := st.Lexer.Lex(st.SQL, nil)
	m := marker{sql: st.SQL, start: ev.Start, end: ev.End}
	if ev.End <= ev.Start {
		m.start, m.end = -1, -1
	}
	at := 0
	for _, t := range tokens {
		if gap := st.SQL[at:t.Start]; gap != "" {
			m.mark(at)
			m.out.WriteByte(' ')
		}
		m.token(t)
		at = int(t.End)
	}
	m.mark(len(st.SQL))
	return m.cut()
}

type marker struct {
	sql        string
	start, end int // -1 once written
	out        strings.Builder
	opened     int // where « is in out
}

// mark writes the marks that stand at or before a byte.
func (m *marker) mark(at int) {
	if m.start >= 0 && at >= m.start {
		m.opened = m.out.Len()
		m.out.WriteString("«")
		m.start = -1
	}
	if m.start < 0 && m.end >= 0 && at >= m.end {
		m.out.WriteString("»")
		m.end = -1
	}
}

func (m *marker) token(t Token) {
	m.mark(int(t.Start))
	if t.Class == Number {
		m.out.WriteByte('?')
		m.mark(int(t.End))
		return
	}
	if !isContainer(t.Class) || t.Class == Quoted {
		m.plain(int(t.Start), int(t.End))
		return
	}
	from, to := int(t.Start)+int(t.Lead), int(t.End)-int(t.Tail)
	m.out.WriteString(m.sql[t.Start:from])
	m.content(from, to)
	m.mark(to)
	m.out.WriteString(m.sql[max(from, to):t.End])
	m.mark(int(t.End))
}

// plain writes code as it stands, with the marks inside it.
func (m *marker) plain(from, to int) {
	for i := from; i < to; i++ {
		m.mark(i)
		m.out.WriteByte(m.sql[i])
	}
	m.mark(to)
}

// content writes one "?" for each stretch of a literal between marks.
func (m *marker) content(from, to int) {
	edges := []int{from, to}
	for _, e := range []int{m.start, m.end} {
		if e > from && e < to {
			edges = append(edges, e)
		}
	}
	for i := range edges {
		for j := i + 1; j < len(edges); j++ {
			if edges[j] < edges[i] {
				edges[i], edges[j] = edges[j], edges[i]
			}
		}
	}
	for i := 0; i+1 < len(edges); i++ {
		m.mark(edges[i])
		if edges[i+1] > edges[i] {
			m.out.WriteByte('?')
		}
	}
}

// cut gives what is around the mark.
func (m *marker) cut() string {
	s := m.out.String()
	if len(s) <= maxMarked {
		return s
	}
	from := max(m.opened-maxMarked/3, 0)
	to := min(from+maxMarked, len(s))
	out := strings.ToValidUTF8(s[from:to], "")
	if from > 0 {
		out = "… " + out
	}
	if to < len(s) {
		out += " …"
	}
	return out
}
