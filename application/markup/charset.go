package markup

import (
	"bytes"
	"encoding/binary"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/taint"
)

// charsetOf is the declared encoding of a body, in lower case; "" where none is.
func charsetOf(h http.Header) string {
	_, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return strings.ToLower(params["charset"])
}

// readable gives the beginning of a body in UTF-8 where it is UTF-16, by its mark or
// as declared: what an input became there has other bytes (Encoding Standard, section
// 6.1: the mark outranks the declaration).
func readable(first []byte, charset string) (text []byte, wide bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(first, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case bytes.HasPrefix(first, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case charset == "utf-16be":
		order = binary.BigEndian
	case strings.HasPrefix(charset, "utf-16"), charset == "unicode", charset == "ucs-2":
		order = binary.LittleEndian
	default:
		return first, false
	}
	units := make([]uint16, len(first)/2)
	for i := range units {
		units[i] = order.Uint16(first[2*i:])
	}
	return []byte(string(utf16.Decode(units))), true
}

// shifts finds an input whose escape sequence has the page read in another alphabet
// from there on (ISO-2022-JP): quotes and brackets of the page's own are then parts of
// other characters. Browsers guess that encoding where none is declared.
func shifts(first []byte, charset string, candidates []taint.Candidate) gatehouse.Decision {
	if charset != "" && charset != "iso-2022-jp" || bytes.IndexByte(first, 0x1b) < 0 {
		return gatehouse.Passed()
	}
	for i := range candidates {
		v := candidates[i].Value
		for at := strings.IndexByte(v, 0x1b); at >= 0 && at+3 <= len(v); {
			if sequence := v[at : at+3]; (sequence[1] == '(' || sequence[1] == '$') && bytes.Contains(first, []byte(sequence)) {
				return gatehouse.Denied(RuleElement, candidates[i].Place, "an input switches the page to another alphabet, in which its markup is other markup")
			}
			next := strings.IndexByte(v[at+1:], 0x1b)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return gatehouse.Passed()
}

func hasEscapes(candidates []taint.Candidate) bool {
	for i := range candidates {
		if strings.IndexByte(candidates[i].Value, 0x1b) >= 0 {
			return true
		}
	}
	return false
}
