package config

import (
	"reflect"
	"strings"
)

const commentedHead = `# The configuration of Gatehouse. gatehouse check reads it without running it.
#
# A key behind # shows its default, or an example where it has none: remove the
# # to change it. Durations are written as 10s, 5m, 2h or 30d, sizes as 64KiB,
# 1MiB or 10MB. ${env:NAME} stands for a variable of the environment and
# ${file:/path} for a file's text; secrets can be given in no other way. A
# running gate reads this file again when it changes.
`

// Commented is c as a file in which every key is explained: those that differ
// from the defaults, and the backend, as they are, all others behind #. It
// parses to c, but for secrets, which it does not hold.
func Commented(c *Config) []byte {
	shown := *c
	if shown.Upstream == "" {
		shown.Upstream = "http://127.0.0.1:3000"
	}
	var b strings.Builder
	b.WriteString(commentedHead)
	commentSection(&b, "", reflect.ValueOf(shown), reflect.ValueOf(*Default()))
	return []byte(b.String())
}

func commentSection(b *strings.Builder, indent string, v, def reflect.Value) {
	for i, f := range fieldsOf(v.Type()) {
		if indent == "" || i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range wrap(f.doc, 90-len(indent)) {
			b.WriteString(indent + "# " + line + "\n")
		}
		at, usual := v.FieldByIndex(f.index), def.FieldByIndex(f.index)
		switch {
		case isSection(f.typ) && !hasNeeds(f.typ):
			b.WriteString(indent + f.key + ":\n")
			commentSection(b, indent+"  ", at, usual)
		case same(at, usual):
			b.WriteString(indent + "#" + f.key + ": " + f.sample() + "\n")
		default:
			b.WriteString(indent + f.key + ": " + flow(at) + "\n")
		}
	}
}

func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && leafOf(t) == nil }

// hasNeeds reports whether a section can't stand there empty.
func hasNeeds(t reflect.Type) bool {
	for _, f := range fieldsOf(t) {
		if f.need {
			return true
		}
	}
	return false
}

// wrap breaks a text into lines of at most width letters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
