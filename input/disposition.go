package input

import (
	"mime"
	"strings"
)

// A part is what the head of one part of a multipart body says.
type part struct {
	// names are the readings of the field's name; most have one.
	names []string
	// fileNames are the readings of the file's name.
	fileNames []string
	// file is set where every backend takes the content for a file; doubt
	// where some take it for a field.
	file, doubt bool
	json        bool
	// transfer is the Content-Transfer-Encoding.
	transfer string
}

// readPart reads the head's lines, unfolded. ok is false where backends would
// read different fields.
func readPart(lines []string) (p part, ok bool) {
	dispositions := 0
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found {
			return p, false
		}
		value = strings.Trim(value, " \t")
		switch strings.ToLower(strings.TrimRight(name, " \t")) {
		case "content-disposition":
			dispositions++
			if !p.disposition(value) {
				return p, false
			}
		case "content-type":
			p.json = parseMedia(value).format == jsonBody
		case "content-transfer-encoding":
			p.transfer = strings.ToLower(value)
		}
	}
	if len(p.names) == 0 {
		p.names = []string{""}
	}
	return p, dispositions <= 1
}

// disposition reads the field's value in both readings of a backslash: as an
// escape (RFC 2616, curl) and as itself (browsers).
func (p *part) disposition(value string) bool {
	_, rest, _ := strings.Cut(value, ";")
	readings := [2]bool{true, false}
	list := readings[:1]
	if strings.Contains(rest, `\`) {
		list = readings[:]
	}
	files := 0
	for _, escapes := range list {
		params, ok := parameters(rest, escapes)
		if !ok {
			return false
		}
		named := false
		for _, param := range params {
			switch param.name {
			case "name":
				p.names = appendNew(p.names, fieldNameReadings(param.value)...)
			case "filename":
				named = named || param.value != ""
				p.fileNames = appendNew(p.fileNames, fileNameReadings(param.value)...)
			case "filename*":
				// PHP and others know only filename, and Python's requests
				// sends this alone: a file to some, a field to others.
				p.doubt = true
				p.fileNames = appendNew(p.fileNames, extended(param.value), param.value)
			}
		}
		if named {
			files++
		}
	}
	p.file = files == len(list)
	p.doubt = !p.file && (p.doubt || files > 0)
	return true
}

type parameter struct{ name, value string }

// parameters reads what follows the disposition's type. ok is false with the
// same parameter twice: some take the first, some the last.
func parameters(s string, escapes bool) (list []parameter, ok bool) {
	for s = strings.TrimLeft(s, " \t;"); s != ""; s = strings.TrimLeft(s, " \t;") {
		name, rest, found := strings.Cut(s, "=")
		if semi := strings.IndexByte(name, ';'); semi >= 0 {
			s = s[semi:] // a parameter without a value
			continue
		}
		if !found {
			return list, true
		}
		name = strings.ToLower(strings.TrimSpace(name))
		rest = strings.TrimLeft(rest, " \t")
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, s = quoted(rest[1:], escapes)
		} else {
			value, s = rest, ""
			if semi := strings.IndexByte(rest, ';'); semi >= 0 {
				value, s = rest[:semi], rest[semi:]
			}
			value = strings.TrimRight(value, " \t")
		}
		for _, have := range list {
			if have.name == name {
				return list, false
			}
		}
		list = append(list, parameter{name, value})
		if len(list) > 16 {
			return list, false
		}
	}
	return list, true
}

// quoted reads up to the closing quote, or to the end without one.
func quoted(s string, escapes bool) (value, rest string) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), s[i+1:]
		case s[i] == '\\' && escapes && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		out.WriteByte(s[i])
	}
	return out.String(), ""
}

// fieldNameReadings are a name and what it is with the browsers' escapes
// undone (%22, %0D, %0A).
func fieldNameReadings(s string) []string {
	if !strings.Contains(s, "%") {
		return []string{s}
	}
	return []string{s, unescape(s, false)}
}

// fileNameReadings are besides the RFC 2047 words that old clients send.
func fileNameReadings(s string) []string {
	list := fieldNameReadings(s)
	if strings.Contains(s, "=?") {
		var d mime.WordDecoder
		if decoded, err := d.DecodeHeader(s); err == nil {
			list = append(list, decoded)
		}
	}
	return list
}

// extended decodes charset'language'value (RFC 8187).
func extended(s string) string {
	_, rest, ok := strings.Cut(s, "'")
	if !ok {
		return unescape(s, false)
	}
	if _, value, ok := strings.Cut(rest, "'"); ok {
		rest = value
	}
	return unescape(rest, false)
}

func appendNew(list []string, values ...string) []string {
next:
	for _, v := range values {
		for _, have := range list {
			if have == v {
				continue next
			}
		}
		list = append(list, v)
	}
	return list
}
