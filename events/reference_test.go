package events

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestReferencePage_SaysWhatTheCatalogueSays(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Events\n\nGenerated from the catalogue (`go test ./events -update`). Names without `gate_` are of the OWASP logging vocabulary; " +
		"an event of that vocabulary lands here with what emits it.\n\n| event | level | what it means |\n|---|---|---|\n")
	for _, e := range Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Name, e.Level, e.Meaning)
	}
	const page = "../docs/reference/events.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the catalogue says: run go test ./events -update", page)
	}
}
