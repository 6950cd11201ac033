package secret

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Value describes an input without showing any of it: its length and what it
// is made of, such as "14 characters, text with spaces and quotes".
func Value(s string) string {
	if s == "" {
		return "empty"
	}
	if !utf8.ValidString(s) {
		return count(len(s), "byte") + ", not UTF-8"
	}
	return count(utf8.RuneCountInString(s), "character") + ", " + kindOfValue(s)
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

func kindOfValue(s string) string {
	switch {
	case strings.Trim(s, "0123456789") == "":
		return "digits"
	case isNumber(s):
		return "a number"
	case isUUID(s):
		return "a UUID"
	case isEmail(s):
		return "an e-mail address"
	case isURL(s):
		return "a URL" + features(s, urlFeatures)
	case strings.ContainsAny(s[:1], "{[") && strings.ContainsAny(s[len(s)-1:], "}]"):
		return "text in brackets" + features(s, textFeatures)
	case strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) < 0:
		return "letters"
	case longToken(s):
		return "a token" + features(s, textFeatures)
	}
	return "text" + features(s, textFeatures)
}

func isNumber(s string) bool {
	t := strings.TrimLeft(s, "+-")
	return len(s)-len(t) <= 1 && t != "" && strings.Trim(t, "0123456789.") == "" && strings.Count(t, ".") <= 1 && t != "."
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// feature is something that a person would want to know of an input.
type feature struct {
	words string
	has   func(r rune) bool
}

func oneOf(chars string) func(rune) bool {
	return func(r rune) bool { return strings.ContainsRune(chars, r) }
}

var (
	urlFeatures = []feature{
		{"quotes", oneOf("'\"`")}, {"angle brackets", oneOf("<>")}, {"control characters", unicode.IsControl},
	}
	textFeatures = []feature{
		{"digits", unicode.IsDigit},
		{"spaces", oneOf(" \u00a0")},
		{"line breaks", oneOf("\r\n\u2028\u2029")},
		{"control characters", func(r rune) bool { return unicode.IsControl(r) && r != '\r' && r != '\n' }},
		{"quotes", oneOf("'\"`")},
		{"angle brackets", oneOf("<>")},
		{"semicolons", oneOf(";")},
		{"slashes", oneOf("/\\")},
		{"letters beyond ASCII", func(r rune) bool { return r > 0x7f && unicode.IsLetter(r) }},
		{"invisible characters", func(r rune) bool { return hidden(r) && !unicode.IsControl(r) && !unicode.IsSpace(r) }},
	}
)

func features(s string, of []feature) string {
	var found []string
	for _, f := range of {
		if strings.IndexFunc(s, f.has) >= 0 {
			found = append(found, f.words)
		}
	}
	switch n := len(found); n {
	case 0:
		return ""
	case 1:
		return " with " + found[0]
	default:
		return " with " + strings.Join(found[:n-1], ", ") + " and " + found[n-1]
	}
}
