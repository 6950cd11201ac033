package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/protocol"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/transport"
)

// housekeeping is how often expired records are swept and uses saved.
const housekeeping = 30 * time.Second

// A service is one listener with what answers it.
type service struct {
	name     string
	listener net.Listener
	server   *http.Server
	own      bool // for those who run the gate
}

// Run listens and serves until ctx ends, then drains: new connections are
// refused, requests under way may finish within network.timeouts.drain. ready
// is called once everything listens, with the addresses; it may be nil.
func (g *Gate) Run(ctx context.Context, ready func(addresses []string)) error {
	c := g.current.Load().config
	services, err := g.listen(ctx, c)
	if err != nil {
		return err
	}
	g.lookAtDatabases(ctx)
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	requests, end := context.WithCancel(inner)
	defer end()
	failed := make(chan error, len(services)+len(g.sql.all)+2)
	work := []func() error{
		func() error { return g.tls.Run(inner) },
		func() error { g.keepHouse(inner); return nil },
	}
	for _, s := range services {
		if !s.own {
			s.server.BaseContext = func(net.Listener) context.Context { return requests }
		}
		work = append(work, func() error {
			err := s.server.Serve(s.listener)
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return fmt.Errorf("%s: %w", s.name, err)
		})
	}
	for _, s := range g.sql.all {
		work = append(work, s.serve)
	}
	for _, w := range work {
		go func() { failed <- w() }()
	}
	// A backend that ends at once may have ended ctx: the start is recorded anyway.
	g.record(context.WithoutCancel(ctx), events.SysStartup(g.options.Version, g.listening))
	g.announce(ctx, c)
	if ready != nil {
		ready(g.listening)
	}
	running := len(work)
	select {
	case <-ctx.Done():
	case err = <-failed:
		running--
	}
	g.drain(services, end)
	stop()
	for range running {
		err = errors.Join(err, <-failed)
	}
	g.record(context.WithoutCancel(ctx), events.SysShutdown(reasonOf(ctx, err)))
	return err
}

func reasonOf(ctx context.Context, err error) string {
	if err != nil {
		return "a listener failed"
	}
	return fmt.Sprint(context.Cause(ctx))
}

// listen opens every listener, or none.
func (g *Gate) listen(ctx context.Context, c *config.Config) (services []service, err error) {
	defer func() {
		if err != nil {
			for _, s := range services {
				_ = s.listener.Close() // the error that is returned counts
			}
		}
	}()
	timeouts := g.current.Load().timeouts
	for _, addr := range c.Network.Listen {
		l, err := network.Listen(ctx, addr)
		if err != nil {
			return services, err
		}
		g.listening = append(g.listening, describe(l, !c.Plain()))
		if l, err = g.wrap(l, connectionRungs()); err != nil {
			return services, err
		}
		services = append(services, service{addr, l, g.server(g, timeouts), false})
	}
	if c.Network.Redirect != "" {
		s, err := g.redirectService(ctx, c, timeouts)
		if err != nil {
			return services, err
		}
		services = append(services, s)
	}
	if c.Network.Private.Listen != "" {
		l, err := network.Listen(ctx, c.Network.Private.Listen)
		if err != nil {
			return services, err
		}
		services = append(services, service{"private listener", l, g.server(g.privateHandler(), timeouts), true})
	}
	if g.options.State != "" {
		l, err := network.ListenConfig{UnixMode: 0o600}.Listen(ctx, "unix:"+filepath.Join(g.options.State, ControlSocket))
		if err != nil {
			return services, fmt.Errorf("%w; --state chooses the folder", err)
		}
		services = append(services, service{"control socket", l, g.controlServer(timeouts), true})
	}
	return services, g.listenSQL(ctx)
}

// wrap puts rungs around a listener, which it closes with an error.
func (g *Gate) wrap(l net.Listener, rungs []connectionRung) (net.Listener, error) {
	for _, r := range rungs {
		wrapped, err := r.build(g)(l)
		if err != nil {
			_ = l.Close() // the error that is returned counts
			return nil, err
		}
		l = wrapped
	}
	return l, nil
}

// describe is a listener's address as people type it.
func describe(l net.Listener, secure bool) string {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		scheme, host := "http", a.IP.String()
		if secure {
			scheme = "https"
		}
		if a.IP.IsUnspecified() || a.IP.IsLoopback() {
			host = "localhost"
		}
		return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(a.Port))
	}
	return l.Addr().Network() + ":" + l.Addr().String()
}

// redirectService is the plain HTTP port.
func (g *Gate) redirectService(ctx context.Context, c *config.Config, timeouts network.Timeouts) (service, error) {
	o := transport.RedirectOptions{HTTPSPort: g.port(), Site: c.Site}
	handler, err := g.tls.Redirect(o)
	if err != nil {
		return service{}, err
	}
	l, err := network.Listen(ctx, c.Network.Redirect)
	if err != nil {
		return service{}, err
	}
	l, err = g.wrap(l, beforeTLS())
	return service{"redirect", l, g.server(handler, timeouts), false}, err
}

// port is the first TCP port that clients connect to; zero where there is none.
func (g *Gate) port() int {
	for _, a := range g.listening {
		if _, port, err := net.SplitHostPort(a[strings.LastIndex(a, "/")+1:]); err == nil {
			var n int
			fmt.Sscan(port, &n)
			return n
		}
	}
	return 0
}

func (g *Gate) server(h http.Handler, t network.Timeouts) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: t.Header,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    int(g.current.Load().config.Application.Protocol.Head),
		ErrorLog:          slog.NewLogLogger(g.logger.Handler(), slog.LevelDebug),
		HTTP2:             protocol.HTTP2(t.Idle),
	}
}

// controlServer ends what it is asked when the gate drains: `events tail` would
// hold the drain up.
func (g *Gate) controlServer(t network.Timeouts) *http.Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := g.server(g.controlHandler(), t)
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	s.RegisterOnShutdown(cancel)
	return s
}

// tlsListener ends TLS with the certificates as they are at each handshake.
func (g *Gate) tlsListener(l net.Listener) net.Listener {
	c := g.tls.Config()
	if c == nil {
		return l
	}
	if file := g.current.Load().config.Identity.ClientCertificate.Authorities; file != "" {
		// Asked for and not demanded: application/access says where one is needed.
		if authorities, err := authoritiesOf(file); err == nil { // the assembly read it just now
			c = c.Clone()
			c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
			for _, one := range authorities {
				c.ClientCAs.AddCert(one)
			}
		}
	}
	return tls.NewListener(l, c)
}

// keepHouse sweeps what has expired and saves what is counted.
func (g *Gate) keepHouse(ctx context.Context) {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.network.Sweep()
		if _, err := g.store.Sweep(ctx); err != nil && ctx.Err() == nil {
			g.logger.Error("expired records could not be removed", "error", err)
		}
		g.backend.Forget()
		if g.backend.Cut() {
			g.record(ctx, events.GuardCapped(events.About{}, gatehouse.Decision{Rung: guard.Rung}, "", events.Statement{}))
		}
		g.lookAtDatabases(ctx)
		if err := g.allowUses.save(ctx, g.store); err != nil && ctx.Err() == nil {
			g.logger.Error("saving counts", "error", err)
		}
		if err := g.savePolicy(ctx); err != nil && ctx.Err() == nil {
			g.logger.Error("saving policy reports", "error", err)
		}
		if err := g.sql.judge.saveSeen(ctx); err != nil && ctx.Err() == nil {
			g.logger.Error("saving what accounts did", "error", err)
		}
		if err := g.current.Load().who.sessions.Flush(ctx); err != nil && ctx.Err() == nil {
			g.logger.Warn("sessions are not written down yet", "error", err)
		}
		if err := g.saveLearned(ctx); err != nil && ctx.Err() == nil {
			g.logger.Error("saving what was learned of routes", "error", err)
		}
		if err := g.templates.save(ctx, g.store); err != nil && ctx.Err() == nil {
			g.logger.Error("saving templates", "error", err)
		}
	}
}
