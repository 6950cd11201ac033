package scenarios

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/cli"
)

// Help is read by people, so a person judges each change of it.
func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	var all strings.Builder
	for _, command := range []string{
		"", "run", "demo", "init", "check", "layers", "report", "explain", "events", "events tail", "events query",
		"allow", "promote", "bans", "bans list", "bans add", "bans remove", "trust", "trust install", "trust remove", "version",
	} {
		var out, said bytes.Buffer
		p := cli.Process{Stdout: &out, Stderr: &said, LookupEnv: func(string) (string, bool) { return "", false }}
		code := cli.Main(context.Background(), append(strings.Fields(command), "--help"), p)
		if code != 0 || said.Len() > 0 {
			t.Errorf("gatehouse %s --help: exit %d, said %q", command, code, said.String())
		}
		text := out.String()
		if command != "" { // the flags of every command are told once
			head, shared, _ := strings.Cut(text, "\nFlags of every command:\n")
			_, rest, _ := strings.Cut(shared, "\n\n")
			text = strings.TrimRight(head+"\n"+rest, "\n") + "\n"
		}
		all.WriteString("$ gatehouse " + strings.TrimSpace(command+" --help") + "\n" + text + "\n")
	}
	file := filepath.Join("testdata", "help.golden")
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if all.String() != string(want) {
		t.Errorf("the help has changed: read it, then go test ./tests/scenarios -run TestHelp -update\n%s", all.String())
	}
}
