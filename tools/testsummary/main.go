// Command testsummary reads what `go test -json` writes and prints what `go
// test` would have: a line a package, and the output of what failed. At the end
// it says what was skipped and why. It exits with 1 if something failed, and,
// with -strict, if something was skipped that scripts/setup.sh could have
// installed: -installable gives the names by which such a reason is known.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	strict := flag.Bool("strict", false, "fail if setup could have installed what a skipped test wanted")
	installable := flag.String("installable", "", "names that such a test's reason holds, separated by spaces")
	flag.Parse()
	s := newSummary(os.Stdout, strings.Fields(*installable))
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary: reading go test's output:", err)
		os.Exit(3)
	}
	if !s.close(*strict) {
		os.Exit(1)
	}
}

// An event is one line of test2json (see go doc test2json and build-output in
// go help buildjson).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

type skip struct {
	test, reason string
	installable  bool
}

type summary struct {
	to                      io.Writer
	wants                   *regexp.Regexp // nil: nothing is installable
	output                  map[string][]string
	skips                   []skip
	failed                  []string
	passed, failing, events int
}

func newSummary(to io.Writer, installable []string) *summary {
	s := &summary{to: to, output: map[string][]string{}}
	names := []string{`setup\.sh`}
	for _, name := range installable {
		names = append(names, regexp.QuoteMeta(name))
	}
	s.wants = regexp.MustCompile(`(?i)(^|[^\w/-])(\./)?(scripts/)?(` + strings.Join(names, "|") + `)($|[^\w-])`)
	return s
}

// read takes events until the end; a line that is none is printed as it is.
func (s *summary) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				fmt.Fprintf(s.to, "%s", line)
			} else {
				s.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) take(e event) {
	s.events++
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		fmt.Fprint(s.to, e.Output)
	case e.Action == "build-fail":
		s.failed = append(s.failed, e.ImportPath+" does not build")
	case e.Action == "output" && e.Test == "":
		if e.Output != "PASS\n" && !strings.Contains(e.Output, "[no test files]") {
			fmt.Fprint(s.to, e.Output)
		}
	case e.Action == "output":
		if !strings.HasPrefix(e.Output, "=== ") {
			s.output[key] = append(s.output[key], e.Output)
		}
	case e.Test == "":
		if e.Action == "fail" {
			s.failed = append(s.failed, e.Package)
		}
		s.dropUnfinished(e)
	case e.Action == "pass":
		s.passed++
		delete(s.output, key)
	case e.Action == "fail":
		s.failing++
		fmt.Fprint(s.to, strings.Join(s.output[key], ""))
		delete(s.output, key)
	case e.Action == "skip":
		reason := reasonIn(s.output[key])
		s.skips = append(s.skips, skip{key, reason, s.wants.MatchString(reason)})
		delete(s.output, key)
	}
}

// dropUnfinished ends a package. Where it failed, the output of tests that
// came to no end (a panic, a timeout) says why.
func (s *summary) dropUnfinished(e event) {
	if e.Action != "pass" && e.Action != "fail" && e.Action != "skip" {
		return
	}
	for _, key := range sortedKeys(s.output) {
		if !strings.HasPrefix(key, e.Package+" ") {
			continue
		}
		if e.Action == "fail" {
			fmt.Fprint(s.to, strings.Join(s.output[key], ""))
		}
		delete(s.output, key)
	}
}

func sortedKeys(m map[string][]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

var (
	frame    = regexp.MustCompile(`^\s*--- `)
	position = regexp.MustCompile(`^\s*\S+\.go:\d+: `)
)

// reasonIn gives what a skipped test said, without its position.
func reasonIn(output []string) string {
	var said []string
	for line := range strings.Lines(strings.Join(output, "")) {
		if !frame.MatchString(line) {
			said = append(said, strings.TrimSpace(position.ReplaceAllString(line, "")))
		}
	}
	if reason := strings.TrimSpace(strings.Join(said, " ")); reason != "" {
		return reason
	}
	return "no reason given"
}

// close prints the end and says whether all is well.
func (s *summary) close(strict bool) bool {
	ok := len(s.failed) == 0 && s.failing == 0
	byReason := map[string][]string{}
	for _, skip := range s.skips {
		byReason[skip.reason] = append(byReason[skip.reason], skip.test)
		if strict && skip.installable {
			ok = false
			fmt.Fprintf(s.to, "FAIL: %s was skipped, and scripts/setup.sh could have installed what it wants: %s\n", skip.test, skip.reason)
		}
	}
	for _, reason := range sortedKeys(byReason) {
		tests := byReason[reason]
		more := ""
		if len(tests) > 1 {
			more = fmt.Sprintf(" and %d more", len(tests)-1)
		}
		fmt.Fprintf(s.to, "skipped: %s%s: %s\n", tests[0], more, reason)
	}
	if s.events == 0 {
		fmt.Fprintln(s.to, "FAIL: go test wrote nothing")
		ok = false
	}
	for _, name := range s.failed {
		fmt.Fprintln(s.to, "FAIL:", name)
	}
	fmt.Fprintf(s.to, "tests: %d passed, %d failed, %d skipped\n", s.passed, s.failing, len(s.skips))
	return ok
}
