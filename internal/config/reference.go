package config

import (
	"fmt"
	"reflect"
	"strings"
)

const referenceHead = `<!-- Generated from internal/config by go generate; edit the tags there. -->

# Configuration

` + "`gatehouse init` writes a `gatehouse.yaml` in which every key below is explained, `gatehouse check` reads one without running it," + `
and [gatehouse.schema.json](gatehouse.schema.json) lets an editor complete and check it.

- Unknown keys, keys given twice and values of the wrong type are errors. All errors are reported together, each with line and column.
- Durations are written with ns, us, ms, s, m, h, d and w, such as ` + "`90s` or `30d`" + `; sizes with B, kB, MB, GB, KiB, MiB and GiB.
- ` + "`${env:NAME}` stands for a variable of the environment, `${file:/path}` for a file's text without the last line's end, `$${` for `${`" + `.
  They may be part of a value. A *secret* can be given in no other way.
- Relative paths begin at the configuration's folder.
- Every bypass needs a ` + "`reason`" + `. It is printed at start, recorded as an event, and shown by ` + "`gatehouse layers`" + `.
- A change of the file, or of a file that a secret is from, is applied at once, and so is SIGHUP. A file with errors is refused
  and the running configuration stays; so is a change to a key marked *restart*.
- YAML's anchors, tags and further documents are not supported.
`

// Reference is docs/reference/configuration.md.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(referenceHead)
	referenceSection(&b, "", "The whole file", "", reflect.TypeFor[Config]())
	return []byte(b.String())
}

func referenceSection(b *strings.Builder, key, title, doc string, t reflect.Type) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if doc != "" {
		b.WriteString(doc + "\n\n")
	}
	b.WriteString("| key | value | what it says | default | example |\n|---|---|---|---|---|\n")
	for _, f := range fieldsOf(t) {
		var notes string
		if f.need {
			notes += " **Needed.**"
		}
		if f.restart {
			notes += " *restart*"
		}
		def, example := "", ""
		if f.def != "" {
			def = code(f.sample())
		}
		if f.example != "" && (f.def == "" || f.example != f.def) {
			example = code(f.example)
		}
		name := code(f.key)
		if inner := sectionOf(f.typ); inner != nil {
			name = fmt.Sprintf("[`%s`](#%s)", f.key, anchor(sectionKey(key, f)))
		}
		fmt.Fprintf(b, "| %s | %s | %s%s | %s | %s |\n", name, f.value(), cell(f.doc), notes, def, example)
	}
	for _, f := range fieldsOf(t) {
		if inner := sectionOf(f.typ); inner != nil {
			referenceSection(b, sectionKey(key, f), "`"+sectionKey(key, f)+"`", f.doc, inner)
		}
	}
}

// sectionOf is the struct that a field's value is or consists of; nil for none.
func sectionOf(t reflect.Type) reflect.Type {
	switch {
	case leafOf(t) != nil:
		return nil
	case t.Kind() == reflect.Struct:
		return t
	}
	return sectionOf(t.Elem())
}

// sectionKey names a section in the page: items of lists by [], of maps by *.
func sectionKey(section string, f field) string {
	key := under(section, f.key)
	switch f.typ.Kind() {
	case reflect.Slice:
		return key + "[]"
	case reflect.Map:
		return key + ".*"
	}
	return key
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return strings.NewReplacer(".", "", "[", "", "]", "", "*", "").Replace(heading)
}

// value says what a field's value is, for a person.
func (f field) value() string {
	if len(f.enum) > 0 {
		words := make([]string, len(f.enum))
		for i, w := range f.enum {
			words[i] = code(w)
		}
		return strings.Join(words, ", ")
	}
	return valueOf(f.typ)
}

func valueOf(t reflect.Type) string {
	switch {
	case leafOf(t) != nil:
		return strings.TrimPrefix(strings.TrimPrefix(leafOf(t).want, "a "), "an ")
	case t.Kind() == reflect.Slice && leafOf(t.Elem()) != nil:
		return "list: " + valueOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of sections"
	case t.Kind() == reflect.Map:
		return "section, its keys are names"
	}
	return "section"
}

func code(s string) string {
	return "`" + cell(s) + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
