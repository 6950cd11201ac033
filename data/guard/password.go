package guard

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/taint"
)

// Bounds of what is taken for a password: shorter ones occur by chance, longer
// ones are no passwords.
const (
	minPassword  = 4
	maxPassword  = 1024
	maxPasswords = 8
)

// stored is a password on its way to the database; nothing where form is empty.
type stored struct {
	place               gatehouse.Place
	table, column, form string
}

func (s stored) decision() gatehouse.Decision {
	where := "the database"
	if s.table != "" {
		where = s.table
	}
	if s.column != "" {
		where += ", column " + s.column
	}
	how := "as it came"
	switch s.form {
	case formPlain:
	case formBase64, formHex:
		how = "in " + s.form + ", which hides nothing"
	default:
		how = "as its " + strings.ToUpper(s.form) + ", which is quickly guessed"
	}
	return gatehouse.Denied(RulePassword, s.place, "the password is written to %s %s", where, how)
}

// The forms that are no hash.
const (
	formPlain  = "plaintext"
	formBase64 = "base64"
	formHex    = "hex"
)

// digests are the fast hashes, by their size in bytes.
var digests = map[int]struct {
	name string
	sum  func(string) []byte
}{
	md5.Size:       {"md5", func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] }},
	sha1.Size:      {"sha1", func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] }},
	sha256.Size224: {"sha224", func(s string) []byte { d := sha256.Sum224([]byte(s)); return d[:] }},
	sha256.Size:    {"sha256", func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }},
	sha512.Size384: {"sha384", func(s string) []byte { d := sha512.Sum384([]byte(s)); return d[:] }},
	sha512.Size:    {"sha512", func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] }},
}

// hashing are SQL functions that make a fast hash, or a text that hides nothing,
// with the name that a finding gives it.
var hashing = map[string]string{
	"md5": "md5", "sha": "sha1", "sha1": "sha1", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512",
	"sha2": "sha2", "sha3": "sha3", "digest": "digest", "hmac": "hmac", "encode": formBase64, "hex": formHex, "to_base64": formBase64,
	"lower": formPlain, "upper": formPlain,
}

// findStored looks for a password of the exchange among the values that a
// statement writes.
func findStored(x *exchange.Exchange, st taint.Statement) (found stored) {
	if x.Inputs == nil || !mayWrite(st.SQL) {
		return stored{}
	}
	given := passwordsOf(x.Inputs)
	if len(given) == 0 {
		return stored{}
	}
	is := func(value string, t target) bool {
		for i := range given {
			if form := given[i].form(value, t); form != "" {
				// Copies: the statement may be a view of a buffer, and events are kept.
				found = stored{place: given[i].place, table: strings.Clone(t.table), column: strings.Clone(t.column), form: form}
				return true
			}
		}
		return false
	}
	targets(st, func(t target) bool {
		switch {
		case t.token.Class == taint.String:
			return !is(literal(st.SQL, t.token), t)
		case t.param >= 0 && t.param < len(st.Params):
			return !is(st.Params[t.param], t)
		case t.param < 0 && t.call == "":
			// By name: which of the values it is, is not known, nor its column.
			return !slices.ContainsFunc(st.Params, func(value string) bool { return is(value, target{table: t.table}) })
		}
		return true
	})
	return found
}

// A password is one that the request brought.
type password struct {
	place gatehouse.Place
	text  string
	// shared is set where another input has the same value, such as a user's
	// name: then it is not told from that.
	shared bool
}

// passwordsOf gives the request's passwords.
func passwordsOf(in *input.Inputs) (found []password) {
	add := func(i input.Input) {
		text := strings.TrimSpace(i.Value)
		if len(text) < minPassword || len(text) > maxPassword || len(found) == maxPasswords || !isPasswordField(i.Place.Name) {
			return
		}
		for _, have := range found {
			if have.text == text {
				return
			}
		}
		found = append(found, password{place: i.Place, text: text})
	}
	for _, group := range [][]input.Input{in.Query(), in.Body()} {
		for _, i := range group {
			switch i.Place.Kind {
			case gatehouse.Query, gatehouse.Form, gatehouse.JSON, gatehouse.GraphQL, gatehouse.Multipart:
				add(i)
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	for i := range in.Each {
		for n := range found {
			if !isPasswordField(i.Place.Name) && strings.TrimSpace(i.Value) == found[n].text {
				found[n].shared = true
			}
		}
	}
	return found
}

// form says in which form value is the password; empty where it is not, or a
// slow function stands in between.
func (p *password) form(value string, t target) string {
	form := p.formOf(value)
	if form == "" || t.call == "" {
		if (form == formPlain || form == formHex || form == formBase64) && p.doubtful(t.column) {
			return ""
		}
		return form
	}
	// Of a function that is not known nothing is said: it may be a slow hash.
	return hashing[t.call]
}

// doubtful reports whether a value that equals the password may be another:
// one that a person sent as well, or a short word in a column of another name.
func (p *password) doubtful(column string) bool {
	return !isPasswordColumn(column) && (p.shared || len(p.text) < 8 && column != "")
}

func (p *password) formOf(value string) string {
	switch {
	case len(value) < minPassword || len(value) > 4*maxPassword:
		return ""
	case value == p.text:
		return formPlain
	}
	if name := p.digest([]byte(value)); name != "" {
		return name
	}
	if i := strings.IndexByte(value, '}'); i > 0 && i < 12 && value[0] == '{' {
		value = value[i+1:] // {SHA}…, as in LDAP (RFC 2307)
	}
	coded := strings.TrimPrefix(strings.TrimPrefix(value, `\x`), "0x")
	if raw, err := hex.DecodeString(coded); err == nil {
		return p.decoded(raw, formHex)
	}
	coded = strings.TrimRight(value, "=")
	for _, e := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if raw, err := e.DecodeString(coded); err == nil {
			return p.decoded(raw, formBase64)
		}
	}
	return ""
}

// decoded is the form of raw, that a value was found to be in coding.
func (p *password) decoded(raw []byte, coding string) string {
	if string(raw) == p.text {
		return coding
	}
	return p.digest(raw)
}

func (p *password) digest(raw []byte) string {
	d, ok := digests[len(raw)]
	if !ok || !bytes.Equal(d.sum(p.text), raw) {
		return ""
	}
	return d.name
}

// literal is what a string constant says.
func literal(sql string, t taint.Token) string {
	text := name(sql, t)
	switch first := sql[t.Start] | 0x20; {
	case first == 'x':
		return `\x` + text
	case sql[t.Start] == '$':
		return text
	case first == 'e' && strings.Contains(text, `\`):
		text = escapes.Replace(text)
	}
	if strings.Contains(text, "''") {
		text = strings.ReplaceAll(text, "''", "'")
	}
	return text
}

var escapes = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`)
