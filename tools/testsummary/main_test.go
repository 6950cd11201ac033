package main

import (
	"bytes"
	"strings"
	"testing"
)

// event lines as go test -json writes them, with what is not read left out.
const (
	passes    = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}` + "\n" + `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	packageOK = `{"Action":"output","Package":"p","Output":"PASS\n"}` + "\n" + `{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	fails     = `{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: wrong\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"TestB"}` + "\n" +
		`{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
	panics = `{"Action":"output","Package":"p","Test":"TestC","Output":"panic: oh\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n"
	breaks = `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: no such thing\n"}` + "\n" + `{"Action":"build-fail","ImportPath":"p"}` + "\n"
)

func skips(reason string) string {
	return `{"Action":"output","Package":"p","Test":"TestD","Output":"    d_test.go:9: ` + reason + `\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"TestD"}` + "\n"
}

func TestSummary(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		strict   bool
		ok       bool
		prints   []string
		omits    string
	}{
		{"passed", passes + packageOK, true, true, []string{"ok  \tp\t0.1s\n", "tests: 1 passed, 0 failed, 0 skipped\n"}, "RUN"},
		{"failed", passes + fails, false, false, []string{"b_test.go:3: wrong", "FAIL\tp\t0.1s\n", "FAIL: p\n"}, "RUN"},
		{"panicked", panics, false, false, []string{"panic: oh"}, "RUN"},
		{"does not build", breaks, false, false, []string{"p.go:1: no such thing", "FAIL: p does not build"}, "RUN"},
		{"nothing ran", "", false, false, []string{"go test wrote nothing"}, "RUN"},
		{"a line that is no event", "go: warning\n" + packageOK, false, true, []string{"go: warning\n"}, "RUN"},
		{"skipped, installable", skips("needs chromium") + packageOK, false, true, []string{"skipped: p TestD: needs chromium\n"}, "FAIL"},
		{"skipped, installable, strict", skips("needs chromium: run ./scripts/setup.sh") + packageOK, true, false, []string{"FAIL: p TestD was skipped"}, "RUN"},
		{"skipped, setup named, strict", skips("run ./scripts/setup.sh first") + packageOK, true, false, []string{"FAIL: p TestD was skipped"}, "RUN"},
		{"skipped, long, strict", skips("long: GATEHOUSE_LONG=1") + packageOK, true, true, []string{"skipped: p TestD: long"}, "FAIL"},
		{"skipped, name in a word, strict", skips("no chromiumlike thing") + packageOK, true, true, []string{"skipped:"}, "FAIL"},
		{"skipped without a reason", `{"Action":"skip","Package":"p","Test":"TestE"}` + "\n" + packageOK, true, true, []string{"no reason given"}, "FAIL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			s := newSummary(&out, []string{"chromium", "git"})
			if err := s.read(strings.NewReader(tc.in)); err != nil {
				t.Fatal(err)
			}
			if ok := s.close(tc.strict); ok != tc.ok {
				t.Errorf("ok = %v, want %v; printed:\n%s", ok, tc.ok, &out)
			}
			for _, want := range tc.prints {
				if !strings.Contains(out.String(), want) {
					t.Errorf("does not print %q but:\n%s", want, &out)
				}
			}
			if strings.Contains(out.String(), tc.omits) {
				t.Errorf("prints %q:\n%s", tc.omits, &out)
			}
		})
	}
}
