package sanitize

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/url"
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// form rewrites the values of a form (application/x-www-form-urlencoded).
func (w *rewriting) form() {
	for at := 0; at <= len(w.body); {
		end := bytes.IndexAny(w.body[at:], "&;")
		if end < 0 {
			end = len(w.body) - at
		}
		pair := w.body[at : at+end]
		rawName, rawValue, _ := bytes.Cut(pair, []byte("="))
		name, value := lenient(string(rawName)), lenient(string(rawValue))
		if w.named(name) {
			if clean, changed := w.s.Value(value); changed {
				w.replace(at+len(pair)-len(rawValue), at+len(pair), []byte(url.QueryEscape(clean)), gatehouse.Place{Kind: gatehouse.Form, Name: name})
			}
		}
		at += end + 1
	}
}

// named reports whether a field is rich text. "body[]" and "body[0]" are values of
// "body", as PHP and others have it.
func (w *rewriting) named(name string) bool {
	if w.names[name] {
		return true
	}
	base, _, listed := strings.Cut(name, "[")
	return listed && w.names[base]
}

// lenient decodes as backends do: an escape that is none stays.
func lenient(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return strings.ReplaceAll(s, "+", " ")
}

func looksLikeJSON(body []byte) bool {
	text := bytes.TrimLeft(body, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// json rewrites strings of a JSON text, and leaves the rest as it is.
func (w *rewriting) json() error {
	d := json.NewDecoder(bytes.NewReader(w.body))
	d.UseNumber()
	if err := w.value(d, "", 0); err != nil {
		return ErrUnread
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrUnread
	}
	return nil
}

// maxDepth bounds the nesting of JSON.
const maxDepth = 64

func (w *rewriting) value(d *json.Decoder, name string, depth int) error {
	if depth > maxDepth {
		return ErrUnread
	}
	from := d.InputOffset()
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case string:
		clean, changed := token, false
		if w.names[name] {
			clean, changed = w.s.Value(token)
		}
		if changed {
			text, err := json.Marshal(clean)
			if err != nil {
				return err
			}
			end := int(d.InputOffset())
			begin := int(from) + bytes.IndexByte(w.body[from:end], '"')
			w.replace(begin, end, text, gatehouse.Place{Kind: gatehouse.JSON, Name: name})
		}
	case json.Delim:
		return w.inside(d, token, name, depth)
	}
	return nil
}

func (w *rewriting) inside(d *json.Decoder, open json.Delim, name string, depth int) error {
	for d.More() {
		inner := name + "[]"
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			text, ok := key.(string)
			if !ok {
				return ErrUnread
			}
			inner = text
			if name != "" {
				inner = name + "." + text
			}
		}
		if err := w.value(d, inner, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token() // the end
	return err
}

// multipart rewrites the texts of a multipart form (RFC 7578). Files stay.
func (w *rewriting) multipart(boundary string) error {
	if boundary == "" {
		return ErrUnread
	}
	mark := []byte("--" + boundary)
	at := bytes.Index(w.body, mark)
	if at < 0 || at > 0 && !bytes.HasSuffix(w.body[:at], []byte("\r\n")) {
		return ErrUnread
	}
	mark = append([]byte("\r\n"), mark...)
	at += len(mark) - 2
	for {
		rest := w.body[at:]
		if bytes.HasPrefix(rest, []byte("--")) {
			return nil
		}
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			return ErrUnread
		}
		end := bytes.Index(rest, mark)
		headEnd := bytes.Index(rest, []byte("\r\n\r\n"))
		if end < 0 || headEnd < 0 || headEnd > end {
			return ErrUnread
		}
		if err := w.part(string(rest[:headEnd]), at+headEnd+4, at+end); err != nil {
			return err
		}
		at += end + len(mark)
	}
}

// part rewrites one part, whose text is body[from:to].
func (w *rewriting) part(head string, from, to int) error {
	name, file := "", false
	for line := range strings.SplitSeq(head, "\r\n") {
		key, value, _ := strings.Cut(line, ":")
		switch {
		case strings.EqualFold(strings.TrimSpace(key), "Content-Disposition"):
			_, params, err := mime.ParseMediaType(value)
			if err != nil {
				return ErrUnread
			}
			name = params["name"]
			_, file = params["filename"]
		case strings.EqualFold(strings.TrimSpace(key), "Content-Transfer-Encoding") && !strings.EqualFold(strings.TrimSpace(value), "binary") && !strings.EqualFold(strings.TrimSpace(value), "8bit"):
			return ErrUnread // nobody sends it, and its text could not be seen (RFC 7578, section 4.7)
		}
	}
	if file || !w.named(name) || from > to {
		return nil
	}
	if clean, changed := w.s.Value(string(w.body[from:to])); changed {
		w.replace(from, to, []byte(clean), gatehouse.Place{Kind: gatehouse.Multipart, Name: name})
	}
	return nil
}
