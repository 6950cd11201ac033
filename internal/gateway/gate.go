package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/headers"
	"github.com/gatehousehq/gatehouse/application/ownership/learn"
	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
	"github.com/gatehousehq/gatehouse/application/ownership/profile"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/events/sink"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/bounded"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/store/sqlite"
	"github.com/gatehousehq/gatehouse/transport"
)

// Options configure a Gate.
type Options struct {
	// Config is required; see package config.
	Config *config.Config
	// State is the folder that keeps what must survive a restart. It is made
	// with mode 0700 where it does not exist. Empty keeps nothing on disk.
	State string
	// Database is a postgres:// URL: the gate makes an SQL gate before it, on
	// this machine alone, and an account to use in its place: see
	// [Gate.Database]. Empty: only those of the configuration.
	Database string
	// Observe refuses nothing, whatever the modes say.
	Observe bool
	// Version is told in events and by `gatehouse version`.
	Version string
	// Load reads the configuration again, for a reload. Nil: there is none.
	Load func() (*config.Config, error)
	// Logger is for operators; nil is silent.
	Logger *slog.Logger
	// Stdout is where events go with events.stdout. Nil: nowhere.
	Stdout io.Writer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Gate is a running gate, or one about to run.
type Gate struct {
	options   Options
	observe   bool
	now       func() time.Time
	logger    *slog.Logger
	store     store.Store
	events    *sink.Log
	exchanges *exchange.Table
	network   *network.Network
	tls       *transport.TLS
	metrics   *metrics
	health    upstreamHealth
	allowUses *allowUses
	guard     *guard.Protection
	templates *templates
	backend   *exchange.Backend
	sql       sqlGates
	signIns   signIns
	ledger    *ledger.Ledger
	learner   *learn.Learner
	owners    seenOwners
	fields    *profile.Profile
	answers   atomic.Uint64 // in JSON, that were looked at or could have been
	exposed   newMembers
	probes    chan struct{}            // those under way
	untold    *bounded.Cache[struct{}] // sessions that told no name a moment ago
	promises  promises
	limiters  limiters
	hits      map[string]*hits
	pieces    piecePool // for answers' beginnings
	proofs    proofs    // that let requests pass
	started   time.Time
	first     time.Time // when the site was first served from this state
	reports   *headers.Reports
	pages     atomic.Uint64
	draining  atomic.Bool
	listening []string

	reload  sync.Mutex // held while the configuration is replaced
	current atomic.Pointer[assembly]
}

// New opens the state and builds every rung, and starts nothing: see
// [Gate.Run]. What it opened, [Gate.Close] closes.
func New(o Options) (*Gate, error) {
	if o.Config == nil {
		return nil, errors.New("gateway: Options.Config is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gate{options: o, observe: o.Observe, now: o.Now, logger: o.Logger, started: o.Now(), hits: make(map[string]*hits), probes: make(chan struct{}, maxProbes)}
	for _, r := range rungs() {
		if g.hits[r.name] == nil {
			g.hits[r.name] = new(hits)
		}
	}
	if err := g.open(o); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	asm, err := g.assemble(g.options.Config)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.current.Store(asm)
	g.applyToNetwork(asm)
	return g, nil
}

// open opens what outlives a reload: the store, the log, the tables.
func (g *Gate) open(o Options) error {
	ctx := context.Background()
	var err error
	if g.store, err = openStore(ctx, o.State, o.Config.Store.Durable, o.Now); err != nil {
		return err
	}
	e := o.Config.Events
	so := sink.Options{
		File: e.File, MaxSize: int64(e.MaxSize), Files: e.Files, Syslog: e.Syslog,
		Store: g.store, Keep: e.Keep.Std(), Now: o.Now, Logger: o.Logger,
		DropOldest: o.State == "" || o.Config.Store.Durable == "memory",
	}
	if e.Stdout {
		so.Stdout = o.Stdout
	}
	if g.events, err = sink.New(so); err != nil {
		return err
	}
	if g.exchanges, err = exchange.NewTable(exchange.Options{Now: o.Now}); err != nil {
		return err
	}
	if g.backend, err = exchange.NewBackend(exchange.BackendOptions{Table: g.exchanges, Now: o.Now}); err != nil {
		return err
	}
	if g.network, err = network.New(network.Options{Lists: lists(o.Config), Limits: heldAtOnce(o.Config), Store: g.store, Recorder: g.events, Now: o.Now}); err != nil {
		return err
	}
	if g.allowUses, err = loadAllowUses(ctx, g.store); err != nil {
		return err
	}
	if err = g.openSignIns(o.Config); err != nil {
		return err
	}
	if g.untold, err = bounded.New[struct{}](bounded.Options{Max: maxUntold}); err != nil {
		return err
	}
	if err = g.openLedger(); err != nil {
		return err
	}
	if err = g.openLearner(); err != nil {
		return err
	}
	if err = g.openLimiters(o.Config); err != nil {
		return err
	}
	if err = g.openGuard(ctx); err != nil {
		return err
	}
	if err = g.openPolicy(ctx); err != nil {
		return err
	}
	if g.tls, err = g.openTLS(o.Config); err != nil {
		return err
	}
	if g.options.Config, err = g.withDatabase(ctx, o.Config); err != nil {
		return err
	}
	if err = g.openSQL(g.options.Config); err != nil {
		return err
	}
	g.metrics = newMetrics(g)
	return nil
}

// openStore opens the records: STATE/gatehouse.db, or memory.
func openStore(ctx context.Context, state, durable string, now func() time.Time) (store.Store, error) {
	if state == "" || durable == "memory" {
		return memory.New(memory.Options{Now: now})
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("state folder %s: %w: choose another with --state", state, errors.Unwrap(err))
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(state, StoreFile), Now: now})
	if err != nil {
		return nil, err // not s: a nil *Store is no nil Store, and Close would be called on it
	}
	return s, nil
}

// StoreFile is the store's file in the state folder.
const StoreFile = "gatehouse.db"

func (g *Gate) openTLS(c *config.Config) (*transport.TLS, error) {
	o := transport.Options{
		EndedByTrustedProxy: c.Plain(),
		Hosts:               siteHosts(c), Store: g.store, Recorder: g.events, Logger: g.logger, Now: g.now,
	}
	certs := c.Transport.Certificates
	for _, f := range certs.Files {
		o.Files = append(o.Files, transport.Files{Certificate: f.Certificate, Key: f.Key})
	}
	if a := certs.ACME; a != nil {
		o.ACME = &transport.ACME{Email: a.Email, CAFile: a.CA, Directory: a.Directory}
		if len(a.Hosts) > 0 {
			o.Hosts = a.Hosts
		}
		if a.EABKeyID != "" {
			o.ACME.EAB = &transport.EAB{KeyID: a.EABKeyID, MACKey: a.EABKey}
		}
	}
	if !o.EndedByTrustedProxy && len(o.Files) == 0 && o.ACME == nil {
		o.Local = &transport.Local{}
		if g.options.State != "" {
			o.Local.Dir = filepath.Join(g.options.State, AuthorityFolder)
		}
	}
	return transport.New(o)
}

// AuthorityFolder is where the local authority lives in the state folder.
const AuthorityFolder = "authority"

// applyToNetwork hands an assembly's lists and mode to the network, which
// outlives it.
func (g *Gate) applyToNetwork(a *assembly) {
	mode := a.rungByName(addressName).mode
	if a.observe && mode == gatehouse.Enforce {
		mode = gatehouse.Observe
	}
	g.network.SetMode(mode)
}

// Reload replaces the configuration as a whole. With an error nothing has
// changed. What needs a restart is an error that names it.
func (g *Gate) Reload(c *config.Config) error {
	g.reload.Lock()
	defer g.reload.Unlock()
	old := g.current.Load()
	c, err := g.withDatabase(context.Background(), c)
	if err != nil {
		return g.reloaded(old.config, err)
	}
	keys := config.Diff(old.config, c)
	if len(keys) > 0 {
		err := fmt.Errorf("%s can't be changed while the gate runs: restart it", strings.Join(keys, ", "))
		return g.reloaded(c, err)
	}
	next, err := g.assemble(c)
	if err == nil {
		err = g.setNetwork(old.config, c)
	}
	if err != nil {
		return g.reloaded(c, err)
	}
	g.current.Store(next)
	g.applyToNetwork(next)
	old.proxy.close()
	return g.reloaded(c, nil)
}

func (g *Gate) reloaded(c *config.Config, err error) error {
	ctx := context.Background()
	if err != nil {
		g.metrics.reloads.WithLabelValues("refused").Inc()
		g.record(ctx, events.ConfigRefused(c.File, 1, err.Error()))
		return err
	}
	g.metrics.reloads.WithLabelValues("taken").Inc()
	g.record(ctx, events.SysRestart("configuration read again"))
	g.announce(ctx, c)
	return nil
}

// announce records every bypass in force.
func (g *Gate) announce(ctx context.Context, c *config.Config) {
	for _, b := range bypasses(c) {
		g.logger.Warn("bypass: "+b.What, "reason", string(b.Reason))
		g.record(ctx, events.Bypass(b.What, b.Reason))
	}
}

// Close writes what is still in memory and closes what New opened.
func (g *Gate) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	if g.network != nil {
		errs = append(errs, g.network.Close())
	}
	if g.allowUses != nil {
		errs = append(errs, g.allowUses.save(ctx, g.store))
	}
	if g.templates != nil {
		errs = append(errs, g.templates.save(ctx, g.store))
	}
	if g.sql.judge != nil {
		errs = append(errs, g.sql.judge.saveSeen(ctx))
	}
	errs = append(errs, g.closeWho(), g.limiters.close())
	if err := g.saveLearned(ctx); err != nil { // it is learned again
		g.logger.Error("saving what was learned of routes", "error", err)
	}
	if g.ledger != nil {
		errs = append(errs, g.ledger.Close())
	}
	if g.events != nil {
		errs = append(errs, g.events.Close(ctx))
	}
	if asm := g.current.Load(); asm != nil {
		asm.proxy.close()
	}
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	return errors.Join(errs...)
}
