package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gatehousehq/gatehouse/internal/config"
)

type initCommand struct {
	Upstream string `placeholder:"URL" help:"The backend's address, to write into the file."`
	Force    bool   `help:"Write over a file that is there."`
}

func (c initCommand) Run(g *globals) error {
	path := g.Config
	if path == "" {
		path = configName
	}
	cfg := config.Default()
	if c.Upstream != "" {
		cfg.Upstream = c.Upstream
		o := g.configOptions()
		o.Upstream = c.Upstream
		if err := cfg.Validate(o); err != nil {
			return err
		}
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage("%s is there already: --force writes over it", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: its folder does not exist: create it", path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Unwrap(err))
	}
	_, err = f.Write(config.Commented(cfg))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if g.JSON {
		return g.printJSON(map[string]string{"file": path})
	}
	_, err = fmt.Fprintf(g.process.Stdout, "%s is written. Every key is in it, as a comment; then:\n  gatehouse check -c %s\n  gatehouse run -c %s\n", path, path, path)
	return err
}
