package leaks

import (
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse/secret"
)

// maxRedacted is how much of an answer is kept for `explain`, in bytes.
const maxRedacted = 4 << 10

// private are values that a trace or an error shows and that need not be kept
// for it to be understood, with what stands in their place.
var private = []struct {
	expr *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+`), "[email]"},
	{regexp.MustCompile(`"(?:[^"\\\n]|\\.){1,400}"([^:"\w]|$)`), `"[text]"$1`},
	{regexp.MustCompile(`(^|[\s(=,:\[])'(?:[^'\\\n]|\\.){1,400}'`), "$1'[text]'"},
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b`), "[uuid]"},
	{regexp.MustCompile(`\b[A-Za-z0-9+/_-]{32,}={0,2}`), "[token]"},
	{regexp.MustCompile(`\d[\d -]{5,}\d`), "[number]"},
}

// Redact is what may be kept of a body that was replaced, for the person who
// asks why: text without tags, of at most 4 KiB, in which secrets, quoted
// values, e-mail addresses, long numbers and tokens are replaced. File names,
// line numbers and the names of members stay.
func Redact(body []byte) string {
	const enough = 4 * maxRedacted
	if len(body) > enough {
		body = body[:enough]
	}
	s := strings.ToValidUTF8(string(body), "\uFFFD")
	if strings.HasPrefix(http.DetectContentType(body), "text/html") {
		s = plainText(s, htmlKind)
	}
	s = secret.Redact(s)
	for _, p := range private {
		s = p.expr.ReplaceAllString(s, p.with)
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, s)
	return secret.Cut(strings.TrimSpace(s), maxRedacted)
}
