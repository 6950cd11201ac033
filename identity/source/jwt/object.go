package jwt

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxDepth bounds how deep a token's JSON is nested; real ones stay below 6.
const maxDepth = 16

var (
	errNotJSON   = errors.New("it is not a JSON object")
	errDepth     = errors.New("its JSON is nested too deep")
	errDuplicate = errors.New("its JSON has a member twice")
)

// parseObject reads a JSON object in the one way that all readers agree on: no
// member twice at any level (RFC 8725, 2.6: one reader takes the first, another
// the last), valid UTF-8, nothing behind it, names told apart by their case.
// Numbers stay as they were written.
func parseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, errNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if _, err := d.Token(); !ok || err != io.EOF {
		return nil, errNotJSON
	}
	return object, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errNotJSON
	}
	switch {
	case t != json.Delim('{') && t != json.Delim('['):
		return t, nil
	case depth == maxDepth:
		return nil, errDepth
	case t == json.Delim('['):
		return parseList(d, depth)
	}
	object := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNotJSON
		}
		text, ok := name.(string)
		if !ok {
			return nil, errNotJSON
		}
		if _, twice := object[text]; twice {
			return nil, errDuplicate
		}
		if object[text], err = parseValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	return object, closed(d)
}

func parseList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		value, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, closed(d)
}

// closed reads the bracket at the end.
func closed(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errNotJSON
	}
	return nil
}
