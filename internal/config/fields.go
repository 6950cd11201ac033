package config

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/secret"
)

// A field is one key of a section, from the tags of its struct's field.
type field struct {
	key, doc, example          string
	def                        string
	enum                       []string
	short, need, path, restart bool
	index                      []int
	typ                        reflect.Type
}

// fieldsOf is the keys of a section, in the order they are declared.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		s := t.Field(i)
		key := s.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		f := field{
			key: key, doc: s.Tag.Get("doc"), example: s.Tag.Get("example"), def: s.Tag.Get("default"),
			short: s.Tag.Get("short") == "true", need: s.Tag.Get("need") == "true",
			path: s.Tag.Get("path") == "true", restart: s.Tag.Get("restart") == "true",
			index: s.Index, typ: s.Type,
		}
		if e := s.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		if f.example == "" {
			f.example = f.def
		}
		all = append(all, f)
	}
	return all
}

func find(fields []field, key string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// A leaf says how values of one type are written.
type leaf struct {
	// want is what to write, after "want" and "is not".
	want string
	// kinds are the kinds of YAML scalars that may be it.
	kinds string
	parse func(string) (any, error)
	// secret values must come from a reference and are never shown.
	secret bool
}

// leaves is every type that is one value in the file. Errors of parse are
// hints: what to do, without the value, which may be secret.
var leaves = map[reflect.Type]leaf{
	reflect.TypeFor[string](): {want: "text", kinds: aText, parse: parseText},
	reflect.TypeFor[bool]():   {want: "true or false", kinds: aBool + aText, parse: parseBool},
	reflect.TypeFor[int]():    {want: "a whole number", kinds: aNumber + aText, parse: parseInt},

	reflect.TypeFor[gatehouse.Reason](): {want: "a reason in words", kinds: aText, parse: parseReason},
	reflect.TypeFor[gatehouse.Mode]():   {want: "one of enforce, observe, strict, off", kinds: aText, parse: parseMode},

	reflect.TypeFor[secret.Text]():  {want: "a secret", kinds: aText + aNumber, parse: parseText, secret: true},
	reflect.TypeFor[Duration]():     {want: "a duration", kinds: aText, parse: hinted(ParseDuration, "write one such as 10s, 5m or 30d")},
	reflect.TypeFor[Size]():         {want: "a size", kinds: aText + aNumber, parse: hinted(ParseSize, "write one such as 64KiB, 1MiB or 10MB")},
	reflect.TypeFor[Rate]():         {want: "a rate", kinds: aText + aNumber, parse: hinted(ParseRate, "write one such as 500B/s or 1KiB/s")},
	reflect.TypeFor[limit.Rate]():   {want: "a rate", kinds: aText, parse: hinted(limit.ParseRate, "write one such as 600/min, 5/15min or 5/min burst 10")},
	reflect.TypeFor[Expiry]():       {want: "a date", kinds: aText, parse: hinted(ParseExpiry, "write one such as 2027-06-30")},
	reflect.TypeFor[netip.Prefix](): {want: "an address or a range of addresses", kinds: aText, parse: parsePrefix},
}

func leafOf(t reflect.Type) *leaf {
	if l, ok := leaves[t]; ok {
		return &l
	}
	return nil
}

// hinted replaces parse's error, which quotes the value, by hint.
func hinted[T any](parse func(string) (T, error), hint string) func(string) (any, error) {
	return func(s string) (any, error) {
		v, err := parse(s)
		if err != nil {
			return nil, errors.New(hint)
		}
		return v, nil
	}
}

func parseText(s string) (any, error) { return s, nil }

func parseBool(s string) (any, error) {
	if s != "true" && s != "false" {
		return nil, errors.New("write true or false")
	}
	return s == "true", nil
}

func parseInt(s string) (any, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, errors.New("write one such as 10")
	}
	return n, nil
}

func parseReason(s string) (any, error) {
	if !gatehouse.Reason(s).Given() {
		return nil, errors.New("say in one sentence why; every bypass needs a reason")
	}
	return s, nil
}

func parseMode(s string) (any, error) {
	var m gatehouse.Mode
	switch {
	case s == strictWord:
		return Strict, nil
	case m.UnmarshalText([]byte(s)) != nil:
		return nil, errors.New("write enforce, observe, strict or off")
	}
	return m, nil
}

const strictWord = "strict"

func parsePrefix(s string) (any, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return nil, errors.New("write one such as 192.0.2.7 or 10.0.0.0/8")
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return nil, errors.New("write one such as 10.0.0.0/8 or 2001:db8::/32")
	}
	if p.Addr().Is4In6() {
		return nil, errors.New("write it as an IPv4 range, such as 10.0.0.0/8")
	}
	if p.Masked() != p {
		return nil, errors.New("write " + p.Masked().String() + " for the range or " + p.Addr().String() + " for the address")
	}
	return p, nil
}

// Default is what `run --upstream URL` begins with; Upstream is yet empty.
func Default() *Config {
	c := &Config{}
	setDefaults(reflect.ValueOf(c).Elem())
	return c
}

// setDefaults gives each field of a struct what its default tag says.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		setField(v.FieldByIndex(f.index), f)
	}
}

func setField(v reflect.Value, f field) {
	switch {
	case isSection(f.typ):
		setDefaults(v)
	case f.def == "":
	case f.typ.Kind() == reflect.Slice:
		for _, one := range strings.Split(f.def, ",") {
			v.Set(reflect.Append(v, mustParse(f.typ.Elem(), one)))
		}
	default:
		v.Set(mustParse(f.typ, f.def))
	}
}

// mustParse reads a tag of this package; a test walks all of them.
func mustParse(t reflect.Type, text string) reflect.Value {
	v, err := leafOf(t).parse(text)
	if err != nil {
		panic("config: default tag " + text + ": " + err.Error())
	}
	return reflect.ValueOf(v).Convert(t)
}
