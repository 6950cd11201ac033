package config

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// AllowYAML is an entry of allow as a file has it, to paste below "allow:".
func AllowYAML(e AllowEntry) string {
	var b strings.Builder
	v, before := reflect.ValueOf(e), "  - "
	for _, f := range fieldsOf(v.Type()) {
		if at := v.FieldByIndex(f.index); !at.IsZero() {
			fmt.Fprintf(&b, "%s%s: %s\n", before, f.key, flow(at))
			before = "    "
		}
	}
	return b.String()
}

// EntryYAML is an entry of a list as a file has it, on one line.
func EntryYAML[T OwnershipRule | Me](entry T) string { return flow(reflect.ValueOf(entry)) }

// flow writes a value on one line. Secrets are not written.
func flow(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case secret.Text:
		return `"${file:/path}"`
	case gatehouse.Mode:
		if value == Strict {
			return strictWord
		}
		return value.String()
	case netip.Prefix:
		if value.IsSingleIP() {
			return scalar(value.Addr().String())
		}
		return scalar(value.String())
	case fmt.Stringer:
		if leafOf(v.Type()) != nil {
			return scalar(value.String())
		}
	}
	switch v.Kind() {
	case reflect.String:
		return scalar(v.String())
	case reflect.Pointer:
		return flow(v.Elem())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = flow(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		var items []string
		for _, k := range v.MapKeys() {
			items = append(items, scalar(k.String())+": "+flow(v.MapIndex(k)))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	case reflect.Struct:
		return flowSection(v)
	}
	return fmt.Sprint(v.Interface())
}

// flowSection writes the keys that differ from their defaults, or the one that
// stands for the section where there is no other.
func flowSection(v reflect.Value) string {
	fresh := reflect.New(v.Type()).Elem()
	setDefaults(fresh)
	var items []string
	var short string
	for _, f := range fieldsOf(v.Type()) {
		at := v.FieldByIndex(f.index)
		if f.short {
			short = flow(at)
		}
		if f.need || !same(at, fresh.FieldByIndex(f.index)) {
			items = append(items, f.key+": "+flow(at))
		}
	}
	if short != "" && len(items) == 1 {
		return short
	}
	return "{" + strings.Join(items, ", ") + "}"
}

// plain is a text that YAML reads as itself without quotation marks, in a
// list or section in brackets too.
var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._@+-]*( [A-Za-z0-9/._@+-]+)*$|^[0-9]+[A-Za-z][A-Za-z0-9/]*$|^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(/[0-9]+)?$|^(https?|udp|tcp|tls)://[A-Za-z0-9._/:-]*[A-Za-z0-9/]$`)

func scalar(s string) string {
	words := []string{"true", "false", "null", "yes", "no", "on", "y", "n", "inf", "nan"}
	exponent := regexp.MustCompile(`^[0-9]+[eExXoObB][0-9A-Fa-f]*$`).MatchString(s)
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) && !exponent {
		return s
	}
	// A JSON string is a YAML one; a text never fails to be encoded.
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(strings.ReplaceAll(s, "${", "$${"))
	return strings.TrimSuffix(b.String(), "\n")
}

// sample is a value of a field to show: its default, else its example.
func (f field) sample() string {
	if f.def != "" {
		fresh := reflect.New(f.typ).Elem()
		setField(fresh, f)
		return flow(fresh)
	}
	if f.example != "" || f.typ.Kind() != reflect.Struct && f.typ.Kind() != reflect.Pointer {
		return f.example
	}
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var items []string
	for i, inner := range fieldsOf(t) {
		if inner.need || i == 0 {
			items = append(items, inner.key+": "+inner.sample())
		}
	}
	return "{" + strings.Join(items, ", ") + "}"
}
