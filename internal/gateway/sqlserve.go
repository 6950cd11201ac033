package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/transport"
)

// This file makes the SQL gates of the configuration, has them serve, and ends
// them. They outlive a reload; what their accounts may do does not.

// sqlGates are the gates before databases.
type sqlGates struct {
	judge *sqlJudge
	all   []*sqlServer
}

// An sqlServer is one gate before one database.
type sqlServer struct {
	config   config.SQLGate
	gate     *pgwire.Gate
	network  string // the database's, as for net.Dial
	address  string
	listener net.Listener
	// own is set for the one of run --db, which may listen near its port.
	own       bool
	downSince atomic.Int64 // Unix nanoseconds; zero: the database accepts connections
}

// openSQL makes the SQL gates.
func (g *Gate) openSQL(c *config.Config) error {
	g.sql.judge = &sqlJudge{gate: g, accounts: make(map[sqlgate.Account]*sqlAccount)}
	if len(c.Data.SQL) > 0 {
		g.backend.Index()
	}
	for i, of := range c.Data.SQL {
		s, err := g.newSQLServer(of)
		if err != nil {
			return fmt.Errorf("SQL gate %s: %w", of.Name, err)
		}
		s.own = i == 0 && g.options.Database != ""
		g.sql.all = append(g.sql.all, s)
	}
	return nil
}

func (g *Gate) newSQLServer(of config.SQLGate) (*sqlServer, error) {
	d, err := config.ParseDatabase(of.Upstream)
	if err != nil {
		return nil, err
	}
	s := &sqlServer{config: of}
	s.network, s.address = d.Dial()
	up := pgwire.Upstream{Network: s.network, Address: s.address, Database: d.Name, Weak: of.WeakUpstream.Reason}
	if d.Loopback() {
		up.Weak = "the database is on this machine"
	}
	if up.TLS, err = databaseTLS(d); err != nil {
		return nil, err
	}
	o := pgwire.Options{
		Name: of.Name, Judge: g.sql.judge, Rows: g.sql.judge, MaxSessions: of.MaxSessions, Now: g.now, Logger: g.logger.With("sql", of.Name),
		Plaintext: of.Plaintext.Reason,
	}
	if o.TLS, err = g.sqlTLS(of); err != nil {
		return nil, err
	}
	for _, client := range of.Clients {
		one := pgwire.Client{User: client.User, Password: client.Password, Background: !client.Only(), Upstream: up}
		one.Upstream.User, one.Upstream.Password = of.UpstreamUser, of.UpstreamPassword
		if client.UpstreamUser != "" {
			one.Upstream.User, one.Upstream.Password = client.UpstreamUser, client.UpstreamPassword
		}
		o.Clients = append(o.Clients, one)
		a := sqlgate.Account{Gate: of.Name, User: client.User, Background: one.Background}
		known := &sqlAccount{name: a.Name()}
		if err := g.openSeen(known, of, client); err != nil {
			return nil, err
		}
		if client.RLS.Key.Reveal() != "" {
			if known.signer, err = privilege.NewSigner(privilege.SignerOptions{Key: client.RLS.Key, Now: g.now}); err != nil {
				return nil, fmt.Errorf("the client %s: %w", client.User, err)
			}
		}
		g.sql.judge.accounts[a] = known
	}
	s.gate, err = pgwire.New(o)
	return s, err
}

// databaseTLS is TLS towards a database; nil where it speaks in the clear.
func databaseTLS(d config.Database) (*tls.Config, error) {
	if d.Mode == config.SSLDisable || d.Unix() {
		return nil, nil
	}
	o := transport.UpstreamOptions{URL: "https://" + net.JoinHostPort(d.Host, d.Port), CAFile: d.RootFile}
	if d.Mode == config.SSLRequire {
		o.Insecure = "sslmode=require"
	}
	return transport.Upstream(o)
}

// sqlTLS is TLS of a gate's clients: by its own certificate, or, where clients
// come from elsewhere, the site's. Nil: there is none.
func (g *Gate) sqlTLS(of config.SQLGate) (*tls.Config, error) {
	if of.TLS.Certificate != "" {
		own, err := transport.New(transport.Options{
			Files: []transport.Files{{Certificate: of.TLS.Certificate, Key: of.TLS.Key}}, Store: g.store, Recorder: g.events, Logger: g.logger, Now: g.now,
		})
		if err != nil {
			return nil, err
		}
		return plainProtocols(own.Config()), nil
	}
	if config.OnThisMachine(of.Listen) {
		return nil, nil
	}
	return plainProtocols(g.tls.Config()), nil
}

// plainProtocols is a configuration without the protocols of HTTP.
func plainProtocols(c *tls.Config) *tls.Config {
	if c != nil {
		c = c.Clone()
		c.NextProtos = nil
	}
	return c
}

// listenSQL opens the listeners of the SQL gates, or none.
func (g *Gate) listenSQL(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			g.closeSQL()
		}
	}()
	for _, s := range g.sql.all {
		if s.own {
			s.listener, err = g.listenNear(ctx, s.config.Listen)
		} else {
			s.listener, err = network.Listen(ctx, s.config.Listen)
		}
		if err != nil {
			return fmt.Errorf("SQL gate %s: %w", s.config.Name, err)
		}
		g.listening = append(g.listening, s.describe())
	}
	return nil
}

func (g *Gate) closeSQL() {
	for _, s := range g.sql.all {
		if s.listener != nil {
			_ = s.listener.Close() // an error that is returned counts
		}
	}
}

// describe is where the backend connects, as people type it.
func (s *sqlServer) describe() string {
	if a, ok := s.listener.Addr().(*net.TCPAddr); ok {
		return "postgres://" + a.String()
	}
	return "unix:" + s.listener.Addr().String()
}

// database is the database's address for events.
func (s *sqlServer) database() string { return strings.TrimSuffix(s.address, "/") }

// serve serves until the gate is shut down.
func (s *sqlServer) serve() error {
	if err := s.gate.Serve(s.listener); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("SQL gate %s: %w", s.config.Name, err)
	}
	return nil
}

// shutdownSQL ends the SQL gates: sessions may finish their transactions within
// the time that is left.
func (g *Gate) shutdownSQL(ctx context.Context) {
	done := make(chan error, len(g.sql.all))
	for _, s := range g.sql.all {
		go func() { done <- s.gate.Shutdown(ctx) }()
	}
	for range g.sql.all {
		if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
			g.logger.Warn("an SQL gate did not end in order", "error", err)
		}
	}
}

// lookAtDatabases says which databases accept no connections, and which do again.
// One with sessions is not asked.
func (g *Gate) lookAtDatabases(ctx context.Context) {
	for _, s := range g.sql.all {
		if s.gate.Stats().Sessions > 0 {
			s.reached(ctx, g)
			continue
		}
		dialing, cancel := context.WithTimeout(ctx, dialTimeout)
		c, err := new(net.Dialer).DialContext(dialing, s.network, s.address)
		cancel()
		switch {
		case err == nil:
			_ = c.Close() // it was opened to see that it can be
			s.reached(ctx, g)
		case ctx.Err() != nil:
		case s.downSince.CompareAndSwap(0, g.now().UnixNano()):
			g.logger.Warn("the database accepts no connections", "sql", s.config.Name, "database", s.database(), "error", err)
			g.record(ctx, events.DatabaseFailed(s.config.Name, s.database(), err))
		}
	}
}

func (s *sqlServer) reached(ctx context.Context, g *Gate) {
	if since := s.downSince.Swap(0); since != 0 {
		after := g.now().Sub(time.Unix(0, since))
		g.logger.Info("the database accepts connections again", "sql", s.config.Name, "after", after)
		g.record(ctx, events.DatabaseRecovered(s.config.Name, s.database(), after))
	}
}

// sqlBypasses are those of the SQL gates.
func sqlBypasses(c *config.Config, add func(what string, reason gatehouse.Reason)) {
	for _, g := range c.Data.SQL {
		if g.WeakUpstream.Reason.Given() {
			add("the way from SQL gate "+g.Name+" to its database is weak", g.WeakUpstream.Reason)
		}
		if g.Plaintext.Reason.Given() {
			add("clients of SQL gate "+g.Name+" connect without TLS", g.Plaintext.Reason)
		}
		for _, client := range g.Clients {
			if client.Reason.Given() {
				add(fmt.Sprintf("account %s/%s may do what others may not", g.Name, client.User), client.Reason)
			}
		}
	}
}
