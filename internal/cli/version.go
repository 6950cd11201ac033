package cli

import (
	"fmt"
	"runtime"
)

type versionCommand struct{}

func (versionCommand) Run(g *globals) error {
	if g.JSON {
		return g.printJSON(map[string]string{"version": version(), "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(g.process.Stdout, "gatehouse %s, %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
