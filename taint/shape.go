package taint

import "crypto/sha256"

// A shaper writes a statement's shape: its tokens with one space between them,
// unquoted words in lower case, literals as "?", bound values as "$", comments
// as their delimiters. It can be read back without doubt, since a quoted
// identifier ends where its quotes say.
//
// Lists of literals become one element inside IN (…) and ANY (ARRAY […]) alone:
// in VALUES and calls their length is structure.
type shaper struct {
	sql    string
	tokens []Token
	out    []byte
	// ends has, for each token, the length of out once it was written.
	ends []int32
	// literals counts the literals outside comments.
	literals int
	// sinks counts the calls that execute text.
	sinks int
}

// run writes the shape of all tokens.
func (s *shaper) run() {
	s.out, s.ends, s.literals, s.sinks = s.out[:0], s.ends[:0], 0, 0
	for i := 0; i < len(s.tokens); i++ {
		if s.opensList(i) {
			if end, kind := s.list(i + 1); end > 0 {
				s.put(kind)
				for ; i < end; i++ {
					s.ends = append(s.ends, int32(len(s.out)))
				}
				i--
				continue
			}
		}
		s.token(i)
		s.ends = append(s.ends, int32(len(s.out)))
	}
}

func (s *shaper) put(text string) {
	if len(s.out) > 0 {
		s.out = append(s.out, ' ')
	}
	s.out = append(s.out, text...)
}

func (s *shaper) text(i int) string { return s.sql[s.tokens[i].Start:s.tokens[i].End] }

// token writes one token.
func (s *shaper) token(i int) {
	t := s.tokens[i]
	text := s.sql[t.Start:t.End]
	switch t.Class {
	case String:
		s.literals++
		s.put("?")
	case Number:
		s.literals++
		s.put("?")
	case Param:
		s.put("$")
	case Operator:
		switch {
		case s.isSign(i):
		case text[0] == '?': // PostgreSQL's, on JSON: not a literal
			s.put("\\")
			s.out = append(s.out, text...)
		default:
			s.put(text)
		}
	case Word:
		if isConstant(text) && s.wantsValue(i) {
			s.literals++
			s.put("?")
			return
		}
		if s.isSink(i) {
			s.sinks++
		}
		s.putWord(text)
	case Line:
		s.put("--")
	case Block:
		if isHint(text) {
			s.put(text)
			return
		}
		s.put("/**/")
	case Open:
		s.put(text[:t.Lead])
		s.out = append(s.out, "…"...)
	case Stray:
		s.put("�")
	default:
		s.put(text)
	}
}

func (s *shaper) putWord(text string) {
	if len(s.out) > 0 {
		s.out = append(s.out, ' ')
	}
	for j := range len(text) {
		s.out = append(s.out, fold[text[j]])
	}
}

// isSign reports whether token i is the sign of the number after it, so that -1
// is a literal as 1 is.
func (s *shaper) isSign(i int) bool {
	t := s.tokens[i]
	return t.End-t.Start == 1 && (s.sql[t.Start] == '-' || s.sql[t.Start] == '+') &&
		i+1 < len(s.tokens) && s.tokens[i+1].Class == Number && s.expectsOperand(i)
}

// expectsOperand reports whether what stands before token i leaves room for an
// operand only: after it, a sign is unary.
func (s *shaper) expectsOperand(i int) bool {
	i = s.before(i)
	if i < 0 {
		return true
	}
	switch t := s.tokens[i]; t.Class {
	case Operator:
		return true
	case Punct:
		c := s.sql[t.Start]
		return c != ')' && c != ']'
	case Word:
		return wordsOf(s.text(i))&beforeOperand != 0
	}
	return false
}

// wantsValue reports whether a constant such as NULL stands where a value may:
// not after IS or NOT, where it is part of an operator.
func (s *shaper) wantsValue(i int) bool {
	i = s.before(i)
	if i < 0 {
		return false
	}
	switch t := s.tokens[i]; t.Class {
	case Operator, Punct:
		return true
	case Word:
		return wordsOf(s.text(i))&beforeConstant != 0
	}
	return false
}

// before is the token before i that is no comment, or -1.
func (s *shaper) before(i int) int {
	for i--; i >= 0; i-- {
		if c := s.tokens[i].Class; c != Line && c != Block {
			return i
		}
	}
	return -1
}

// opensList reports whether token i is the parenthesis of IN (…) or the bracket
// of ANY (ARRAY […]), whose literals are a list.
func (s *shaper) opensList(i int) bool {
	t := s.tokens[i]
	if t.Class != Punct || i == 0 {
		return false
	}
	switch s.sql[t.Start] {
	case '(':
		return s.tokens[i-1].Class == Word && foldedEqual(s.text(i-1), "in")
	case '[':
		return i >= 3 && s.tokens[i-1].Class == Word && foldedEqual(s.text(i-1), "array") &&
			s.isPunct(i-2, '(') && s.tokens[i-3].Class == Word && wordsOf(s.text(i-3))&quantifier != 0
	}
	return false
}

func (s *shaper) isPunct(i int, c byte) bool {
	return i < len(s.tokens) && s.tokens[i].Class == Punct && s.sql[s.tokens[i].Start] == c
}

// list reads the elements of a list from token i, and gives the index after its
// closing bracket with what it is written as. It gives zero where the list has
// something else than literals, bound values, and rows of them of one length.
func (s *shaper) list(i int) (end int, kind string) {
	if s.isPunct(i, '(') {
		return s.rows(i)
	}
	bound, count := true, 0
	for {
		next, param := s.element(i)
		if next == 0 {
			return 0, ""
		}
		if !param {
			bound = false
			count++
		}
		i = next
		switch {
		case s.isPunct(i, ','):
			i++
		case s.isPunct(i, ')'):
			s.literals += count
			if bound {
				return i + 1, "( $+ )"
			}
			return i + 1, "( ?+ )"
		case s.isPunct(i, ']'):
			s.literals += count
			if bound {
				return i + 1, "[ $+ ]"
			}
			return i + 1, "[ ?+ ]"
		default:
			return 0, ""
		}
	}
}

// rows reads rows of literals: (1, 2), (3, 4).
func (s *shaper) rows(i int) (end int, kind string) {
	const mostColumns = 8
	kinds := [...]string{1: "( (?) + )", 2: "( (??) + )", 3: "( (???) + )", 4: "( (????) + )",
		5: "( (?????) + )", 6: "( (??????) + )", 7: "( (???????) + )", mostColumns: "( (????????) + )"}
	columns, count := 0, 0
	for {
		if !s.isPunct(i, '(') {
			return 0, ""
		}
		i++
		n := 0
		for {
			next, _ := s.element(i)
			if next == 0 {
				return 0, ""
			}
			n++
			i = next
			if s.isPunct(i, ')') {
				break
			}
			if !s.isPunct(i, ',') {
				return 0, ""
			}
			i++
		}
		i++
		count += n
		if columns == 0 {
			columns = n
		}
		if n != columns || n > mostColumns {
			return 0, ""
		}
		if s.isPunct(i, ')') {
			s.literals += count
			return i + 1, kinds[columns]
		}
		if !s.isPunct(i, ',') {
			return 0, ""
		}
		i++
	}
}

// element reads one literal or bound value, with a sign and casts, and gives
// the index after it; zero where there is something else.
func (s *shaper) element(i int) (next int, param bool) {
	if i < len(s.tokens) && s.tokens[i].Class == Operator && s.isSign(i) {
		i++
	}
	if i >= len(s.tokens) {
		return 0, false
	}
	switch s.tokens[i].Class {
	case String, Number:
	case Param:
		param = true
	case Word:
		if !isConstant(s.text(i)) {
			return 0, false
		}
	default:
		return 0, false
	}
	i++
	for i+1 < len(s.tokens) && s.tokens[i].Class == Operator && s.text(i) == "::" && s.tokens[i+1].Class == Word {
		i += 2
	}
	return i, param
}

// isHint reports whether a block comment is an instruction to the planner
// (pg_hint_plan), which is structure.
func isHint(text string) bool { return len(text) > 2 && text[2] == '+' }

// fingerprintOf is the keyed hash of a shape: SHA-256 over the key and the
// shape, cut to 128 bits. The key stands first and has a fixed length, and the
// hash is cut, so nothing can be appended to a known one.
func fingerprintOf(key *[32]byte, buffer []byte, shape []byte) (Fingerprint, []byte) {
	buffer = append(append(buffer[:0], key[:]...), shape...)
	sum := sha256.Sum256(buffer)
	return Fingerprint(sum[:16]), buffer
}
