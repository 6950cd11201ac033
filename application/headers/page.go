package headers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"golang.org/x/net/html"
)

// NotePage notes the inline scripts, styles and handlers of a page, or of its
// beginning, that a client was sent: a report has no more than 40 bytes of them,
// which make no hash.
func (r *Reports) NotePage(client string, page []byte) {
	z := html.NewTokenizer(bytes.NewReader(page))
	left := 256 // of one page
	for inside := ""; left > 0; {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			inside = ""
			if t.Data == "script" && attribute(t, "src") == "" && runs(attribute(t, "type")) {
				inside = "script-src"
			}
			if t.Data == "style" {
				inside = "style-src"
			}
			for _, a := range t.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on") && len(a.Key) > 3:
					r.note(client, "script-src-attr", hashOf([]byte(a.Val)))
					left--
				case a.Key == "style":
					r.note(client, "style-src-attr", "inline")
					left--
				}
			}
		case html.TextToken:
			if inside != "" {
				r.note(client, inside, hashOf(z.Raw()))
				left--
			}
			inside = ""
		default:
			inside = ""
		}
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// runs reports whether a script element of a type is executed; a block of data is
// not (HTML, section 4.12.1).
func runs(kind string) bool {
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "" || kind == "module" || kind == "importmap" || strings.Contains(kind, "javascript") || strings.Contains(kind, "ecmascript")
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
