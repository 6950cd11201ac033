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

// maxDepth bounds how deep lists and sections nest: the parser recurses, and
// the deepest key has six.
const maxDepth = 32

// source turns the file's bytes into its one document's node; nil where that
// can't be done, or where the file says nothing.
func (r *reader) source(data []byte) ast.Node {
	if len(data) > maxFile {
		r.syntax(0, 0, fmt.Sprintf("is larger than %s", Size(maxFile)), "is it a configuration?")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if !r.plainText(data) {
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !r.bounded(tokens) {
		return nil
	}
	// Duplicate keys are found by config, which goes on to the next error.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.yamlError(err)
		return nil
	}
	return r.document(file)
}

func (r *reader) syntax(line, column int, words, hint string) {
	r.broken = true
	r.errs = append(r.errs, &Error{File: r.name, Line: line, Column: column, Words: words, Hint: hint})
}

// plainText refuses what the YAML parser would misread, or place wrongly.
func (r *reader) plainText(data []byte) bool {
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		for at := 0; at < len(line); {
			c, size := utf8.DecodeRune(line[at:])
			switch {
			case c == utf8.RuneError && size == 1:
				r.syntax(i+1, at+1, "is not UTF-8", "save the file as UTF-8 text")
				return false
			case c < ' ' && c != '\t' && !(c == '\r' && at == len(line)-1), c == 0x7f, c == 0x85, c == 0x2028, c == 0x2029:
				r.syntax(i+1, at+1, fmt.Sprintf("holds the control character %U", c), "remove it")
				return false
			case c == '\t' && len(bytes.TrimLeft(line[:at], " ")) == 0:
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
	flow, block, line := 0, 0, 0
	for _, t := range tokens {
		p := t.Position
		if p.Line != line {
			line, block = p.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			r.syntax(p.Line, p.Column, "uses a YAML anchor or alias, which is not supported", "write the value out")
			return false
		case token.TagType, token.DirectiveType:
			r.syntax(p.Line, p.Column, "uses a YAML tag or directive, which is not supported", "remove it")
			return false
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			block++
		}
		if flow > maxDepth || flow == 0 && block > maxDepth || p.IndentNum > 16*maxDepth {
			r.syntax(p.Line, p.Column, fmt.Sprintf("nests deeper than %d levels", maxDepth), "")
			return false
		}
	}
	return true
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
			p := doc.Body.GetToken().Position
			r.syntax(p.Line, p.Column, "is a second YAML document", "keep one; a line of --- begins another")
			return nil
		}
		root = doc.Body
	}
	return root
}
