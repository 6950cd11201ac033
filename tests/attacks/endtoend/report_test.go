package endtoend

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata's tables and lists of misses, in the long run")

func fileOf(mode, kind string) string {
	return "testdata/" + kind + "-" + strings.ReplaceAll(mode, " ", "-") + ".txt"
}

// knownMisses are the cases that get through here and not within the process.
func knownMisses(t *testing.T, mode string) []string {
	t.Helper()
	text, err := os.ReadFile(fileOf(mode, "misses"))
	if err != nil && !*update {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// report logs the shares by context × transformation; the long run with -update
// writes them down, and the misses.
func report(t *testing.T, mode string, got, here *tally, more []string) {
	t.Helper()
	said := table(got, here)
	t.Logf("%s", said)
	if !*update || !long() {
		return
	}
	slices.Sort(more)
	for kind, text := range map[string]string{"shares": said, "misses": strings.Join(more, "\n") + "\n"} {
		if err := os.WriteFile(fileOf(mode, kind), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	contexts   = [...]string{"string", "numeric", "like", "in", "order-by", "limit", "identifier", "insert", "comment"}
	transforms = [...]string{"none", "trim", "upper", "truncate", "urldecode", "base64", "hex", "misquote", "concat", "key", "second-order"}
)

// table has the shares refused through both gates, in per cent, and behind a
// stroke within the process where that differs.
func table(got, here *tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s", "")
	for _, transform := range transforms {
		fmt.Fprintf(&b, "%13s", transform)
	}
	b.WriteString("\n")
	line := func(name string, keys func(transform string) string) {
		fmt.Fprintf(&b, "%-12s", name)
		for _, transform := range transforms {
			fmt.Fprintf(&b, "%13s", share(keys(transform), got, here))
		}
		b.WriteString("\n")
	}
	for _, context := range contexts {
		line(context, func(transform string) string { return context + " × " + transform })
	}
	line("all", func(transform string) string { return transform })
	fmt.Fprintf(&b, "all of all: %s; within the process: %d of %d\n", got, here.refused["all"], here.sent["all"])
	return b.String()
}

func share(key string, got, here *tally) string {
	percent := func(c *tally) string {
		if c.sent[key] == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f", 100*float64(c.refused[key])/float64(c.sent[key]))
	}
	if a, b := percent(got), percent(here); a != b {
		return a + "/" + b
	}
	return percent(got)
}
