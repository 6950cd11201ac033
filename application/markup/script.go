package markup

// A script is a reading of JavaScript, byte by byte, that knows strings, templates
// and comments from code (ECMAScript, section 12). A regular expression is code
// to it.
type script struct {
	in     byte // 0 code, or the quote, or / for a line comment, * for a block one
	before byte // the byte before
	slash  bool // the byte before was a backslash that escapes
	depth  int  // of ${ in templates
	// data is set where the element holds no code.
	data bool
	// own is set where the string or comment was begun by the page.
	own bool
	// inCode counts an input's bytes in code since the last byte of the page's.
	inCode  int
	lone    bool // they are a number or a name
	between byte // the page's last byte before them that is no white space
	// broken is set where an input is code.
	broken bool
}

func (s *script) feed(c byte, input bool) {
	if s.data {
		return
	}
	defer func() { s.before = c }()
	switch {
	case s.in == 0:
		s.code(c, input)
	case s.slash:
		s.slash = false
	case s.in == '/':
		if c == '\n' || c == '\r' {
			s.leave(input)
		}
	case s.in == '*':
		if c == '/' && s.before == '*' {
			s.leave(input)
		}
	case c == '\\':
		s.slash = true
	case c == s.in:
		s.leave(input)
	case s.in == '`' && c == '{' && s.before == '$':
		if input && s.own {
			s.broken = true
		}
		s.in, s.depth = 0, s.depth+1
	case s.in != '`' && c == '\n':
		s.in = 0 // an open string ends with its line
	}
}

// leave ends a string or a comment; where an input does so to the page's, what
// follows is code of the input's.
func (s *script) leave(input bool) {
	if input && s.own {
		s.broken = true
	}
	s.in, s.slash = 0, false
}

func (s *script) code(c byte, input bool) {
	switch {
	case c == '"' || c == '\'' || c == '`':
		s.in, s.own = c, !input
	case c == '/' && s.before == '/':
		s.in, s.own = '/', !input
		s.cutsOff(input)
	case c == '*' && s.before == '/':
		s.in, s.own = '*', !input
		s.cutsOff(input)
	case c == '}' && s.depth > 0:
		s.depth--
		s.in, s.own = '`', !input
	}
	switch {
	case !input:
		s.endInput(c)
	case s.inCode == 0:
		s.inCode, s.lone = 1, isWordOrDot(c)
	default:
		s.inCode++
		s.lone = s.lone && isWordOrDot(c)
	}
	if !input && !isSpace(c) {
		s.between = c
	}
}

// cutsOff judges an input that, after code, begins a comment to be rid of what the
// page goes on with.
func (s *script) cutsOff(input bool) {
	if input && s.inCode >= shortest-2 {
		s.inCode++
		s.lone = false
		s.endInput(';')
	}
}

// endInput judges an input's bytes in code once the page goes on: a name or a
// number is a value that an application may write so, and what does not stand in
// the place of a value is the page's own text that the input has too.
func (s *script) endInput(c byte) {
	if s.inCode == 0 || isSpace(c) {
		return
	}
	n := s.inCode
	s.inCode = 0
	if s.lone || n < shortest {
		return
	}
	switch s.between {
	case '=', '(', ',', '[', ':', '+', '?':
	default:
		return
	}
	switch c {
	case ';', ')', ',', ']', '}', '+', '<':
		s.broken = true
	}
}

func isWordOrDot(c byte) bool { return isWord(c) || c == '.' || c == '$' }
