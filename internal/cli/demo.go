package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type demoCommand struct {
	Attack  bool     `help:"Run every attack and every ordinary use against both, and print what came of it."`
	Without []string `placeholder:"RUNG" help:"Switch a rung off, to see what the others stop."`
	Listen  string   `default:"127.0.0.1:8443" placeholder:"ADDRESS" help:"Where the protected shop is; any free port where it is taken. Default: 127.0.0.1:8443."`
}

func (c demoCommand) Run(ctx context.Context, g *globals) error {
	demo, err := c.start(ctx, g)
	if err != nil {
		return err
	}
	if c.Attack {
		err := demo.attack(ctx, g, c.Without)
		return errors.Join(err, demo.stop())
	}
	if err := demo.introduce(g); err != nil {
		return errors.Join(err, demo.stop())
	}
	select {
	case <-ctx.Done():
	case err = <-demo.failed:
		demo.running--
	}
	return errors.Join(err, demo.stop())
}

// A demo is two shops, each with its own database: one bare, one behind a gate.
type demo struct {
	bare, protected *url.URL
	gate            *gateway.Gate
	client          *http.Client

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
		errs = append(errs, <-d.failed)
	}
	for _, closer := range slices.Backward(d.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// start starts both shops and the gate, all on loopback and with a state that is
// thrown away.
func (c demoCommand) start(ctx context.Context, g *globals) (*demo, error) {
	dir, err := os.MkdirTemp("", "gatehouse-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &demo{dir: dir, cancel: cancel, failed: make(chan error, 3)}
	d.bare, err = d.startShop(ctx, "bare")
	var behind *url.URL
	if err == nil {
		behind, err = d.startShop(ctx, "protected")
	}
	if err == nil {
		err = d.startGate(ctx, c, g, behind)
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *demo) startShop(ctx context.Context, name string) (*url.URL, error) {
	sh, ln, err := openShop(filepath.Join(d.dir, name))
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, sh.Close)
	d.begin(func() error { return sh.Serve(ctx, ln) })
	return &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/"}, nil
}

func (d *demo) startGate(ctx context.Context, c demoCommand, g *globals, behind *url.URL) error {
	cfg, err := c.config(behind)
	if err != nil {
		return err
	}
	state := filepath.Join(d.dir, "state")
	d.gate, err = gateway.New(gateway.Options{Config: cfg, State: state, Version: version(), Logger: g.logger(slog.LevelWarn)})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, d.gate.Close)
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

func openShop(dir string) (*shop.Shop, net.Listener, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the shop's folder: %w", err)
	}
	ln, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	sh, err := shop.New(shop.Options{Path: filepath.Join(dir, "shop.db"), Dir: dir})
	if err != nil {
		return nil, nil, errors.Join(err, ln.Close())
	}
	return sh, ln, nil
}

// config is what `run --upstream` uses, with what --without says.
func (c demoCommand) config(upstream *url.URL) (*config.Config, error) {
	cfg := config.Default()
	cfg.Upstream = strings.TrimSuffix(upstream.String(), "/")
	cfg.Network.Listen = []string{freeAddress(c.Listen)}
	cfg.Modes = make(map[string]config.ModeSetting)
	for _, rung := range c.Without {
		if _, _, err := splitRung(rung); err != nil {
			return nil, err
		}
		cfg.Modes[rung] = config.ModeSetting{Mode: gatehouse.Off, Reason: "demo --without"}
	}
	return cfg, cfg.Validate(config.Options{Rungs: gateway.RungNames()})
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
		Timeout:   15 * time.Second,
	}, nil
}

// introduce says where the shops are and what to try.
func (d *demo) introduce(g *globals) error {
	w := g.process.Stdout
	if g.JSON {
		return g.printJSON(map[string]string{"protected": d.protected.String(), "bare": d.bare.String()})
	}
	fmt.Fprintf(w, "A small shop with every hole an article on backend security warns of, twice:\n\n")
	fmt.Fprintf(w, "  protected  %s   (its certificate is a local authority's: let the browser proceed)\n", g.paint(d.protected.String(), green))
	fmt.Fprintf(w, "  bare       %s\n\n", g.paint(d.bare.String(), red))
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
	for _, a := range attacks.All() {
		if a.Kind != attacks.Attack {
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
