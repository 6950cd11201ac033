package input

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// positions are the names of the first segments of a path.
var positions = func() (t [32]string) {
	for i := range t {
		t[i] = strconv.Itoa(i)
	}
	return t
}()

func position(i int) string {
	if i < len(positions) {
		return positions[i]
	}
	return strconv.Itoa(i)
}

// checkPath reports a path that can't be decoded.
func checkPath(path string) *Error {
	for i := strings.IndexByte(path, '%'); i >= 0 && i < len(path); i++ {
		if path[i] == '%' && !escapeAt(path, i) {
			return fail(RuleMalformedPath, gatehouse.PathSegment, "a broken escape at byte %d of the path", i)
		}
	}
	return nil
}

// pathInputs adds each segment, decoded once; what a segment holds after ";"
// as matrix parameters; and, where a segment is more than a plain word, the
// rest of the path from there: the value of a parameter that spans segments.
func pathInputs(path string, b *builder) *Error {
	rest := strings.TrimPrefix(path, "/")
	span := false
	for n := 0; rest != ""; n++ {
		raw, after, _ := strings.Cut(rest, "/")
		segment := unescape(raw, false)
		if segment != "" {
			if err := b.add(gatehouse.PathSegment, position(n), segment); err != nil {
				return err
			}
			if err := matrixInputs(raw, position(n), b); err != nil {
				return err
			}
		}
		span = span || !plainSegment(segment)
		if span && after != "" && n < len(positions) && len(rest) <= maxSpan {
			if err := b.add(gatehouse.PathSegment, position(n)+"+", unescape(rest, false)); err != nil {
				return err
			}
		}
		rest = after
	}
	return nil
}

// maxSpan bounds the values that reach over separators, in bytes, and maxSpans
// their number: each repeats what other inputs hold.
const (
	maxSpan  = 4096
	maxSpans = 16
)

func plainSegment(s string) bool {
	for i := range len(s) {
		if c := s[i]; !plainByte[c] && c != '-' && c != '@' && c != '+' && c != ':' && c != '~' && c < 0x80 {
			return false
		}
	}
	return true
}

func matrixInputs(raw, place string, b *builder) *Error {
	first, params, found := strings.Cut(raw, ";")
	if !found {
		return nil
	}
	if err := b.add(gatehouse.PathSegment, place, unescape(first, false)); err != nil {
		return err
	}
	for param := range strings.SplitSeq(params, ";") {
		if _, value, ok := strings.Cut(param, "="); ok {
			param = value
		}
		if err := b.add(gatehouse.PathSegment, place, unescape(param, false)); err != nil {
			return err
		}
	}
	return nil
}

// cookieInputs adds the cookies as RFC 6265 section 5.4 sends them, and in the
// readings of backends that follow older rules.
func cookieInputs(headers []headerLine, b *builder) *Error {
	c := cookies{b: b}
	for _, h := range headers {
		if h.name != "Cookie" {
			continue
		}
		for _, line := range h.values {
			for rest := line; rest != ""; {
				var pair string
				pair, rest, _ = strings.Cut(rest, ";")
				if err := c.pair(pair, rest); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

type cookies struct {
	b *builder
	// spans counts the values read beyond a semicolon.
	spans int
}

// pair reads one cookie; rest is what follows its semicolon.
func (c *cookies) pair(pair, rest string) *Error {
	name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
	if !ok {
		name, value = "", name
	}
	if name == "" && value == "" {
		return nil
	}
	name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
	place := placeName(name)
	if !plainHeader(name) {
		if err := c.b.add(gatehouse.Key, gatehouse.Cookie.String(), name); err != nil {
			return err
		}
	}
	if err := c.b.add(gatehouse.Cookie, place, value); err != nil || plain(value) {
		return err
	}
	for _, r := range c.readings(value, rest) {
		if r == "" || r == value {
			continue
		}
		if err := c.b.add(gatehouse.Cookie, place, r); err != nil {
			return err
		}
	}
	return nil
}

func (c *cookies) readings(value, rest string) (r [4]string) {
	if value[0] == '"' {
		r[0] = unquoteCookie(value[1:])
		if closed := strings.HasSuffix(value, `"`) && len(value) > 1; !closed && c.spans < maxSpans {
			c.spans++
			r[1] = unquoteCookie(value[1:] + ";" + rest[:min(len(rest), maxSpan)])
		}
	}
	if strings.Contains(value, "%") {
		r[2] = unescape(value, false)
	}
	if strings.Contains(value, "+") && !base64Like(value) {
		r[3] = unescape(value, true)
	}
	return r
}

// plainHeader reports whether a header's or a cookie's name is an ordinary one.
func plainHeader(name string) bool {
	for i := range len(name) {
		if c := name[i]; !plainByte[c] && c != '-' || c == ' ' || c == ',' {
			return false
		}
	}
	return true
}

// base64Like reports whether s can be base64, in which "+" is no space.
func base64Like(s string) bool {
	for i := range len(s) {
		if c := s[i]; !plainByte[c] && c != '+' && c != '/' && c != '=' && c != '-' || c == ' ' || c == ',' {
			return false
		}
	}
	return true
}

// unquoteCookie reads what follows a quote as Python's http.cookies and the
// Java servers do (RFC 2965): up to the closing quote, where \" and \073 are
// escapes.
func unquoteCookie(s string) string {
	var out strings.Builder
	for i := 0; i < len(s) && s[i] != '"'; i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) && octal(s[i+1]) && s[i+1] <= '3' && octal(s[i+2]) && octal(s[i+3]) {
			out.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		i++
		out.WriteByte(s[i])
	}
	return out.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// headerInputs adds every header field but Cookie, in the order of the names.
// Lines of one name are joined too, as backends join them. Of basic
// credentials the user name and the password are inputs of their own.
func headerInputs(host string, headers []headerLine, b *builder) *Error {
	if host != "" {
		if err := b.add(gatehouse.Header, "Host", host); err != nil {
			return err
		}
	}
	for _, h := range headers {
		if h.name == "Cookie" {
			continue
		}
		place := placeName(h.name)
		if !plainHeader(h.name) {
			if err := b.add(gatehouse.Key, gatehouse.Header.String(), h.name); err != nil {
				return err
			}
		}
		values := h.values
		if len(values) > 1 {
			values = append(slices.Clip(values), strings.Join(values, ", "))
		}
		for _, v := range values {
			if err := b.add(gatehouse.Header, place, v); err != nil {
				return err
			}
			if h.name == "Authorization" || h.name == "Proxy-Authorization" {
				if err := basicInputs(place, v, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func basicInputs(place, value string, b *builder) *Error {
	scheme, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "basic") {
		return nil
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(token), "="))
	if err != nil {
		return nil // no backend reads it either
	}
	user, password, _ := strings.Cut(string(decoded), ":")
	if err := b.add(gatehouse.Header, place, user); err != nil {
		return err
	}
	return b.add(gatehouse.Header, place, password)
}

// structural are the header fields that a client's HTTP implementation makes,
// with values from a small grammar of their own.
var structural = map[string]bool{
	"Accept-Encoding": true, "Accept-Ranges": true, "Connection": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Date": true, "Dnt": true, "Expect": true, "Host": true, "If-Modified-Since": true,
	"If-Unmodified-Since": true, "Keep-Alive": true, "Pragma": true, "Priority": true, "Range": true, "Sec-Fetch-Dest": true,
	"Sec-Fetch-Mode": true, "Sec-Fetch-Site": true, "Sec-Fetch-User": true, "Sec-Gpc": true, "Sec-Websocket-Extensions": true,
	"Sec-Websocket-Key": true, "Sec-Websocket-Version": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Upgrade-Insecure-Requests": true,
}

// Structural reports whether the header field of this canonical name is one
// that applications do not use as data. A check of values may skip it where
// its value has the ordinary form; a hostile client can put anything there.
func Structural(name string) bool { return structural[name] }

// sortLines orders header fields by name: a map has no order, and which inputs
// come first must not be chance.
func sortLines(lines []headerLine) {
	slices.SortFunc(lines, func(a, b headerLine) int { return strings.Compare(a.name, b.name) })
}

// headerLines takes the header fields as they are now: later changes of the
// map do not race with a check on another goroutine.
func headerLines(h http.Header) []headerLine {
	lines := make([]headerLine, 0, len(h))
	for name, values := range h {
		lines = append(lines, headerLine{name, values})
	}
	return lines
}
