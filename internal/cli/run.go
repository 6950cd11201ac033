package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type runCommand struct {
	Upstream string   `placeholder:"URL" help:"The backend, such as http://127.0.0.1:3000. No configuration file is needed."`
	Listen   []string `placeholder:"ADDRESS" help:"Where clients connect, instead of network.listen, such as :8443."`
	DB       string   `name:"db" placeholder:"URL" env:"GATEHOUSE_DB" help:"The backend's database, such as postgres://user:password@127.0.0.1:5432/shop: puts a gate before it too, and prints the DATABASE_URL to use instead. In the environment as GATEHOUSE_DB, no other user of this machine sees its password."`
	Observe  bool     `help:"Decide and record everything, refuse nothing."`

	// backend is the command after --, and nil without one: see cutBackend.
	backend []string
}

// Help is the rest of run --help.
func (runCommand) Help() string {
	return "gatehouse run … -- COMMAND ARGS starts the backend too. It is sent SIGTERM after the requests under way " +
		"have been answered, and when it ends by itself the gate ends with it. With --db it gets DATABASE_URL, PGHOST, PGPORT, PGUSER, " +
		"PGPASSWORD and PGDATABASE of the gate.\n\n" +
		"With the environment's PORT, and no configuration file, the gate listens there for plain HTTP, as platforms " +
		"that end TLS before it want."
}

func (c runCommand) Run(ctx context.Context, g *globals) error {
	dir, err := g.stateDir()
	if err != nil {
		return err
	}
	load := func() (*config.Config, error) { return c.load(g) }
	cfg, err := load()
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(g.process.Stderr, w)
	}
	logger := g.logger(slog.LevelInfo)
	o := gateway.Options{
		Config: cfg, State: dir, Database: c.DB, Observe: c.Observe, Version: version(), Logger: logger,
		Stdout: g.process.Stdout,
	}
	o.Load = load
	gate, err := gateway.New(o)
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, g, gate, dir, cfg, logger), gate.Close())
}

// load reads the configuration, or makes the one of a run without a file.
func (c runCommand) load(g *globals) (*config.Config, error) {
	file, err := g.configFile()
	if err != nil {
		return nil, err
	}
	if c.DB != "" {
		if d, err := config.ParseDatabase(c.DB); err != nil {
			return nil, usage("--db %w", err)
		} else if d.User == "" {
			return nil, usage("--db names no user; write postgres://USER:PASSWORD@HOST/DATABASE")
		}
	}
	o := g.configOptions()
	o.Upstream = c.Upstream
	cfg := config.Default()
	if file != "" {
		if cfg, err = config.Load(file, o); err != nil {
			return nil, err
		}
	} else if c.Upstream == "" {
		return nil, usage("which backend? gatehouse run --upstream http://127.0.0.1:3000, or gatehouse init to write a configuration")
	}
	if c.Upstream != "" {
		cfg.Upstream = c.Upstream
	}
	if len(c.Listen) > 0 {
		cfg.Network.Listen = c.Listen
	} else if port, ok := g.process.LookupEnv("PORT"); ok && port != "" && file == "" {
		// Platforms say by PORT where to listen, and end TLS before it.
		cfg.Network.Listen = []string{":" + port}
		cfg.Transport.EndedBy = "trusted_proxy"
		cfg.Transport.Certificates = config.Certificates{}
		cfg.Network.TrustedProxies = platformProxies()
	}
	return cfg, cfg.Validate(o)
}

func (c runCommand) serve(ctx context.Context, g *globals, gate *gateway.Gate, dir string, cfg *config.Config, logger *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	started := new(backend)
	defer func() { started.stop() }()
	start := func() error {
		b, err := startBackend(ctx, c.backend, backendEnviron(gate), g.process, func(err error) { cancel(err) })
		if err == nil {
			started = b
		}
		return err
	}
	if c.DB == "" { // otherwise it must know where the gate listens
		if err := start(); err != nil {
			return err
		}
	}
	stopReload := g.watch(ctx, gate, dir, cfg, logger)
	defer stopReload()
	err := gate.Run(ctx, func(addresses []string) {
		g.greet(ctx, gate, addresses, c.backend != nil)
		if c.DB == "" {
			return
		}
		if err := start(); err != nil {
			cancel(&backendNotStarted{err})
		}
	})
	if not := new(backendNotStarted); errors.As(context.Cause(ctx), &not) {
		return errors.Join(not.err, err)
	}
	if ended := new(backendEnded); errors.As(context.Cause(ctx), &ended) {
		return errors.Join(&exit{exitFailed, ended}, err)
	}
	return err
}

// watch has the gate read its configuration again when the file changes, and on
// SIGHUP. Without a file it waits for one in the state folder, so that what allow
// and promote print can be put there. What is returned stops it.
func (g *globals) watch(ctx context.Context, gate *gateway.Gate, dir string, cfg *config.Config, logger *slog.Logger) (stop func()) {
	watched := *cfg
	watched.File = cmp.Or(cfg.File, filepath.Join(dir, configName))
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{}, 2)
	again := func() {
		if err := gate.Admin().Reload(ctx); err != nil {
			logger.Error("the configuration was refused; the running one stays", "error", oneLine(err))
			return
		}
		logger.Info("configuration read again", "file", watched.File)
	}
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				again()
			}
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		if err := config.Watch(ctx, &watched, again); err != nil && ctx.Err() == nil {
			logger.Warn("changes of the configuration are not noticed; send SIGHUP after one", "error", err)
		}
	}()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-done
		<-done
	}
}

// logger says what is at least as urgent as --log-level, and as least.
func (g *globals) logger(least slog.Level) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(g.LogLevel)) // kong has checked it
	if level != slog.LevelDebug {
		level = max(level, least)
	}
	return slog.New(slog.NewTextHandler(g.process.Stderr, &slog.HandlerOptions{Level: level}))
}
