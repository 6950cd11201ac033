package input

import "strings"

// A node is a value of JSON, kept because an argument may take it.
type node struct {
	// kind is '{', '[', 's' for a scalar, or 'n' for null.
	kind byte
	// name is that of the member.
	name string
	text string
	of   []node
}

// askedJSON finds the requests of GraphQL in a text of JSON: one, a batch of
// them, or several after each other. It reads as far as the text is JSON.
func (b *builder) askedJSON(s string, maxDepth int) {
	w := walker{s: strings.TrimPrefix(s, "\uFEFF"), maxDepth: maxDepth}
	for {
		w.space()
		for w.i < len(w.s) && w.s[w.i] == recordSeparator {
			w.i++
			w.space()
		}
		if w.i == len(w.s) || !w.askedValue(b, 0) {
			return
		}
	}
}

// asked reports whether the value that follows is what a request of GraphQL has
// in this member.
func (w *walker) asked(name string) bool {
	w.space()
	if w.i == len(w.s) {
		return false
	}
	return len(name) == len(queryField) && w.s[w.i] == '"' || len(name) == len(extensionsField) && w.s[w.i] == '{'
}

// askedValue reads one value, and those of a list at the outside.
func (w *walker) askedValue(b *builder, depth int) bool {
	switch w.space(); {
	case w.i < len(w.s) && w.s[w.i] == '{':
		return w.askedObject(b)
	case depth > 0 || w.i == len(w.s) || w.s[w.i] != '[':
		_, ok := w.tree(depth, false)
		return ok
	}
	w.i++
	if w.next(']') {
		return true
	}
	for w.askedValue(b, 1) {
		if w.next(']') {
			return true
		}
		if !w.next(',') {
			return false
		}
	}
	return false
}

// askedObject reads an object, and keeps it where it may be a request.
func (w *walker) askedObject(b *builder) bool {
	a := &asked{}
	asks, hinted := false, false
	ok := w.members(func(name string) bool {
		taken := asksMore(name)
		value, ok := w.tree(1, taken && len(name) != len(queryField))
		if !taken {
			return ok
		}
		switch {
		case strings.EqualFold(name, queryField):
			asks = asks || value.kind == 's'
			if value.kind == 's' {
				a.document(document{text: value.text})
			}
		case strings.EqualFold(name, nameField):
			hinted = true
			if value.kind == 's' {
				a.name(value.text)
			}
		case strings.EqualFold(name, extensionsField):
			for _, m := range value.of {
				a.persisted = a.persisted || m.name == persistedMember
			}
		case value.kind == '{':
			hinted = true
			a.values(variables{members: value.of, known: true})
		case value.kind == 's': // some servers undo this
			if members, ok := objectOf(value.text, w.maxDepth); ok {
				hinted = true
				a.values(variables{members: members})
			}
		}
		return ok
	})
	for i := range a.documents {
		a.documents[i].hinted = hinted
	}
	if asks || a.persisted || hinted && b.wants {
		b.ask(a)
	}
	return ok
}

// objectOf reads a text that is an object.
func objectOf(text string, maxDepth int) ([]node, bool) {
	w := walker{s: text, maxDepth: maxDepth}
	w.space()
	if w.i == len(w.s) || w.s[w.i] != '{' {
		return nil, false
	}
	value, ok := w.tree(0, true)
	return value.of, ok
}

// tree reads one value, bounded in depth; with keep it is given back.
func (w *walker) tree(depth int, keep bool) (n node, ok bool) {
	w.space()
	if w.i == len(w.s) || depth > w.maxDepth {
		return n, false
	}
	switch c := w.s[w.i]; {
	case c == '{':
		n.kind = '{'
		return n, w.members(func(name string) bool {
			value, ok := w.tree(depth+1, keep)
			if keep {
				value.name = name
				n.of = append(n.of, value)
			}
			return ok
		})
	case c == '[':
		n.kind = '['
		return n, w.elements(depth, keep, &n.of)
	case c == '"':
		text, err := w.text()
		return node{kind: 's', text: text}, err == nil
	case c == '-' || c >= '0' && c <= '9':
		start := w.i
		err := w.skipNumber()
		return node{kind: 's', text: w.s[start:w.i]}, err == nil
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(w.s[w.i:], word) {
			w.i += len(word)
			if word == "null" {
				return node{kind: 'n'}, true
			}
			return node{kind: 's', text: word}, true
		}
	}
	return n, false
}

// members reads an object; value reads the value of each member.
func (w *walker) members(value func(name string) bool) bool {
	w.i++
	if w.next('}') {
		return true
	}
	for {
		w.space()
		if w.i == len(w.s) || w.s[w.i] != '"' {
			return false
		}
		name, err := w.text()
		if err != nil || !w.next(':') || !value(name) {
			return false
		}
		if w.next('}') {
			return true
		}
		if !w.next(',') {
			return false
		}
	}
}

// elements reads a list. What is null in it is no input, and not kept.
func (w *walker) elements(depth int, keep bool, to *[]node) bool {
	w.i++
	if w.next(']') {
		return true
	}
	for {
		value, ok := w.tree(depth+1, keep)
		if keep && value.kind != 'n' && value.kind != 0 {
			*to = append(*to, value)
		}
		switch {
		case !ok:
			return false
		case w.next(']'):
			return true
		case !w.next(','):
			return false
		}
	}
}

// next passes over c, if it comes next.
func (w *walker) next(c byte) bool {
	w.space()
	if w.i == len(w.s) || w.s[w.i] != c {
		return false
	}
	w.i++
	return true
}
