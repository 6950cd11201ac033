package input

import (
	"encoding/json"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// parseHeld decodes a body and adds its inputs.
func (p *Parser) parseHeld(text string, m media, codings []string, b *builder) *Error {
	decoded, err := p.decode(text, codings)
	if decoded != text {
		p.undecoded(text, m, b)
	}
	if e := p.parseText(decoded, m, b); err == nil {
		err = e
	}
	return err
}

// undecoded adds what a backend that ignores Content-Encoding reads, where
// that is anything.
func (p *Parser) undecoded(text string, m media, b *builder) {
	switch {
	case m.format == formBody:
		f := form{kind: gatehouse.Form, b: b, printableOnly: true}
		for pair := range strings.SplitSeq(text, "&") {
			if f.pair(pair) != nil {
				return
			}
		}
	case m.format == jsonBody && startsJSON(text):
		_ = jsonInputs(text, "", p.o.MaxDepth, b) // most often it is not JSON
	case m.format == multipartBody && m.boundary != "" && strings.Contains(text, m.boundary):
		_ = p.parseMultipart(text, m, b) // most often it is not multipart
	}
}

// parseText adds the inputs of a decoded body.
func (p *Parser) parseText(text string, m media, b *builder) *Error {
	text, err := toUTF8(text, m)
	if err != nil {
		return err
	}
	switch m.format {
	case jsonBody:
		return jsonInputs(text, "", p.o.MaxDepth, b)
	case formBody:
		if err := pairInputs(text, gatehouse.Form, b); err != nil {
			return err
		}
		// curl -d sends JSON with this type unless told otherwise, and
		// backends that expect JSON read it.
		if startsJSON(text) {
			if err := jsonInputs(text, "", p.o.MaxDepth, b); err != nil && err.Rule != RuleMalformedJSON {
				return err
			}
		}
		return nil
	case multipartBody:
		return p.parseMultipart(text, m, b)
	case graphQLBody:
		// Some servers take JSON of this type too, whatever it says.
		if startsJSON(text) && json.Valid([]byte(text)) {
			return jsonInputs(text, "", p.o.MaxDepth, b)
		}
		b.ask(&asked{documents: []document{{text: text, typed: true}}})
	}
	return nil
}

// startsJSON reports whether text begins as an object or a list does.
func startsJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return text != "" && (text[0] == '{' || text[0] == '[')
}
