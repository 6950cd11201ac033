package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"syscall"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/store"
)

// This file has the SQL gate of `run --db`: without a configuration, with an
// account that stays the same over restarts, so that what was printed once goes
// on working.

const (
	// ownSQLKind has one record: the account's password and the gate's port.
	ownSQLKind = "own-sql-gate"
	ownSQLKey  = "account"
	// ownSQLName is the gate's name.
	ownSQLName = "db"
	// ownSQLPort is PgBouncer's, so that nobody takes it for the database's.
	ownSQLPort = 6432
	// nearPorts is how many ports are tried where that one is taken.
	nearPorts = 20
)

type ownSQL struct {
	Password string `json:"password"`
	Port     int    `json:"port,omitempty"`
}

// withDatabase is the configuration with the gate of Options.Database.
func (g *Gate) withDatabase(ctx context.Context, c *config.Config) (*config.Config, error) {
	if g.options.Database == "" {
		return c, nil
	}
	with := *c
	if len(g.sql.all) > 0 && len(c.Data.SQL) == 0 { // a reload: it is the one that runs
		with.Data.SQL = []config.SQLGate{g.sql.all[0].config}
		return &with, nil
	}
	if len(c.Data.SQL) > 0 {
		return nil, errors.New("--db and the configuration's data.sql both name a database: keep one of the two")
	}
	d, err := config.ParseDatabase(g.options.Database)
	if err != nil {
		return nil, fmt.Errorf("--db %w", err)
	}
	if d.User == "" {
		return nil, errors.New("--db names no user; write postgres://USER:PASSWORD@HOST/DATABASE")
	}
	own, err := g.ownAccount(ctx)
	if err != nil {
		return nil, err
	}
	of := config.SQLGate{
		Name: ownSQLName, Engine: "postgres", Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(own.Port)), Upstream: d.URL(), UpstreamUser: d.User, UpstreamPassword: d.Password,
		Clients: []config.SQLClient{{User: d.User, Password: secret.Text(own.Password), Background: "any"}},
	}
	if (d.Mode == config.SSLDisable || d.Mode == config.SSLRequire) && !d.Loopback() {
		of.WeakUpstream.Reason = gatehouse.Reason("--db says sslmode=" + d.Mode)
	}
	with.Data.SQL = []config.SQLGate{of}
	return &with, nil
}

// ownAccount is the account that was made before, or a new one.
func (g *Gate) ownAccount(ctx context.Context) (own ownSQL, err error) {
	r, err := g.store.Get(ctx, ownSQLKind, ownSQLKey)
	if err == nil && json.Unmarshal(r.Value, &own) == nil && own.Password != "" {
		return own, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return own, fmt.Errorf("reading the account of --db: %w", err)
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	own = ownSQL{Password: hex.EncodeToString(random[:]), Port: ownSQLPort}
	return own, g.keepOwn(ctx, own)
}

func (g *Gate) keepOwn(ctx context.Context, own ownSQL) error {
	value, err := json.Marshal(own)
	if err == nil {
		err = store.Put(ctx, g.store, store.Record{Kind: ownSQLKind, Key: ownSQLKey, Value: value})
	}
	if err != nil {
		return fmt.Errorf("keeping the account of --db: %w", err)
	}
	return nil
}

// listenNear listens at an address, or at one of the ports after it, and
// remembers which.
func (g *Gate) listenNear(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	for n := first; n < first+nearPorts; n++ {
		if l, err = network.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(n))); err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	own, err := g.ownAccount(ctx)
	if at, ok := l.Addr().(*net.TCPAddr); ok && err == nil && own.Port != at.Port {
		own.Port = at.Port
		err = g.keepOwn(ctx, own)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// A DatabaseAccount is what a backend connects by in place of the database.
type DatabaseAccount struct {
	Host, Port, User, Database string
	Password                   secret.Text
	// More are the parameters of --db that are the client's.
	More url.Values
}

// Database is how the backend connects to the gate of --db; false without one,
// and before Run listens.
func (g *Gate) Database() (DatabaseAccount, bool) {
	if len(g.sql.all) == 0 || !g.sql.all[0].own || g.sql.all[0].listener == nil {
		return DatabaseAccount{}, false
	}
	s := g.sql.all[0]
	d, err := config.ParseDatabase(s.config.Upstream)
	host, port, splitErr := net.SplitHostPort(s.listener.Addr().String())
	if err != nil || splitErr != nil {
		return DatabaseAccount{}, false
	}
	client := s.config.Clients[0]
	return DatabaseAccount{Host: host, Port: port, User: client.User, Password: client.Password, Database: d.Name, More: d.More}, true
}

// URL is the account's DATABASE_URL. It holds the password.
func (a DatabaseAccount) URL() string {
	q := url.Values{}
	for name, values := range a.More {
		q[name] = values
	}
	q.Set("sslmode", "disable")
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(a.User, a.Password.Reveal()), Host: net.JoinHostPort(a.Host, a.Port),
		Path: "/" + a.Database, RawQuery: q.Encode(),
	}
	return u.String()
}

// Environ are the variables that clients of PostgreSQL connect by.
func (a DatabaseAccount) Environ() []string {
	return []string{
		"DATABASE_URL=" + a.URL(), "PGHOST=" + a.Host, "PGPORT=" + a.Port, "PGUSER=" + a.User,
		"PGPASSWORD=" + a.Password.Reveal(), "PGDATABASE=" + a.Database, "PGSSLMODE=disable",
	}
}
