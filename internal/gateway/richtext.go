package gateway

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/sanitize"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// This file joins application/sanitize to its line of the ladder: it holds the bodies
// of declared paths, and has them go on without what could run.

func sanitizeRung(c *config.Config, g *Gate) (requestCheck, error) {
	var o sanitize.Options
	for _, r := range c.Routes {
		if len(r.RichText) > 0 {
			o.Fields = append(o.Fields, sanitize.Fields{Path: r.Path, Names: r.RichText})
		}
	}
	rung, err := sanitize.New(o)
	if err != nil {
		return nil, err
	}
	limit := int64(c.Input.Limit)
	return func(t *transit) gatehouse.Decision {
		names := rung.Names(t.x.Path)
		if names == nil || t.r.Body == nil || t.r.Body == http.NoBody {
			return gatehouse.Passed()
		}
		text, err := heldBody(t.r, limit)
		if err != nil { // the client's: climb answers it
			return gatehouse.Passed()
		}
		if text == nil {
			return unread("the body is longer than input.limit, or its encoding can't be read").WithStatus(http.StatusRequestEntityTooLarge)
		}
		clean, changed, err := rung.Rewrite(t.r.Header.Get("Content-Type"), names, text)
		if err != nil {
			return unread("the body is no form, JSON or multipart that can be read, so nothing could be taken out of it").WithStatus(http.StatusBadRequest)
		}
		takes := false
		for _, place := range changed {
			_, stays := t.judge(t.asm.rungByName(sanitize.Rung), gatehouse.Denied(sanitize.RuleTaken, place, "a rich-text field held what could run; it was taken out, and the rest passed on"))
			takes = takes || !stays
		}
		if takes {
			replaceBody(t.r, clean)
		}
		return gatehouse.Passed()
	}, nil
}

func unread(words string) gatehouse.Decision {
	return gatehouse.Denied(sanitize.RuleUnread, gatehouse.Place{Kind: gatehouse.Body}, "%s", words)
}

// heldBody reads a body, and puts it back. It gives what the body decodes to; nil where
// that is longer than limit, or the coding is none that is read.
func heldBody(r *http.Request, limit int64) (text []byte, err error) {
	body := r.Body
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	r.Body = readCloser{io.MultiReader(bytes.NewReader(raw), body), body}
	if err != nil || int64(len(raw)) > limit {
		return nil, err
	}
	coding := strings.Join(r.Header.Values("Content-Encoding"), ",")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return raw, nil
	}
	d, err := input.Decoder(coding, bytes.NewReader(raw), limit)
	if err != nil {
		return nil, nil //nolint:nilerr // the decision about it is the caller's
	}
	defer d.Close()
	text, err = io.ReadAll(d)
	if err != nil || int64(len(text)) > limit {
		return nil, nil //nolint:nilerr // as above
	}
	return text, nil
}

// replaceBody has another body go on.
func replaceBody(r *http.Request, body []byte) {
	r.Body = readCloser{bytes.NewReader(body), r.Body}
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	r.Header.Del("Content-Encoding")
	for _, digest := range []string{"Content-Digest", "Repr-Digest", "Digest", "Content-MD5"} {
		r.Header.Del(digest)
	}
}
