package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type runCommand struct {
	Upstream string   `placeholder:"URL" help:"The backend, such as http://127.0.0.1:3000. No configuration file is needed."`
	Listen   []string `placeholder:"ADDRESS" help:"Where clients connect, instead of network.listen, such as :8443."`
	Observe  bool     `help:"Decide and record everything, refuse nothing."`
	Command  []string `arg:"" optional:"" name:"command" passthrough:"" help:"After --: the command that starts the backend."`
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
	logger := g.logger()
	o := gateway.Options{
		Config: cfg, State: dir, Observe: c.Observe, Version: version(), Logger: logger,
		Stdout: g.process.Stdout,
	}
	if cfg.File != "" {
		o.Load = load
	}
	gate, err := gateway.New(o)
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, g, gate, cfg, logger), gate.Close())
}

// load reads the configuration, or makes the one of a run without a file.
func (c runCommand) load(g *globals) (*config.Config, error) {
	file, err := g.configFile()
	if err != nil {
		return nil, err
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

func (c runCommand) serve(ctx context.Context, g *globals, gate *gateway.Gate, cfg *config.Config, logger *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	backend, err := startBackend(ctx, c.Command, g.process, func(err error) { cancel(err) })
	if err != nil {
		return err
	}
	defer backend.stop()
	stopReload := g.watch(ctx, gate, cfg, logger)
	defer stopReload()
	err = gate.Run(ctx, func(addresses []string) { g.greet(gate, addresses) })
	if ended := new(backendEnded); errors.As(context.Cause(ctx), &ended) {
		err = errors.Join(err, &exit{exitFailed, ended})
	}
	return err
}

// watch has the gate read its configuration again when the file changes, and on
// SIGHUP. What is returned stops it.
func (g *globals) watch(ctx context.Context, gate *gateway.Gate, cfg *config.Config, logger *slog.Logger) (stop func()) {
	if cfg.File == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{}, 2)
	again := func() {
		if err := gate.Admin().Reload(ctx); err != nil {
			logger.Error("the configuration was refused; the running one stays", "error", oneLine(err))
			return
		}
		logger.Info("configuration read again", "file", cfg.File)
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
		if err := config.Watch(ctx, cfg, again); err != nil && ctx.Err() == nil {
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

func (g *globals) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(g.LogLevel)) // kong has checked it
	return slog.New(slog.NewTextHandler(g.process.Stderr, &slog.HandlerOptions{Level: level}))
}
