package ownership

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// This file is about JSON Patch (RFC 6902) over many things: its operations name
// what they change by pointers (RFC 6901), in which an identifier is one step of
// several, such as /orders/42/status.

var errPointer = errors.New("want a pointer with a wildcard in it, such as patch:/orders/{id}, behind the field that the patch stands in, if it is not the body itself")

// A pointer says where in the pointers of a patch the identifier stands: in its last
// wildcard.
type pointer struct {
	// field is where in the body the patch stands, with a dot at its end; "" for
	// the body itself.
	field string
	// steps are in lower case; "" is a wildcard.
	steps []string
	at    int
}

func readPlacePointer(name string) (p pointer, err error) {
	field, rest, ok := strings.Cut(name, "/")
	if p.at = -1; !ok {
		return p, errPointer
	}
	if field != "" {
		p.field = plainName(field+"[]") + "."
	}
	for i, step := range strings.Split(rest, "/") {
		switch {
		case len(step) > 2 && step[0] == '{' && step[len(step)-1] == '}':
			p.at, step = i, ""
		case step == "" || strings.ContainsAny(step, "{}"):
			return p, errPointer
		}
		p.steps = append(p.steps, strings.ToLower(unescapeStep(step)))
	}
	if p.at < 0 {
		return p, errPointer
	}
	return p, nil
}

// among finds what the operations of a patch name. whole is false where one reaches
// more than single things: all that there are, or the whole document.
func (p *pointer) among(body []input.Input, add func(string)) (whole bool) {
	whole = true
	operations, targets := 0, 0
	for _, i := range body {
		if i.Place.Kind != gatehouse.JSON {
			continue
		}
		// With the brackets, positions are left out too that were sent as names, which
		// PHP takes for a list.
		name, ok := strings.CutPrefix(plainName(i.Place.Name+"[]"), p.field)
		switch {
		case !ok:
		case name == "op":
			operations++
		case name == "path" || name == "from":
			if name == "path" && utf8.ValidString(i.Value) { // else it is there a second time, mended
				targets++
			}
			whole = p.names(i.Value, add) && whole
		}
	}
	return whole && operations <= targets // one without a path may be about everything
}

// names finds what one pointer names, in each reading. It is false where that is
// more than one thing.
func (p *pointer) names(text string, add func(string)) bool {
	single := true
	for _, steps := range pointerReadings(text) {
		single = p.named(steps, add) && single
	}
	return single
}

func (p *pointer) named(steps []string, add func(string)) bool {
	for i, want := range p.steps {
		if i == len(steps) {
			return false
		}
		if want != "" && strings.ToLower(steps[i]) != want {
			return true // it is about something else
		}
	}
	if id := steps[p.at]; id != "-" { // which is one that is not there yet
		add(id)
	}
	return true
}

// pointerReadings are the steps of a pointer: as RFC 6901 has them, and as who
// undoes escapes before looking for slashes, or does not ask how it begins. One for
// a fragment of an address has the escapes of those besides.
func pointerReadings(text string) [][]string {
	plain, fragment := strings.CutPrefix(text, "#")
	if decoded, err := url.PathUnescape(plain); err == nil && fragment {
		plain = decoded
	}
	loose := unescapeStep(plain)
	if decoded, err := url.PathUnescape(loose); err == nil {
		loose = decoded
	}
	careless := strings.FieldsFunc(loose, func(c rune) bool { return c == '/' })
	if plain != "" && plain[0] != '/' {
		return [][]string{careless}
	}
	strict := strings.Split(plain, "/")[1:]
	for i := range strict {
		strict[i] = unescapeStep(strict[i])
	}
	if slices.Equal(strict, careless) {
		return [][]string{strict}
	}
	return [][]string{strict, careless}
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

func unescapeStep(step string) string { return pointerEscapes.Replace(step) }
