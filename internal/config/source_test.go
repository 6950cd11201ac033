package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [lol]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d]\n", i, i, i-1, i-1, i-1, i-1)
	}
	return b.String()
}

func stairs() string {
	var b strings.Builder
	for i := range 500 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestParse_HostileFile_IsOneBoundedError(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"billion laughs", laughs(), "f:1:5: uses a YAML anchor or alias, which is not supported; write the value out"},
		{"merge key", "a: {<<: {b: c}}", "f:1:5: uses a YAML anchor or alias, which is not supported; write the value out"},
		{"10 MB", strings.Repeat("a: b\n", 2<<20), "f: is larger than 1MiB; is it a configuration?"},
		{"deep flow", "a: " + strings.Repeat("[", 1000), "f:1:36: nests deeper than 32 levels"},
		{"a megabyte of brackets", strings.Repeat("[", maxFile), "f:1:33: nests deeper than 32 levels"},
		{"a megabyte of braces", strings.Repeat("{a: ", maxFile/4), "f:1:"},
		{"a megabyte of dashes", strings.Repeat("- ", maxFile/2), "f:1:65: nests deeper than 32 levels"},
		{"a megabyte of question marks", strings.Repeat("? ", maxFile/2), "f:1:65: nests deeper than 32 levels"},
		{"a megabyte of keys", strings.Repeat("x:\n", maxFile/3), "f:2001:2: has more than 2000 keys in one section"},
		{"a megabyte of documents", strings.Repeat("---\na: b\n", maxFile/9), "f:9:1: has several YAML documents; keep one; a line of --- begins another"},
		{"stairs", stairs(), "f:33:34: nests deeper than 32 levels"},
		{"tag", "site: !!binary aGk=", "f:1:7: uses a YAML tag or directive, which is not supported; remove it"},
		{"directive", "%YAML 1.1\n---\na: b", "f:1:1: uses a YAML tag or directive, which is not supported; remove it"},
		{"two documents", "site: https://a\n---\nsite: https://b\n", "f:3:1: is a second YAML document; keep one; a line of --- begins another"},
		{"tab", "network:\n\tlisten: [a]", "f:2:1: is indented with a tab; use spaces"},
		{"tab after spaces", "network:\n  \tlisten: [a]", "f:2:3: is indented with a tab; use spaces"},
		{"zero byte", "site: a\x00b", "f:1:8: holds the control character U+0000; remove it"},
		{"Latin-1", "# caf\xe9\n", "f:1:6: is not UTF-8; save the file as UTF-8 text"},
		{"UTF-16", "\xff\xfes\x00", "f:1:1: is not UTF-8; save the file as UTF-8 text"},
		{"text", "hello", "f:1:1: is text, want keys such as upstream:; gatehouse init writes a file to begin with"},
		{"list", "- a\n- b", "f:1:1: is a list, want keys such as upstream:; gatehouse init writes a file to begin with"},
		{"JSON cut short", `{"site": "https://a"`, "f:1:1: is not YAML here: "},
		{"bracket not closed", "network:\n  listen: [':443'\nsite: https://a\n", "f:"},
		{"quotation mark not closed", "site: \"https://a\nupstream: x\n", "f:1:7: is not YAML here: could not find end character of double-quoted text; close the quotation mark"},
		{"colon in value", "site: a: b", "f:1:7: is not YAML here: "},
		{"wrong indentation", "network:\n    redirect: ':80'\n  listen: [':443']\n", "f:3:"},
		{"complex key", "? [a, b]\n: c\n", "f:2:1: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("f", []byte(test.text), testOptions())
			var errs Errors
			if !errors.As(err, &errs) || !strings.HasPrefix(errs[0].Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if len(errs) > 3 {
				t.Errorf("%d errors, want the one that matters", len(errs))
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestParse_WrittenElsewhere_IsUnderstood(t *testing.T) {
	for name, text := range map[string]string{
		"CRLF":            "upstream: http://x\r\nnetwork:\r\n  # why\r\n  listen: [':443']\r\n",
		"byte order mark": "\xEF\xBB\xBFupstream: http://x\nnetwork: {listen: [':443']}\n",
		"JSON":            `{"upstream": "http://x", "network": {"listen": [":443"]}}`,
		"JSON with tabs":  "{\n\t\"upstream\": \"http://x\",\n\t\"network\": {\"listen\": [\":443\"]}\n}",
		"one document":    "---\nupstream: http://x\nnetwork:\n  listen:\n  - :443\n...\n",
		"quoted keys":     "'upstream': \"http://x\"\n\"network\":\n  listen:\n    - ':443'\n",
		"no end of line":  "network: {listen: [':443']}\nupstream: http://x",
		"folded":          "upstream: >-\n  http://x\nnetwork:\n  listen:\n    - |-\n      :443\n",
	} {
		c, err := Parse("f", []byte(text), testOptions())
		if err != nil || c.Upstream != "http://x" || len(c.Network.Listen) != 1 || c.Network.Listen[0] != ":443" {
			t.Errorf("%s: got %+v, %v", name, c, err)
		}
	}
}

func TestParse_CRLF_KeepsPlaces(t *testing.T) {
	_, err := Parse("f", []byte("# one\r\nupstream: http://x\r\nnetwork:\r\n  listn: x\r\n"), testOptions())
	if err == nil || !strings.HasPrefix(err.Error(), "f:4:3: network.listn: ") {
		t.Errorf("got %v", err)
	}
}

func TestParse_ManyErrors_AreBounded(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("x: 1\ny: 1\n", 500)), testOptions())
	errs, _ := err.(Errors)
	if len(errs) != maxErrors+1 || !strings.Contains(errs[maxErrors].Error(), "errors more") {
		t.Errorf("%d errors", len(errs))
	}
}

func TestParse_LargeFile_TakesBoundedTime(t *testing.T) {
	var b strings.Builder
	b.WriteString("upstream: http://x\nroutes:\n")
	for i := 0; b.Len() < maxFile-200; i++ {
		fmt.Fprintf(&b, "  - {path: /webhooks/%d/{id}, csrf: {exempt: webhook, reason: signed by the sender}}\n", i)
	}
	start := time.Now()
	text := strings.ReplaceAll(b.String(), "/{id},", "/id,")
	if _, err := Parse("f", []byte(text), testOptions()); err != nil {
		t.Errorf("got %.300v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzParse(f *testing.F) {
	ten, err := os.ReadFile("testdata/ten.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ten)
	f.Add(Commented(Default()))
	f.Add([]byte(laughs()))
	for _, seed := range []string{"", "a", "- a\n-", "? a\n: b", "{a: [", "site: |\n  x", "a: 'b", "modes:\n  ? x\n  : off", "routes:\n-\n- ~\n", "\"\\u0000\": 1", "1: 2", "~: 1", "allow: [[]]", "a: b: c", "# x\n---\n...\n---\n", "network: {listen: [${env:X}, $${]}"} {
		f.Add([]byte(seed))
	}
	o := testOptions()
	o.Rungs = nil
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		start := time.Now()
		c, err := Parse("f", data, o)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
		if err == nil {
			if err := c.Validate(o); err != nil {
				t.Fatalf("what Parse accepted, Validate refuses: %v", err)
			}
			return
		}
		var errs Errors
		if !errors.As(err, &errs) || c != nil {
			t.Fatalf("got %v, %v", c, err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, e := range errs[:min(len(errs), maxErrors)] {
			if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Words == "" || strings.Contains(e.Error(), "\n") {
				t.Errorf("%d:%d of %d lines: %q", e.Line, e.Column, lines, e)
			}
		}
	})
}

// What is cut off at the end of the beginning is no finding: here a text in
// quotation marks, full of what would be one outside of them.
func TestParse_LongFile_IsReadAcrossItsBeginning(t *testing.T) {
	comment := "# " + strings.Repeat("x", beginning-200) + "\n"
	for shift := range 64 {
		text := comment + strings.Repeat("#\n", 2*shift) + `allow: [{id: a, rung: application/csrf, rule: cross-site, path: /x, reason: "` + strings.Repeat("[ *a &b - ", 60) + "\"}]\nupstream: http://127.0.0.1:3000\n"
		if len(text) <= beginning {
			t.Fatal("the file is not long")
		}
		if _, err := Parse("f", []byte(text), testOptions()); err != nil {
			t.Fatalf("shifted by %d: %v", shift, err)
		}
	}
}
