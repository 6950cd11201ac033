package input

import (
	"mime"
	"strings"
)

// A format is how a body is parsed.
type format uint8

const (
	opaque format = iota // passed on untouched
	jsonBody
	formBody
	multipartBody
	graphQLBody
	// unknown is a body without a type that says anything: JSON if it looks so.
	unknown
)

// formats are the media types that are parsed. A type that ends in "+json" is
// JSON besides; what is not here streams from its first byte.
var formats = map[string]format{
	"application/json":                       jsonBody,
	"text/json":                              jsonBody,
	"text/x-json":                            jsonBody,
	"application/x-json":                     jsonBody,
	"application/csp-report":                 jsonBody,
	"application/x-ndjson":                   jsonBody,
	"application/ndjson":                     jsonBody,
	"application/x-jsonlines":                jsonBody,
	"application/jsonlines":                  jsonBody,
	"application/jsonl":                      jsonBody,
	"application/json-seq":                   jsonBody,
	"application/json5":                      jsonBody,
	"application/x-amz-json-1.0":             jsonBody,
	"application/x-amz-json-1.1":             jsonBody,
	"application/x-www-form-urlencoded":      formBody,
	"application/x-www-form-urlencoded-utf8": formBody,
	"multipart/form-data":                    multipartBody,
	"application/graphql":                    graphQLBody,
	"text/plain":                             unknown,
	"":                                       unknown,
}

// A media is what a Content-Type field says about a body.
type media struct {
	format   format
	charset  string
	boundary string
	// twice is set where there may be another boundary.
	twice bool
	// sniffed is set where the bytes, not the type, said so.
	sniffed bool
}

// contentType reads the Content-Type fields: of several, the first that is
// parsed.
func contentType(lines []string) media {
	if len(lines) == 0 {
		return parseMedia("")
	}
	var m media
	for _, line := range lines {
		if m = parseMedia(line); m.format != opaque {
			break
		}
	}
	m.twice = m.twice || len(lines) > 1
	return m
}

// parseMedia reads a Content-Type leniently: a backend that reads only its
// beginning must not see a type that the gate did not.
func parseMedia(contentType string) media {
	name, rest, more := strings.Cut(contentType, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if word, _, ok := strings.Cut(name, ","); ok {
		name = strings.TrimSpace(word) // two fields joined: most take the first
	}
	m := media{format: formats[name]}
	if m.format == opaque && strings.HasSuffix(name, "+json") {
		m.format = jsonBody
	}
	if !more || m.format == opaque {
		return m
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		params, m.twice = looseParams(rest)
	}
	m.charset = strings.ToLower(strings.Trim(params["charset"], ` '"`))
	m.boundary = params["boundary"]
	return m
}

// looseParams reads parameters that the mime package does not accept, such as
// an unquoted "=" in a boundary. twice is set where one of them is repeated.
func looseParams(s string) (params map[string]string, twice bool) {
	params = map[string]string{}
	for param := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(param, "=")
		if !ok {
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		_, had := params[name]
		twice = twice || had
		params[name] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return params, twice
}
