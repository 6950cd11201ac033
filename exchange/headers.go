package exchange

import (
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// ordinaryHeader reports whether i is a header field that no application uses
// as data, with a value such as HTTP implementations make. With any other value
// it is an input like the rest: a hostile client can put anything there.
func ordinaryHeader(i input.Input) bool {
	if i.Place.Kind != gatehouse.Header {
		return false
	}
	switch name := i.Place.Name; name {
	case "Host":
		return ordinaryHost(i.Value)
	case "Date", "If-Modified-Since", "If-Unmodified-Since":
		_, err := http.ParseTime(i.Value)
		return err == nil
	case "Accept", "Accept-Charset", "Accept-Language":
		return ordinaryList(i.Value)
	default:
		return input.Structural(name) && ordinaryList(i.Value)
	}
}

// ordinaryHost reports whether s is a name or address with or without a port.
// Only internationalised labels hold two dashes, after their "xn".
func ordinaryHost(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if strings.Contains(strings.TrimPrefix(label, "xn--"), "--") {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '.' && c != ':' && c != '-' && c != '[' && c != ']' {
			return false
		}
	}
	return true
}

// ordinaryList reports whether s is a list of words with parameters, such as
// "text/html;level=1, */*;q=0.8": no quotes, no brackets, no word that follows
// a word, no comment.
func ordinaryList(s string) bool {
	for element := range strings.SplitSeq(s, ",") {
		word, params, _ := strings.Cut(strings.Trim(element, " "), ";")
		word = strings.TrimRight(word, " ")
		if !ordinaryWord(word) {
			return false
		}
		for params != "" {
			var param string
			param, params, _ = strings.Cut(params, ";")
			name, value, ok := strings.Cut(strings.Trim(param, " "), "=")
			if !ok || !token(name) || !token(value) || strings.Contains(name, "--") {
				return false
			}
		}
	}
	return true
}

// ordinaryWord reports whether s is a token, a type such as "text/*", or a pair
// such as "bytes=0-499" or "max=100".
func ordinaryWord(s string) bool {
	switch s {
	case "", "*", "*/*", "?1", "?0":
		return true
	}
	if strings.Contains(s, "--") {
		return false
	}
	if kind, sub, ok := strings.Cut(s, "/"); ok {
		return token(kind) && (sub == "*" || token(sub))
	}
	name, value, pair := strings.Cut(s, "=")
	return token(name) && (!pair || token(value))
}

func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '.' && c != '+' && c != '_' {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
