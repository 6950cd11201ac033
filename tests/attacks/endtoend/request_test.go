package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

// noise are the names of inputs that no statement is made of.
var noise = []string{"page", "lang", "utm_source", "sid", "consent", "csrf_token", "comment", "filter.tags", "note"}

func isNoise(in sqli.Input) bool {
	return slices.Contains(noise, in.Name) || len(in.Name) > 1 && in.Name[0] == 'p' && '0' <= in.Name[1] && in.Name[1] <= '9'
}

// bodyOf is the type of body that an input needs: "form", "json" or "".
func bodyOf(in sqli.Input) string {
	kind := in.Kind
	if kind == "key" {
		kind = in.Name
	}
	if kind == "form" || kind == "json" {
		return kind
	}
	return ""
}

// travelling gives a case's inputs where one request can carry them all: a
// request has one body, one field of a name, and fields of the head hold no
// spaces at their ends. What can't come where the corpus says is in the query.
func travelling(c sqli.Case) (inputs []sqli.Input) {
	body := ""
	for _, in := range c.Inputs {
		if b := bodyOf(in); b != "" && (body == "" || !isNoise(in)) {
			body = b
		}
	}
	taken := map[string]bool{}
	for _, in := range c.Inputs {
		b := bodyOf(in)
		switch {
		case in.Kind == "key" && b != "" && b != body:
			in.Name = "query"
		case in.Kind == "key":
		case b != "" && b != body, in.Kind == "header" && !fitsHead(in.Value), in.Kind == "path" && !fitsPath(in.Value):
			in.Kind = "query"
		case taken[in.Kind+":"+in.Name]:
			in.Kind = "query"
		}
		for in.Kind != "key" && taken[in.Kind+":"+in.Name] {
			in.Name += "+"
		}
		taken[in.Kind+":"+in.Name] = true
		inputs = append(inputs, in)
	}
	return inputs
}

func fitsHead(value string) bool {
	return value == strings.TrimSpace(value) && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// fitsPath says whether a value can be a segment: those of dots mean others.
func fitsPath(value string) bool { return strings.Trim(value, ".") != "" }

// A pair is a name and a value, in the order of a request.
type pair struct{ name, value string }

// request makes the request of a case: inputs are as [travelling] gives them.
func request(origin string, number int, inputs []sqli.Input) (*http.Request, error) {
	pairs := map[string][]pair{}
	for _, in := range inputs { // keys first: the backend takes the first
		if in.Kind == "key" {
			pairs[in.Name] = append(pairs[in.Name], pair{in.Value, "1"})
		}
	}
	for _, in := range inputs {
		if in.Kind != "key" {
			pairs[in.Kind] = append(pairs[in.Kind], pair{in.Name, in.Value})
		}
	}
	target := origin + "/" + strconv.Itoa(number) + segments(pairs["path"])
	if q := encoded(pairs["query"]); q != "" {
		target += "?" + q
	}
	method, kind, body := http.MethodGet, "", io.Reader(nil)
	if form := pairs["form"]; form != nil {
		method, kind, body = http.MethodPost, "application/x-www-form-urlencoded", strings.NewReader(encoded(form))
	} else if fields := pairs["json"]; fields != nil {
		text, err := object(fields)
		if err != nil {
			return nil, err
		}
		method, kind, body = http.MethodPost, "application/json", bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, target, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", origin)
	}
	for _, h := range pairs["header"] {
		r.Header.Set(h.name, h.value)
	}
	if len(pairs["cookie"]) > 0 {
		r.Header.Set("Cookie", cookies(pairs["cookie"]))
	}
	return r, nil
}

// segments are the path behind the number; those that nothing is said of are x.
func segments(of []pair) string {
	all := []string{}
	for _, p := range of {
		n, err := strconv.Atoi(p.name)
		if err != nil {
			panic(fmt.Sprintf("endtoend: the path's segment %q", p.name))
		}
		for len(all) <= n {
			all = append(all, "x")
		}
		all[n] = url.PathEscape(p.value)
	}
	if len(all) == 0 {
		return ""
	}
	return "/" + strings.Join(all, "/")
}

func encoded(pairs []pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)
	}
	return strings.Join(parts, "&")
}

func cookies(pairs []pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p.name + "=" + strings.ReplaceAll(url.QueryEscape(p.value), "+", "%20")
	}
	return strings.Join(parts, "; ")
}

// object writes a JSON object in the order of its fields.
func object(fields []pair) ([]byte, error) {
	var b bytes.Buffer
	for i, f := range fields {
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b.WriteByte("{,"[min(i, 1)])
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
