// Command generate writes the injection corpus anew. It is frozen: a change of
// its files is a new corpus, and says so in its version.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

func main() {
	if err := write(filepath.Join("tests", "attacks", "sqli", "testdata")); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	files, err := sqli.Files()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
