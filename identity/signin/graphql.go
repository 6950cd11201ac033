package signin

import (
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// maxGraphQL bounds how much of a query is looked at, in bytes.
const maxGraphQL = 64 << 10

// graphQL adds the arguments that stand as strings in a query of GraphQL
// (October 2021, section 2.9.4): `login(email: "a", password: "b")`. Those in
// variables are members of the body like any other. One query can hold many
// fields, and so many guesses, under aliases.
func (all *fields) graphQL(r *http.Request, in *input.Inputs) {
	if r.Method == http.MethodGet {
		return
	}
	for _, i := range in.Body() {
		if i.Place.Kind != gatehouse.JSON || i.Place.Name != "query" && !strings.HasSuffix(i.Place.Name, "].query") || !strings.Contains(i.Value, "mutation") {
			continue
		}
		arguments(i.Value[:min(len(i.Value), maxGraphQL)], func(name, value string) {
			as, rank := roleOf(name)
			all.add(input.Input{Place: gatehouse.Place{Kind: gatehouse.JSON, Name: "query." + name}, Value: value}, as, rank)
		})
	}
}

// arguments calls yield with each `name: "string"`.
func arguments(q string, yield func(name, value string)) {
	for at := strings.IndexByte(q, '"'); at >= 0; at = strings.IndexByte(q, '"') {
		before := strings.TrimRight(q[:at], " \t\r\n,")
		value, rest, ok := quoted(q[at:])
		if !ok {
			return
		}
		if name, isNamed := strings.CutSuffix(before, ":"); isNamed {
			name = strings.TrimRight(name, " \t\r\n")
			from := strings.LastIndexFunc(name, func(r rune) bool {
				return !(r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
			})
			if name = name[from+1:]; name != "" && len(name) <= 64 {
				yield(name, value)
			}
		}
		q = rest
	}
}

// quoted reads the string that s begins with; block strings too.
func quoted(s string) (value, rest string, ok bool) {
	const block = `"""`
	if strings.HasPrefix(s, block) {
		value, rest, ok = strings.Cut(s[len(block):], block)
		return value, rest, ok
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\/`, `/`).Replace(s[1:i]), s[i+1:], true
		}
	}
	return "", "", false
}
