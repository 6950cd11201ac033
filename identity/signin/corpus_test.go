package signin_test

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/input"
)

// A framework is one file of testdata: a request and the answers to it, with
// {{what}} where each try differs.
type framework struct {
	name     string
	sections map[string]string
}

func corpus(t *testing.T, folder string) []framework {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus in testdata/%s: %v", folder, err)
	}
	var all []framework
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f := framework{strings.TrimSuffix(filepath.Base(file), ".txtar"), map[string]string{}}
		for _, section := range archive.Files {
			f.sections[section.Name] = string(section.Data)
		}
		all = append(all, f)
	}
	return all
}

// A person fills the templates of one try.
type person struct {
	rand              *rand.Rand
	account, password string
	sent              map[string]string
}

var placeholder = regexp.MustCompile(`\{\{[^}]+\}\}`)

func (p *person) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		what, escape := strings.CutSuffix(strings.Trim(m, "{}"), "|url")
		v := p.value(what)
		if escape {
			v = url.QueryEscape(v)
		}
		return v
	})
}

func (p *person) value(what string) string {
	if rest, ok := strings.CutPrefix(what, "fixed:"); ok {
		return (&person{rand: rand.New(rand.NewPCG(1, 1))}).value(rest)
	}
	if name, ok := strings.CutPrefix(what, "same:"); ok {
		return p.sent[name]
	}
	kind, size, _ := strings.Cut(what, ":")
	n, _ := strconv.Atoi(size)
	raw := make([]byte, n+3)
	for i := range raw {
		raw[i] = byte(p.rand.Uint32())
	}
	switch kind {
	case "account":
		return p.account
	case "password":
		return p.password
	case "hex":
		return hex.EncodeToString(raw)[:n]
	case "HEX":
		return strings.ToUpper(hex.EncodeToString(raw))[:n]
	case "b64":
		return base64.StdEncoding.EncodeToString(raw)[:n]
	case "b64url":
		return base64.URLEncoding.EncodeToString(raw)[:n]
	case "digits", "alnum":
		letters := "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		if kind == "digits" {
			letters = "123456789"
		}
		for i := range raw {
			raw[i] = letters[int(raw[i])%len(letters)]
		}
		return string(raw[:n])
	}
	panic("unknown placeholder " + what)
}

func (f framework) request(t testing.TB, p *person) (*http.Request, *input.Inputs) {
	t.Helper()
	head, body, _ := strings.Cut(strings.TrimRight(p.fill(f.sections["request"]), "\n"), "\n\n")
	raw := strings.Replace(head, "\n", " HTTP/1.1\nHost: shop.example.com\n", 1) + fmt.Sprintf("\nContent-Length: %d\n\n", len(body)) + body
	if !strings.Contains(head, "\n") {
		raw = head + " HTTP/1.1\nHost: shop.example.com\n" + fmt.Sprintf("Content-Length: %d\n\n", len(body)) + body
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatalf("%s: %v\n%s", f.name, err, raw)
	}
	p.sent = map[string]string{}
	for _, c := range r.Cookies() {
		p.sent[c.Name] = c.Value
	}
	return r, parsed(t, r)
}

func parsed(t testing.TB, r *http.Request) *input.Inputs {
	t.Helper()
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := parser.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (f framework) answer(t testing.TB, p *person, section string) signin.Answer {
	t.Helper()
	text, ok := f.sections[section]
	if !ok {
		t.Fatalf("%s has no %s", f.name, section)
	}
	head, body, _ := strings.Cut(p.fill(text), "\n\n")
	lines := strings.Split(head, "\n")
	status, err := strconv.Atoi(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	a := signin.Answer{Status: status, Header: http.Header{}, Body: []byte(body)}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		a.Header.Add(name, value)
	}
	return a
}

var expected = map[string]signin.Outcome{
	"success": signin.Success, "failure": signin.Failure, "failure2": signin.Failure, "halfway": signin.Halfway,
}

func newFinder(t testing.TB) *signin.Finder {
	t.Helper()
	f, err := signin.NewFinder(signin.FinderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newModel(t testing.TB, now func() time.Time) *signin.Model {
	t.Helper()
	m, err := signin.NewModel(signin.ModelOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
