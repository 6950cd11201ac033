package config

import "reflect"

// Diff names the keys in which two configurations differ and that a running
// gate can't apply, in the order of the reference page. The rest it can.
func Diff(old, new *Config) (restart []string) {
	return differences(old, new, true)
}

// Changed names every key in which two configurations differ.
func Changed(old, new *Config) []string {
	return differences(old, new, false)
}

func differences(old, new *Config, restart bool) []string {
	var keys []string
	var compare func(section string, a, b reflect.Value)
	compare = func(section string, a, b reflect.Value) {
		for _, f := range fieldsOf(a.Type()) {
			key, x, y := under(section, f.key), a.FieldByIndex(f.index), b.FieldByIndex(f.index)
			whole := f.restart || f.typ.Kind() != reflect.Struct || leafOf(f.typ) != nil
			switch {
			case !whole:
				compare(key, x, y)
			case !f.restart && fixed(f.typ) && x.Len() == y.Len():
				for i := range x.Len() {
					compare(item(key, i), x.Index(i), y.Index(i))
				}
			case !f.restart && fixed(f.typ):
				keys = append(keys, key)
			case restart && !f.restart:
			case !same(x, y):
				keys = append(keys, key)
			}
		}
	}
	compare("", reflect.ValueOf(old).Elem(), reflect.ValueOf(new).Elem())
	return keys
}

// fixed reports whether a list is of sections of which a running gate can't
// change some keys, and so neither their number.
func fixed(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || !isSection(t.Elem()) {
		return false
	}
	for _, f := range fieldsOf(t.Elem()) {
		if f.restart {
			return true
		}
	}
	return false
}

// same is reflect.DeepEqual, but an empty list is as good as none.
func same(a, b reflect.Value) bool {
	if k := a.Kind(); (k == reflect.Slice || k == reflect.Map) && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
