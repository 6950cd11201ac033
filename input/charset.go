package input

import (
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// asciiCharsets begin the names of charsets in which every ASCII byte that
// stands alone means itself: values in them are read by their bytes.
var asciiCharsets = [...]string{
	"utf-8", "utf8", "us-ascii", "ascii", "ansi", "iso-8859-", "iso8859-", "iso_8859-", "latin", "windows-", "cp125", "cp850", "cp437", "cp932", "cp936", "cp949", "cp950",
	"koi8", "gb", "big5", "shift_jis", "shift-jis", "sjis", "x-sjis", "ms932", "euc-", "ks_c_5601", "tis-620", "macintosh", "utf8mb4",
}

// toUTF8 converts a body in UTF-16 or UTF-32, told by its charset or, for JSON,
// by its first bytes (RFC 4627 section 3: Python and Jackson still do).
func toUTF8(s string, m media) (string, *Error) {
	charset := m.charset
	if m.format == multipartBody {
		return s, nil // the charset is that of the parts' own headers
	}
	width, little := 0, false
	switch {
	case strings.HasPrefix(charset, "utf-16"), charset == "utf16", charset == "ucs-2", charset == "iso-10646-ucs-2", charset == "unicode":
		width, little = 2, strings.HasSuffix(charset, "le")
	case strings.HasPrefix(charset, "utf-32"), charset == "utf32", charset == "ucs-4":
		width, little = 4, strings.HasSuffix(charset, "le")
	case charset != "" && !asciiCharset(charset):
		return "", uninspectable()
	}
	if m.format == formBody {
		if width != 0 {
			return "", uninspectable() // backends apply it before or after undoing the escapes
		}
		return s, nil
	}
	// A document of GraphQL may begin with a comment that has a zero byte in it.
	if w, l, ok := wide(s); ok && m.format != graphQLBody {
		width, little = w, l
	}
	if width == 0 {
		return s, nil
	}
	if len(s)%width != 0 {
		return "", fail(RuleEncoding, gatehouse.Body, "the body is not in the charset that it claims")
	}
	return widen(s, width, little), nil
}

func asciiCharset(name string) bool {
	for _, prefix := range asciiCharsets {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func uninspectable() *Error {
	err := fail(RuleEncoding, gatehouse.Body, "the body's charset can't be inspected: send UTF-8")
	err.Status = http.StatusUnsupportedMediaType
	return err
}

// wide recognises UTF-16 and UTF-32 by a byte order mark, or by where the zero
// bytes of the first characters stand.
func wide(s string) (width int, little, ok bool) {
	switch {
	case strings.HasPrefix(s, "\xFF\xFE\x00\x00"):
		return 4, true, true
	case strings.HasPrefix(s, "\x00\x00\xFE\xFF"):
		return 4, false, true
	case strings.HasPrefix(s, "\xFF\xFE"):
		return 2, true, true
	case strings.HasPrefix(s, "\xFE\xFF"):
		return 2, false, true
	case len(s) < 2:
		return 0, false, false
	case len(s) >= 4 && s[0] == 0 && s[1] == 0 && s[2] == 0:
		return 4, false, true
	case len(s) >= 4 && s[0] != 0 && s[1] == 0 && s[2] == 0 && s[3] == 0:
		return 4, true, true
	case s[0] == 0 && s[1] != 0:
		return 2, false, true
	case s[0] != 0 && s[1] == 0:
		return 2, true, true
	}
	return 0, false, false
}

// widen converts s to UTF-8; what is no character becomes U+FFFD.
func widen(s string, width int, little bool) string {
	var out strings.Builder
	out.Grow(len(s))
	unit := func(i int) rune {
		var r uint32
		for k := range width {
			shift := 8 * k
			if !little {
				shift = 8 * (width - 1 - k)
			}
			r |= uint32(s[i+k]) << shift
		}
		if r > utf8.MaxRune {
			return utf8.RuneError
		}
		return rune(r)
	}
	for i := 0; i < len(s); i += width {
		r := unit(i)
		if width == 2 && utf16.IsSurrogate(r) {
			if i+4 <= len(s) {
				if both := utf16.DecodeRune(r, unit(i+2)); both != utf8.RuneError {
					r, i = both, i+2
				}
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}
