package cli

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// start starts both shops and the gate, all on loopback and with a state that is
// thrown away. What it gives is to be stopped, also where it failed.
func (c demoCommand) start(ctx context.Context, g *globals) (*demo, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &demo{cancel: cancel, failed: make(chan error, 3)}
	if c.Attack {
		d.ours = newOurs()
	}
	dir, err := os.MkdirTemp("", "gatehouse-demo-")
	if err != nil {
		return d, fmt.Errorf("making a folder for the demo: %w", err)
	}
	d.dir = dir
	d.database, err = c.openDatabase(ctx, dir)
	d.closers = append(d.closers, d.database.close)
	if err == nil {
		d.tokens, err = newDemoTokens(dir)
	}
	if err == nil {
		err = d.startBare(ctx)
	}
	if err == nil {
		err = d.startProtected(ctx, c, g)
	}
	return d, err
}

// startBare starts the shop that nothing protects.
func (d *demo) startBare(ctx context.Context) error {
	ln, dir, err := d.listen("bare")
	if err != nil {
		return err
	}
	d.bare = addressOf(ln)
	d.bareClient = d.ourClient(&http.Client{Transport: &http.Transport{}, Timeout: patience})
	o, err := d.database.bare(dir)
	d.closeLater(o.DB)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return d.serve(ctx, ln, o)
}

// patience is how long an answer may take while the demo attacks.
const patience = 15 * time.Second

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
	if err := d.runGate(ctx, state); err != nil {
		return errors.Join(err, ln.Close())
	}
	o, err := d.judged(dir)
	d.closeLater(o.DB)
	d.closeLater(o.Migrator)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return d.serve(ctx, ln, o)
}

// judged is a shop's database with the gate before it: on the wire, where the
// shop is a backend like any other, or in the driver.
func (d *demo) judged(dir string) (shop.Options, error) {
	o := shop.Options{Engine: d.database.engine, Dir: dir, TokenKey: d.tokens.key}
	if d.database.engine == shop.PostgreSQL {
		var err error
		if o.Migrator, err = d.database.throughGate(migrateAccount); err == nil {
			o.DB, err = d.database.throughGate(appAccount)
		}
		return o, err
	}
	bare, err := shop.Connector(filepath.Join(dir, shopFile))
	if err != nil {
		return o, err
	}
	judged, err := d.gate.BetweenSQLite(bare, "shop")
	if err != nil {
		return o, err
	}
	o.DB, o.Around = sql.OpenDB(judged), d.gate.Around
	return o, nil
}

// closeLater closes a database when the demo stops; nil is none.
func (d *demo) closeLater(db *sql.DB) {
	if db != nil {
		d.closers = append(d.closers, db.Close)
	}
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
	if d.ours != nil {
		o.Around = d.ours.around(o.Around)
	}
	sh, err := shop.New(o)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	d.closers = append(d.closers, sh.Close)
	d.begin(func() error { return sh.Serve(ctx, ln) })
	return nil
}

// ourClient is a client that the shops answer.
func (d *demo) ourClient(c *http.Client) *http.Client {
	if d.ours != nil {
		c.Transport = saying{c.Transport, d.ours.word}
	}
	return c
}

func (d *demo) openGate(c demoCommand, g *globals, behind *url.URL, state string) error {
	cfg, err := c.config(behind, d.database, d.tokens)
	if err != nil {
		return err
	}
	least := slog.LevelError
	if len(c.Without) > 0 {
		least = slog.LevelWarn // what was switched off is said
	}
	d.gate, err = gateway.New(gateway.Options{Config: cfg, State: state, Version: version(), Logger: g.logger(least)})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, d.gate.Close)
	return nil
}

var errEndedEarly = errors.New("a part of the demo ended before all of it ran")

// runGate runs the gate, and makes a client that trusts it.
func (d *demo) runGate(ctx context.Context, state string) (err error) {
	ready := make(chan []string, 1)
	d.begin(func() error { return d.gate.Run(ctx, func(addresses []string) { ready <- addresses }) })
	select {
	case addresses := <-ready:
		d.protected, err = url.Parse(addresses[0] + "/")
		for _, a := range addresses {
			if host, is := strings.CutPrefix(a, "postgres://"); is {
				d.database.gate = host
			}
		}
	case err = <-d.failed:
		d.running--
		err = cmp.Or(err, context.Cause(ctx), errEndedEarly)
	}
	if err != nil {
		return err
	}
	client, err := trusting(ctx, state)
	d.client = d.ourClient(client)
	return err
}
