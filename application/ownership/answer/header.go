package answer

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

func (p *Plan) setHeader(name string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("answer: Header %q is no name of a field", name)
	}
	switch p.header = textproto.CanonicalMIMEHeaderKey(name); p.header {
	case "Set-Cookie", "Connection", "Transfer-Encoding", "Content-Length":
		return errors.New("answer: Header " + p.header + " says nothing about an owner")
	}
	return nil
}

// ReadHeader gives the owners that the field of the plan names, one a line. A
// line is not split at commas: an owner may have one in it.
func (p *Plan) ReadHeader(h http.Header) (Owners, error) {
	if p.header == "" {
		return Owners{}, &Error{Fault: NoHeader}
	}
	var o Owners
	for _, line := range h[p.header] {
		line = strings.Trim(line, " \t")
		switch {
		case line == "":
		case len(line) > maxValue:
			return Owners{}, &Error{Fault: TooLong, Path: p.header}
		case !utf8.ValidString(line):
			return Owners{}, &Error{Fault: InvalidText, Path: p.header}
		default:
			o.note(line)
		}
	}
	o.Complete = len(o.Owner) > 0 && !o.Overflow
	return o, nil
}

// note adds one owner.
func (o *Owners) note(text string) {
	for _, had := range o.Owner {
		if had == text {
			return
		}
	}
	if len(o.Owner) == maxOwners {
		o.Overflow = true
		return
	}
	o.Owner = append(o.Owner, text)
}
