package answer

import (
	"mime"
	"strings"
)

// Accepts reports whether a body of this Content-Type is what the plan reads:
// JSON or HTML, in UTF-8 or in a charset of one byte a character, which has the
// same structure: an owner in it that is not ASCII is then an error, or another
// text. A type that is not said, or can't be parsed, is not accepted. A plan of
// a header accepts every body.
func (p *Plan) Accepts(contentType string) bool {
	if p.header != "" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch charset := strings.ToLower(params["charset"]); {
	case charset == "", charset == "utf-8", charset == "utf8", charset == "us-ascii":
	case strings.HasPrefix(charset, "iso-8859-"), strings.HasPrefix(charset, "windows-125"):
	default:
		return false
	}
	switch {
	case p.selector != nil:
		return media == "text/html"
	case media == "application/json", media == "text/json", media == "text/x-json", media == "application/x-json":
		return true
	}
	return strings.HasSuffix(media, "+json")
}
