package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// start starts both shops and the gate, all on loopback and with a state that is
// thrown away.
func (c demoCommand) start(ctx context.Context, g *globals) (*demo, error) {
	dir, err := os.MkdirTemp("", "gatehouse-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &demo{dir: dir, cancel: cancel, failed: make(chan error, 3)}
	err = d.startBare(ctx)
	if err == nil {
		err = d.startProtected(ctx, c, g)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// startBare starts the shop that nothing protects.
func (d *demo) startBare(ctx context.Context) error {
	ln, dir, err := d.listen("bare")
	if err != nil {
		return err
	}
	d.bare = addressOf(ln)
	return d.serve(ctx, ln, shop.Options{Path: filepath.Join(dir, shopFile), Dir: dir})
}

// startProtected starts the other, with the gate before it and between it and
// its database. The gate is there first: filling the database is the shop's own
// work, from which it learns.
func (d *demo) startProtected(ctx context.Context, c demoCommand, g *globals) error {
	ln, dir, err := d.listen("protected")
	if err != nil {
		return err
	}
	state := filepath.Join(d.dir, "state")
	if err := d.openGate(c, g, addressOf(ln), state); err != nil {
		return errors.Join(err, ln.Close())
	}
	db, err := judgedDatabase(filepath.Join(dir, shopFile), d.gate)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	d.closers = append(d.closers, db.Close)
	if err := d.serve(ctx, ln, shop.Options{DB: db, Dir: dir, Around: d.gate.Around}); err != nil {
		return err
	}
	return d.runGate(ctx, state)
}

// shopFile is a shop's database in its folder.
const shopFile = "shop.db"

// judgedDatabase opens a shop's database so that the gate judges each statement.
func judgedDatabase(path string, gate *gateway.Gate) (*sql.DB, error) {
	bare, err := shop.Connector(path)
	if err != nil {
		return nil, err
	}
	judged, err := gate.BetweenSQLite(bare, "shop")
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(judged), nil
}

// listen opens a shop's listener, and makes its folder.
func (d *demo) listen(name string) (ln net.Listener, dir string, err error) {
	dir = filepath.Join(d.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("making the shop's folder: %w", err)
	}
	ln, err = shop.Listen("127.0.0.1:0")
	return ln, dir, err
}

func addressOf(ln net.Listener) *url.URL {
	return &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/"}
}

// serve makes a shop and serves it on ln, which it closes where that fails.
func (d *demo) serve(ctx context.Context, ln net.Listener, o shop.Options) error {
	sh, err := shop.New(o)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	d.closers = append(d.closers, sh.Close)
	d.begin(func() error { return sh.Serve(ctx, ln) })
	return nil
}

func (d *demo) openGate(c demoCommand, g *globals, behind *url.URL, state string) error {
	cfg, err := c.config(behind)
	if err != nil {
		return err
	}
	d.gate, err = gateway.New(gateway.Options{Config: cfg, State: state, Version: version(), Logger: g.logger(slog.LevelWarn)})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, d.gate.Close)
	return nil
}

// runGate runs the gate, and makes a client that trusts it.
func (d *demo) runGate(ctx context.Context, state string) (err error) {
	ready := make(chan string, 1)
	d.begin(func() error { return d.gate.Run(ctx, func(addresses []string) { ready <- addresses[0] }) })
	select {
	case address := <-ready:
		d.protected, err = url.Parse(address + "/")
	case err = <-d.failed:
		d.running--
	}
	if err != nil {
		return err
	}
	d.client, err = trusting(ctx, state)
	return err
}
