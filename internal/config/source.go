package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// What is bounded because the parser's time grows with its square, or its stack.
const (
	// maxDepth is how deep lists and sections nest; the deepest key has six.
	maxDepth = 32
	// maxKeys is how many keys one section has.
	maxKeys = 2000
	// maxDocuments is how many lines of --- there are, to say that one is
	// enough.
	maxDocuments = 4
	// beginning is how much of a long file is read first, in bytes: what makes the
	// parser expensive shows there, and the rest is not read in vain.
	beginning = 64 << 10
)

// source turns the file's bytes into its one document's node; nil where that
// can't be done, or where the file says nothing.
func (r *reader) source(data []byte) ast.Node {
	if len(data) > maxFile {
		r.syntax(0, 0, fmt.Sprintf("is larger than %s", Size(maxFile)), "is it a configuration?")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	// The parser counts some of Windows' line ends twice.
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if !r.plainText(data) {
		return nil
	}
	file, err := r.parse(string(data))
	if err != nil {
		r.yamlError(err)
	}
	if file == nil || err != nil {
		return nil
	}
	return r.document(file)
}

// parse gives no file where it reported why. A panic of the parser is an error
// like any other: a file that is being edited must not end a running gate.
func (r *reader) parse(text string) (file *ast.File, err error) {
	defer func() {
		if v := recover(); v != nil {
			file, err = nil, fmt.Errorf("the YAML parser failed: %v", v)
		}
	}()
	if len(text) > beginning && !r.bounded(lexer.Tokenize(strings.ToValidUTF8(text[:beginning], ""))) {
		return nil, nil
	}
	tokens := lexer.Tokenize(text)
	if !r.bounded(tokens) {
		return nil, nil
	}
	// Duplicate keys are found by section, which goes on to the next error.
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func (r *reader) syntax(line, column int, words, hint string) {
	r.broken = true
	r.errs = append(r.errs, &Error{File: r.name, Line: line, Column: column, Words: words, Hint: hint})
}

// plainText refuses what the YAML parser would misread, or place wrongly.
func (r *reader) plainText(data []byte) bool {
	lines := bytes.Split(data, []byte("\n"))
	json := bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
	for i, line := range lines {
		for at := 0; at < len(line); {
			c, size := utf8.DecodeRune(line[at:])
			switch {
			case c == utf8.RuneError && size == 1:
				r.syntax(i+1, at+1, "is not UTF-8", "save the file as UTF-8 text")
				return false
			case c < ' ' && c != '\t', c == 0x7f, c == 0x85, c == 0x2028, c == 0x2029:
				r.syntax(i+1, at+1, fmt.Sprintf("holds the control character %U", c), "remove it")
				return false
			case c == '\t' && !json && len(bytes.TrimLeft(line[:at], " ")) == 0:
				if rest := bytes.TrimSpace(line[at:]); len(rest) > 0 && rest[0] != '#' {
					r.syntax(i+1, at+1, "is indented with a tab", "use spaces")
					return false
				}
			}
			at += size
		}
	}
	return true
}

// bounded refuses what makes a YAML parser expensive, before it parses.
func (r *reader) bounded(tokens token.Tokens) bool {
	var n nesting
	for _, t := range tokens {
		words, hint := "", ""
		n.see(t)
		switch {
		case t.Type == token.AnchorType, t.Type == token.AliasType, t.Type == token.MergeKeyType:
			words, hint = "uses a YAML anchor or alias, which is not supported", "write the value out"
		case t.Type == token.TagType, t.Type == token.DirectiveType:
			words, hint = "uses a YAML tag or directive, which is not supported", "remove it"
		case n.flow > maxDepth, n.flow == 0 && n.line > maxDepth, len(n.sections) > maxDepth:
			words = fmt.Sprintf("nests deeper than %d levels", maxDepth)
		case n.keys() > maxKeys:
			words = fmt.Sprintf("has more than %d keys in one section", maxKeys)
		case n.documents > maxDocuments:
			words, hint = "has several YAML documents", "keep one; a line of --- begins another"
		}
		if words != "" {
			r.syntax(t.Position.Line, t.Position.Column, words, hint)
			return false
		}
	}
	return true
}

// nesting follows how deep a token stands, by brackets and by indentation.
type nesting struct {
	// flow is how many brackets are open.
	flow int
	// at is the line, and line how many keys and dashes stand in it.
	at, line int
	// sections are those that are open without brackets.
	sections  []openSection
	documents int
}

type openSection struct{ column, keys int }

func (n *nesting) see(t *token.Token) {
	if t.Position.Line != n.at && t.Type != token.CommentType {
		n.at, n.line = t.Position.Line, 0
		for n.flow == 0 && len(n.sections) > 0 && n.sections[len(n.sections)-1].column > t.Position.Column {
			n.sections = n.sections[:len(n.sections)-1]
		}
	}
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		n.flow++
	case token.MappingEndType, token.SequenceEndType:
		n.flow = max(0, n.flow-1)
	case token.SequenceEntryType, token.MappingKeyType:
		n.line++
	case token.MappingValueType:
		n.line++
		if n.flow == 0 && t.Prev != nil {
			n.key(t.Prev.Position.Column)
		}
	case token.DocumentHeaderType:
		n.documents++
	}
}

func (n *nesting) key(column int) {
	if last := len(n.sections) - 1; last >= 0 && n.sections[last].column == column {
		n.sections[last].keys++
		return
	}
	n.sections = append(n.sections, openSection{column, 1})
}

// keys is how many keys the innermost section has so far.
func (n *nesting) keys() int {
	if len(n.sections) == 0 {
		return 0
	}
	return n.sections[len(n.sections)-1].keys
}

// yamlError places what the parser said. Its words for the commonest mistakes
// are replaced by what to do about them.
func (r *reader) yamlError(err error) {
	var y yaml.Error
	if !errors.As(err, &y) {
		r.syntax(1, 1, "is not YAML", "")
		return
	}
	line, column := 1, 1
	if t := y.GetToken(); t != nil && t.Position != nil {
		line, column = max(t.Position.Line, 1), max(t.Position.Column, 1)
	}
	words, hint := y.GetMessage(), ""
	for _, known := range []struct{ part, hint string }{
		{"tab", "indent with spaces"},
		{"not allowed in this context", "check the indentation of this line and the one above; quote a value that holds \": \""},
		{"non-map value", "a key is followed by a colon and a space"},
		{"could not find end character", "close the quotation mark"},
		{"must be specified", "a list or section in brackets is not closed, or a comma is missing"},
		{"end token", "close the bracket"},
		{"unexpected key", "check the indentation of this line and the one above"},
	} {
		if strings.Contains(words, known.part) {
			hint = known.hint
			break
		}
	}
	r.syntax(line, column, "is not YAML here: "+shorten(words, 120), hint)
}

// document is the root of the file's only document.
func (r *reader) document(file *ast.File) ast.Node {
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			p := startOf(doc.Body)
			r.syntax(p.Line, p.Column, "is a second YAML document", "keep one; a line of --- begins another")
			return nil
		}
		root = doc.Body
	}
	return root
}
