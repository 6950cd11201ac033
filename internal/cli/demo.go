package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type demoCommand struct {
	Attack   bool     `help:"Run every attack and every ordinary use against both, and print what came of it."`
	Without  []string `placeholder:"RUNG" help:"Switch a rung off, to see what the others stop."`
	Database string   `enum:",sqlite,postgres" default:"" placeholder:"NAME" help:"Where the shops keep their data: sqlite, or postgres, in a server of the demo's own. Default: postgres where its programs are found."`
	Learn    bool     `kong:"-"` // leaves out what the gate proposes itself, to have it propose that
	Listen   string   `default:"127.0.0.1:8443" placeholder:"ADDRESS" help:"Where the protected shop is; any free port where it is taken. Default: 127.0.0.1:8443."`
}

func (c demoCommand) Run(ctx context.Context, g *globals) error {
	d, err := c.start(ctx, g)
	switch {
	case err != nil && ctx.Err() != nil:
		err = nil // Ctrl-C broke the start off, which is no failure
	case err != nil:
	case c.Attack:
		err = d.attack(ctx, g, c.Without)
	default:
		err = d.show(ctx, g)
	}
	return errors.Join(err, d.stop())
}

// show leaves the shops to a person until Ctrl-C.
func (d *demo) show(ctx context.Context, g *globals) error {
	if err := d.introduce(g); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.failed:
		d.running--
		return err
	}
}

// A demo is two shops, each with its own database: one bare, one behind a gate.
type demo struct {
	database           *demoDatabase
	tokens             demoTokens
	bare, protected    *url.URL
	bareClient, client *http.Client
	gate               *gateway.Gate
	ours               *ours // nil: the shops answer everybody
	without            bool  // a rung is off

	dir     string // thrown away
	cancel  context.CancelFunc
	running int
	failed  chan error // what ended, running of them
	closers []func() error
}

// begin runs f until the demo stops.
func (d *demo) begin(f func() error) {
	d.running++
	go func() { d.failed <- f() }()
}

// stop ends everything, and removes what was written.
func (d *demo) stop() error {
	d.cancel()
	var errs []error
	for ; d.running > 0; d.running-- {
		if err := <-d.failed; !errors.Is(err, context.Canceled) { // that it was told to end is no failure
			errs = append(errs, err)
		}
	}
	for _, closer := range slices.Backward(d.closers) {
		errs = append(errs, closer())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

const demoPolicy = "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

// config is what `run --upstream` uses, with what --without says.
func (c demoCommand) config(upstream *url.URL, db *demoDatabase, tokens demoTokens) (*config.Config, error) {
	cfg := config.Default()
	cfg.Upstream = strings.TrimSuffix(upstream.String(), "/")
	cfg.Network.Listen = []string{freeAddress(c.Listen)}
	// What `suggest csp` proposes for the shop: it has no script of its own in a page.
	cfg.Application.Headers.CSP = demoPolicy
	// The shop has no editors who write scripts: what customers store may not run.
	cfg.Modes = map[string]config.ModeSetting{"application/markup/stored": {Mode: gatehouse.Enforce}}
	cfg.Data.SQL = db.sqlGate()
	c.identify(cfg, tokens)
	if err := c.own(cfg); err != nil {
		return nil, err
	}
	for _, rung := range c.Without {
		if _, _, err := splitRung(rung); err != nil {
			return nil, err
		}
		cfg.Modes[rung] = config.ModeSetting{Mode: gatehouse.Off, Reason: "demo --without"}
	}
	return cfg, cfg.Validate(config.Options{Rungs: gateway.RungNames(), Strict: gateway.StrictRungs(), Needed: gateway.NeededRungs()})
}

// freeAddress is the address asked for, or a free port where it is taken.
func freeAddress(address string) string {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = ln.Close() // it was opened to see that it can be
	return address
}

// trusting is a client that trusts the demo's local authority, and nobody else.
func trusting(ctx context.Context, state string) (*http.Client, error) {
	pem, _, err := gateway.AuthorityRoot(ctx, state)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
		Timeout:   patience,
	}, nil
}

// introduce says where the shops are and what to try.
func (d *demo) introduce(g *globals) error {
	w := g.process.Stdout
	if g.JSON {
		return g.printJSON(map[string]string{"protected": d.protected.String(), "bare": d.bare.String(), "database": d.database.engine.String()})
	}
	fmt.Fprintf(w, "A small shop with every hole an article on backend security warns of, twice:\n\n")
	fmt.Fprintf(w, "  protected  %s   (its certificate is a local authority's: let the browser proceed)\n", g.paint(d.protected.String(), green))
	fmt.Fprintf(w, "  bare       %s\n\n", g.paint(d.bare.String(), red))
	fmt.Fprintf(w, "%s\n\n", d.database.line())
	fmt.Fprintln(w, "Sign in with one of these:")
	var t table
	for _, a := range shop.Accounts() {
		role := ""
		if a.Admin {
			role = "(administrator)"
		}
		t.add(a.Email, a.Password, role)
	}
	if err := t.print(w, "  "); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nThings to try, on both:")
	n, class := 0, ""
	for _, a := range attacks.All(d.database.engine) {
		if a.Kind != attacks.Attack || a.Superuser {
			continue
		}
		if a.Class != class {
			class = a.Class
			fmt.Fprintf(w, "\n%s\n", g.paint(class, bold))
		}
		n++
		fmt.Fprintf(w, "%3d. %s\n     %s\n", n, a.Title, strings.ReplaceAll(a.Try, "{base}", strings.TrimSuffix(d.protected.String(), "/")))
	}
	_, err := fmt.Fprintln(w, "\ngatehouse demo --attack tries them all. Ctrl-C ends the demo and removes what it wrote.")
	return err
}
