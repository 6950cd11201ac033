package config

import (
	"encoding/json"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// Patterns of values that are texts of a form, for the editor's schema; Parse
// is stricter.
const (
	referencePattern = `\$\{(env|file):[^}]+\}`
	durationPattern  = `^([0-9]+w)?([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|` + referencePattern
	sizePattern      = `^[0-9]+ ?(B|kB|MB|GB|KiB|MiB|GiB)?$|` + referencePattern
	ratePattern      = `^[0-9]+ ?(B|kB|MB|GB|KiB|MiB|GiB)?/s$|^0$|` + referencePattern
	datePattern      = `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$|` + referencePattern
)

// Schema is docs/reference/gatehouse.schema.json (JSON Schema, 2020-12).
func Schema() []byte {
	s := sectionSchema(reflect.TypeFor[Config]())
	s.Version = jsonschema.Version
	s.Title = "gatehouse.yaml"
	s.Comments = "Generated from internal/config by go generate."
	// Strings, numbers and lists of them can't fail to be encoded.
	text, _ := json.MarshalIndent(s, "", "  ")
	return append(text, '\n')
}

func sectionSchema(t reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, f := range fieldsOf(t) {
		if f.need {
			s.Required = append(s.Required, f.key)
		}
		property := f.schema()
		property.Description = f.doc
		if def := defaultOf(f); def != nil {
			property.Default = def
		}
		s.Properties.Set(f.key, property)
	}
	s.Extras = map[string]any{"type": emptyOr("object", len(s.Required) == 0)}
	return s
}

// emptyOr lets a section or a list stand there with nothing below it.
func emptyOr(kind string, may bool) any {
	if may {
		return []string{kind, "null"}
	}
	return kind
}

func (f field) schema() *jsonschema.Schema {
	if len(f.enum) > 0 {
		s := &jsonschema.Schema{}
		for _, word := range f.enum {
			s.Enum = append(s.Enum, word)
		}
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, matching(referencePattern)}}
	}
	return typeSchema(f.typ)
}

func typeSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[secret.Text]():
		return matching(referencePattern)
	case reflect.TypeFor[Duration]():
		return matching(durationPattern)
	case reflect.TypeFor[Size]():
		return numberOr(sizePattern)
	case reflect.TypeFor[Rate]():
		return numberOr(ratePattern)
	case reflect.TypeFor[Expiry]():
		return matching(datePattern)
	case reflect.TypeFor[gatehouse.Reason]():
		return matching(`\S`)
	case reflect.TypeFor[int]():
		return numberOr(referencePattern)
	case reflect.TypeFor[bool]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "boolean"}, matching(referencePattern)}}
	}
	switch {
	case leafOf(t) != nil:
		return &jsonschema.Schema{Type: "string"}
	case t.Kind() == reflect.Slice:
		return &jsonschema.Schema{Items: typeSchema(t.Elem()), Extras: map[string]any{"type": emptyOr("array", leafOf(t.Elem()) == nil)}}
	case t.Kind() == reflect.Map:
		return &jsonschema.Schema{AdditionalProperties: typeSchema(t.Elem()), Extras: map[string]any{"type": emptyOr("object", true)}}
	case t.Kind() == reflect.Pointer:
		return sectionSchema(t.Elem())
	}
	section := sectionSchema(t)
	for _, f := range fieldsOf(t) {
		if f.short {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{f.schema(), section}}
		}
	}
	return section
}

func matching(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern}
}

func numberOr(pattern string) *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "integer", Minimum: "0"}, matching(pattern)}}
}

// defaultOf is a field's default as JSON has it; nil for none.
func defaultOf(f field) any {
	if f.def == "" {
		return nil
	}
	v := reflect.New(f.typ).Elem()
	setField(v, f)
	switch v.Kind() {
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = v.Index(i).String()
		}
		return items
	case reflect.Bool:
		return v.Bool()
	case reflect.Int:
		return v.Int()
	}
	return f.def
}
