package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// config fills c from the file's root.
func (r *reader) config(c *Config, root ast.Node) {
	r.value("", root, reflect.ValueOf(c).Elem(), field{})
}

// value fills v, which stands at key, from n.
func (r *reader) value(key string, n ast.Node, v reflect.Value, f field) {
	switch t := v.Type(); {
	case leafOf(t) != nil:
		r.leaf(key, n, v, f)
	case t.Kind() == reflect.Pointer:
		fresh := reflect.New(t.Elem())
		setDefaults(fresh.Elem())
		r.value(key, n, fresh.Elem(), f)
		v.Set(fresh)
	case t.Kind() == reflect.Struct:
		r.section(key, n, v)
	case t.Kind() == reflect.Slice:
		r.list(key, n, v, f)
	case t.Kind() == reflect.Map:
		r.table(key, n, v, f)
	}
}

// section fills a struct from a mapping.
func (r *reader) section(key string, n ast.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	if isNull(n) {
		r.needed(key, fields)
		return
	}
	entries, ok := entriesOf(n)
	if !ok {
		for _, f := range fields {
			if f.short && isScalar(n) {
				r.value(key, n, v.FieldByIndex(f.index), f)
				return
			}
		}
		r.wrongType(key, n, "a section with keys such as "+fields[0].key, "")
		return
	}
	seen := map[string]int{}
	for _, e := range entries {
		name, ok := r.entry(key, e, seen)
		if !ok {
			continue
		}
		f, ok := find(fields, name)
		if !ok {
			r.fail(under(key, name), "unknown key", suggest(name, keysOf(fields)))
			continue
		}
		r.value(under(key, name), e.Value, v.FieldByIndex(f.index), f)
	}
	r.needed(key, fields)
}

// needed reports keys that the section can't be without.
func (r *reader) needed(section string, fields []field) {
	for _, f := range fields {
		if key := under(section, f.key); f.need && !r.given(key) {
			r.fail(key, "is missing", needHint(f))
		}
	}
}

func needHint(f field) string {
	if f.key == "reason" {
		return "say in one sentence why; every bypass needs a reason"
	}
	return "add " + f.key + ": " + f.example
}

// entry marks where a mapping's entry stands and returns its key.
func (r *reader) entry(section string, e *ast.MappingValueNode, seen map[string]int) (string, bool) {
	tk := e.Key.GetToken()
	name, ok := keyText(e.Key)
	if !ok {
		r.marks[section+".?"] = mark{line: tk.Position.Line, column: tk.Position.Column}
		r.fail(section+".?", "has a key that is not a word", "write key: value")
		delete(r.marks, section+".?")
		return "", false
	}
	key := under(section, name)
	if line, twice := seen[name]; twice {
		first := r.marks[key]
		r.marks[key] = mark{line: tk.Position.Line, column: tk.Position.Column}
		r.fail(key, fmt.Sprintf("is given twice, first in line %d", line), "keep one")
		r.marks[key] = first
		return "", false
	}
	seen[name] = tk.Position.Line
	r.marks[key] = mark{line: tk.Position.Line, column: tk.Position.Column}
	return name, true
}

// list fills a slice from a sequence.
func (r *reader) list(key string, n ast.Node, v reflect.Value, f field) {
	sections := leafOf(v.Type().Elem()) == nil
	if isNull(n) {
		if !sections {
			r.fail(key, "has no value", "write [] for an empty list, or remove the line")
		}
		return
	}
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.wrongType(key, n, "a list", f.example)
		return
	}
	items := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, one := range seq.Values {
		if one == nil {
			r.fail(item(key, i), "has no value", "remove the dash or give it one")
			continue
		}
		p := startOf(one)
		r.marks[item(key, i)] = mark{line: p.Line, column: p.Column}
		if sections && isNull(one) {
			r.fail(item(key, i), "has no value", "remove the dash or give it one")
			continue
		}
		r.value(item(key, i), one, items.Index(i), field{enum: f.enum, path: f.path, example: f.example})
	}
	v.Set(items)
}

// table fills a map whose keys the writer chooses.
func (r *reader) table(key string, n ast.Node, v reflect.Value, f field) {
	if isNull(n) {
		return
	}
	entries, ok := entriesOf(n)
	if !ok {
		r.wrongType(key, n, "a section of name: value", f.example)
		return
	}
	m, seen := reflect.MakeMap(v.Type()), map[string]int{}
	for _, e := range entries {
		name, ok := r.entry(key, e, seen)
		if !ok {
			continue
		}
		if isNull(e.Value) {
			r.fail(under(key, name), "has no value", "give it one or remove the line")
			continue
		}
		one := reflect.New(v.Type().Elem()).Elem()
		r.value(under(key, name), e.Value, one, field{})
		m.SetMapIndex(reflect.ValueOf(name), one)
	}
	v.Set(m)
}

// leaf fills one value from a scalar.
func (r *reader) leaf(key string, n ast.Node, v reflect.Value, f field) {
	l := leafOf(v.Type())
	if isNull(n) {
		r.fail(key, "has no value", "give it one or remove the line")
		return
	}
	text, kind, ok := scalarText(n)
	if !ok || !strings.Contains(l.kinds, kind) {
		r.wrongType(key, n, l.want, f.example)
		return
	}
	m := r.marks[key]
	m.raw = text
	if l.secret {
		m.raw = ""
	}
	r.marks[key] = m
	value, ok := r.replace(key, text, l.secret)
	if !ok {
		return
	}
	if l.secret && !r.marks[key].replaced {
		r.fail(key, "is a secret written into the file", "put it in the environment or a file, and write ${env:NAME} or ${file:/path} here")
		return
	}
	if len(f.enum) > 0 && v.Kind() == reflect.String && !slices.Contains(f.enum, value) {
		r.fail(key, r.quote(key, value)+" is not one of "+strings.Join(f.enum, ", "), r.suggestValue(key, value, f.enum))
		return
	}
	if f.path {
		value = r.beside(value)
	}
	parsed, err := l.parse(value)
	if err != nil {
		hint := err.Error()
		if near := r.suggestValue(key, value, f.enum); near != "" {
			hint = near
		}
		r.fail(key, r.quoteUnless(l.secret, key, value)+" is not "+l.want, hint)
		return
	}
	v.Set(reflect.ValueOf(parsed).Convert(v.Type()))
}

func (r *reader) quoteUnless(secret bool, key, value string) string {
	if secret {
		return "the secret"
	}
	return r.quote(key, value)
}

// suggestValue suggests only for values that stand in the file as they are.
func (r *reader) suggestValue(key, value string, known []string) string {
	if near, ok := nearest(value, known); ok && !r.marks[key].replaced {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

func (r *reader) wrongType(key string, n ast.Node, want, example string) {
	if key == "" {
		p := n.GetToken().Position
		r.syntax(p.Line, p.Column, "is "+kindOf(n)+", want keys such as upstream:", "gatehouse init writes a file to begin with")
		return
	}
	hint := ""
	if example != "" {
		hint = "write " + key[strings.LastIndexByte(key, '.')+1:] + ": " + example
		if strings.HasSuffix(key, "]") {
			hint = "write items such as those of " + example
		}
	}
	r.fail(key, "is "+kindOf(n)+", want "+want, hint)
}

// The kinds of scalars, as leaf.kinds has them.
const (
	aText   = "text "
	aNumber = "number "
	aBool   = "bool "
)

// scalarText is a scalar as written, unquoted, and its kind.
func scalarText(n ast.Node) (text, kind string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, aText, true
	case *ast.LiteralNode:
		return n.Value.Value, aText, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), aNumber, true
	case *ast.BoolNode:
		return strings.TrimSpace(n.GetToken().Value), aBool, true
	}
	return "", "", false
}

func keyText(k ast.MapKeyNode) (string, bool) {
	text, _, ok := scalarText(k)
	if k.GetToken().Type == token.MappingKeyType {
		return "", false
	}
	return text, ok
}

func isScalar(n ast.Node) bool {
	_, _, ok := scalarText(n)
	return ok
}

func isNull(n ast.Node) bool {
	if n == nil {
		return true
	}
	_, null := n.(*ast.NullNode)
	return null
}

func entriesOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// startOf is where a node begins; a section has its first colon for a token.
func startOf(n ast.Node) *token.Position {
	m, ok := n.(*ast.MappingNode)
	if ok && m.IsFlowStyle {
		return n.GetToken().Position
	}
	if entries, ok := entriesOf(n); ok && len(entries) > 0 {
		return entries[0].Key.GetToken().Position
	}
	return n.GetToken().Position
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "something else"
}
