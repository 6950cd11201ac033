package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const commandsHead = `<!-- Generated from internal/cli by go test ./internal/cli -run TestReference -update; edit the grammar there. -->

# Commands

Exit codes: 0 done; 1 findings, or the refusal that the command exists to report; 2 wrong usage or configuration; 3 the environment
failed. An error is one line on standard error: what, where, what to do. Colour is for terminals, and not with ` + "`NO_COLOR`" + `.

## Flags of every command

`

// exits1 says what exit code 1 means, where a command has one.
var exits1 = map[string]string{
	"demo":        "with --attack, a cell of the table is worse than the pinned one, or an ordinary use fails",
	"check":       "the backend or a database can be reached without passing the gate",
	"explain":     "nothing is recorded about the identifier",
	"allow":       "nothing is recorded about the identifier, or no entry can let it pass",
	"bans remove": "the address is not banned",
}

// The reference page is the grammar's own, so that it can't drift.
func TestReference(t *testing.T) {
	var c commands
	parser, err := grammar(&c)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(commandsHead)
	writeFlags(&b, parser.Model.Flags)
	known := map[string]bool{}
	for _, leaf := range parser.Model.Leaves(true) {
		known[leaf.Path()] = true
		writeCommand(&b, leaf)
	}
	for path := range exits1 {
		if !known[path] {
			t.Errorf("exits1 has %q, which is no command", path)
		}
	}
	file := filepath.Join("..", "..", "docs", "reference", "commands.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("docs/reference/commands.md is not what the grammar says: go test ./internal/cli -run TestReference -update")
	}
}

func writeCommand(b *strings.Builder, leaf *kong.Node) {
	fmt.Fprintf(b, "\n## gatehouse %s\n\n", leaf.Path())
	usage := leaf.Path()
	for _, flag := range leaf.Flags {
		if flag.Required {
			usage += fmt.Sprintf(" --%s %s", flag.Name, flag.FormatPlaceHolder())
		}
	}
	for _, arg := range leaf.Positional {
		usage += " " + strings.ToUpper(arg.Name)
	}
	fmt.Fprintf(b, "`gatehouse %s`: %s", usage, leaf.Help)
	if leaf.Detail != "" {
		b.WriteString(" " + strings.ReplaceAll(leaf.Detail, "\n\n", " "))
	}
	b.WriteString("\n")
	if words := exits1[leaf.Path()]; words != "" {
		fmt.Fprintf(b, "\nExit code 1: %s.\n", words)
	}
	if len(leaf.Positional) > 0 {
		b.WriteString("\n| argument | what it says |\n|---|---|\n")
		for _, arg := range leaf.Positional {
			fmt.Fprintf(b, "| `%s` | %s |\n", strings.ToUpper(arg.Name), arg.Help)
		}
	}
	if len(leaf.Flags) > 0 {
		b.WriteString("\n")
		writeFlags(b, leaf.Flags)
	}
}

func writeFlags(b *strings.Builder, flags []*kong.Flag) {
	b.WriteString("| flag | what it says |\n|---|---|\n")
	for _, flag := range flags {
		if flag.Name == "help" {
			continue
		}
		name := "--" + flag.Name
		if flag.Short != 0 {
			name = "-" + string(flag.Short) + ", " + name
		}
		if !flag.IsBool() {
			name += " " + flag.FormatPlaceHolder()
		}
		help := flag.Help
		if len(flag.Envs) > 0 {
			help += " Or `" + strings.Join(flag.Envs, "`, `") + "` in the environment."
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(help, "|", "\\|"))
	}
}
