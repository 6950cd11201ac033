package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
)

func TestSanitize_RichText_ReachesTheBackendWithoutWhatRuns(t *testing.T) {
	type sent struct {
		body   string
		length int64
		digest string
	}
	got := make(chan sent, 1)
	backend := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- sent{string(body), r.ContentLength, r.Header.Get("Content-Encoding") + r.Header.Get("Content-Digest")}
	})
	const declared = "routes: [{path: /posts, rich_text: [body]}]\n"
	form := url.Values{"title": {"<b>x</b>"}, "body": {"<p>x</p><script>alert(1)</script>"}}.Encode()
	clean := url.Values{"title": {"<b>x</b>"}, "body": {"<p>x</p>"}}.Encode()
	ordinary := "title=a+%3C+b&body=%3cp%3eit's+fine%3C/p%3e"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, form)
	_ = z.Close()
	for _, c := range []struct {
		name, config, body, coding, want string
		status                           int
		outcome                          gatehouse.Outcome
	}{
		{"attack", declared, form, "", clean, 200, gatehouse.Refused},
		{"attack, packed", declared, packed.String(), "gzip", clean, 200, gatehouse.Refused},
		{"ordinary", declared, ordinary, "", ordinary, 200, ""},
		{"observing", declared + "modes: {application/sanitize: observe}", form, "", form, 200, gatehouse.Observed},
		{"not declared", "routes: [{path: /pages, rich_text: [body]}]", form, "", form, 200, ""},
		{"too long", declared + "input: {limit: 1KiB}", form + strings.Repeat("x", 2000), "", "", 413, gatehouse.Refused},
		{"no coding", declared, form, "x-unknown", "", 413, gatehouse.Refused},
	} {
		g := newGate(t, backend, written(t, c.config))
		r := g.request("POST", "/posts", strings.NewReader(c.body), "Content-Type: application/x-www-form-urlencoded", "Content-Encoding: "+c.coding, "Content-Digest: sha-256=:x:")
		if c.coding == "" {
			r.Header.Del("Content-Encoding")
		}
		a := g.do(r)
		if a.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, a.Status)
			continue
		}
		if c.status == 200 {
			s := await(t, "the backend is asked", got)
			changed := c.want != c.body
			if s.body != c.want || s.length != int64(len(c.want)) || changed != (s.digest == "") {
				t.Errorf("%s: the backend got %+v", c.name, s)
			}
		}
		found := g.found(EventFilter{}, "gate_xss")
		if (c.outcome == "") != (len(found) == 0) || len(found) > 0 && found[0].Outcome != c.outcome {
			t.Errorf("%s: %+v", c.name, found)
		}
	}
}
