package cli

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
	"github.com/gatehousehq/gatehouse/secret"
)

// A demoDatabase is where the demo's shops keep their data: a database of
// PostgreSQL's each, on a server that is thrown away, or a SQLite file each.
type demoDatabase struct {
	engine shop.Engine
	// asked: --database named it.
	asked bool
	// instead is why it is not PostgreSQL, where nobody asked for SQLite.
	instead string

	server    *throwaway.Server // nil: SQLite
	version   string
	passwords map[string]string // of PostgreSQL's roles, and of the gate's accounts
	gate      string            // where the SQL gate listens, once it does
}

// The demo's roles of PostgreSQL. The bare shop's owns its database, as is usual;
// the protected shop's database is owned by the one that fills it, and what
// answers requests owns nothing.
const (
	bareRole  = "bare"
	ownerRole = "protected_owner"
	appRole   = "protected_app"
)

// The accounts by which the protected shop signs in to the SQL gate.
const (
	appAccount     = "app"
	migrateAccount = "migrate"
)

// The shops' databases.
const (
	bareDatabase      = "bare"
	protectedDatabase = "protected"
)

// openDatabase starts PostgreSQL in the folder where its programs are found and
// SQLite is not asked for.
func (c demoCommand) openDatabase(ctx context.Context, dir string) (*demoDatabase, error) {
	db := &demoDatabase{asked: c.Database != ""}
	if c.Database == shop.SQLite.String() {
		return db, nil
	}
	password := rand.Text()
	server, err := throwaway.Start(ctx, throwaway.Options{Parent: dir, Password: password})
	switch {
	case err == nil:
		db.engine, db.server = shop.PostgreSQL, server
		db.passwords = map[string]string{throwaway.User: password}
		return db, db.prepare(ctx, c.Attack)
	case db.asked && errors.Is(err, throwaway.ErrMissing):
		return db, fmt.Errorf("%w: install it (Debian's package is postgresql), or leave --database out", err)
	case db.asked || ctx.Err() != nil:
		return db, err
	case errors.Is(err, throwaway.ErrMissing):
		db.instead = "PostgreSQL is not installed"
	default:
		db.instead = "PostgreSQL did not start: " + oneLine(err)
	}
	return db, nil
}

// prepare makes both databases. Where the demo attacks them itself, the bare
// shop's role is a superuser, as that of many an application is: programs and
// files are within its reach. Where a person is to try, whom any page in his
// browser may help to, it is not: nothing reaches beyond the database then.
func (db *demoDatabase) prepare(ctx context.Context, superuser bool) (err error) {
	super, err := db.open(throwaway.User, "postgres")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, super.Close()) }()
	if err := super.QueryRowContext(ctx, "SELECT split_part(current_setting('server_version'), ' ', 1)").Scan(&db.version); err != nil {
		return fmt.Errorf("asking PostgreSQL for its version: %w", err)
	}
	rights := "NOSUPERUSER"
	if superuser {
		rights = "SUPERUSER"
	}
	for _, name := range []string{bareRole, ownerRole, appRole, appAccount, migrateAccount} {
		db.passwords[name] = rand.Text() // letters and digits
	}
	for role, rights := range map[string]string{bareRole: rights, ownerRole: "NOSUPERUSER", appRole: "NOSUPERUSER"} {
		statement := fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", role, rights, db.passwords[role])
		if _, err := super.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("making the role %s: %w", role, err)
		}
	}
	for _, statement := range []string{
		"CREATE DATABASE bare OWNER bare",
		"CREATE DATABASE protected OWNER protected_owner",
		"REVOKE CONNECT ON DATABASE bare, protected FROM PUBLIC",
		"GRANT CONNECT ON DATABASE protected TO protected_app",
	} {
		if _, err := super.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("making the shops' databases: %w", err)
		}
	}
	return db.grant(ctx)
}

// grant lets the role that answers requests do so: the tables are the owner's.
func (db *demoDatabase) grant(ctx context.Context) (err error) {
	owner, err := db.open(ownerRole, protectedDatabase)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, owner.Close()) }()
	if _, err := owner.ExecContext(ctx, "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO protected_app"); err != nil {
		return fmt.Errorf("granting the shop its tables: %w", err)
	}
	return nil
}

// open opens a database of PostgreSQL's for a role.
func (db *demoDatabase) open(role, database string) (*sql.DB, error) {
	return openPostgres(db.server.DSNFor(role, db.passwords[role], database))
}

// sqlGate is the gate before the protected shop's database.
func (db *demoDatabase) sqlGate() []config.SQLGate {
	if db.server == nil {
		return nil
	}
	password := func(name string) secret.Text { return secret.Text(db.passwords[name]) }
	return []config.SQLGate{{
		Name: "shop", Engine: "postgres", Listen: "127.0.0.1:0",
		Upstream: "postgres://" + db.server.Addr() + "/" + protectedDatabase + "?sslmode=disable",
		Clients: []config.SQLClient{
			{User: appAccount, Password: password(appAccount), Background: "none",
				UpstreamUser: appRole, UpstreamPassword: password(appRole)},
			{User: migrateAccount, Password: password(migrateAccount), DDL: true, Reason: "the shop makes its tables by it when it starts",
				UpstreamUser: ownerRole, UpstreamPassword: password(ownerRole)},
		},
	}}
}

// throughGate opens the protected shop's database by a connection string in
// which the gate stands in the database's place: all that the shop notices of it.
func (db *demoDatabase) throughGate(account string) (*sql.DB, error) {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(account, db.passwords[account]), Host: db.gate, Path: "/" + protectedDatabase, RawQuery: "sslmode=disable"}
	return openPostgres(u.String())
}

// openPostgres opens a database by its connection string.
func openPostgres(dsn string) (*sql.DB, error) {
	c, err := shop.PostgresConnector(dsn)
	if err != nil {
		return nil, err
	}
	const most = 8 // connections: far fewer than the server has
	opened := sql.OpenDB(c)
	opened.SetMaxOpenConns(most)
	opened.SetMaxIdleConns(most) // a connection is a process of PostgreSQL
	return opened, nil
}

// bare is the database of the shop that nothing protects.
func (db *demoDatabase) bare(dir string) (shop.Options, error) {
	o := shop.Options{Engine: db.engine, Dir: dir}
	if db.server == nil {
		o.Path = filepath.Join(dir, shopFile)
		return o, nil
	}
	var err error
	o.DB, err = db.open(bareRole, bareDatabase)
	return o, err
}

// shopFile is a shop's database in its folder, where that is SQLite's.
const shopFile = "shop.db"

func (db *demoDatabase) close() error {
	if db.server == nil {
		return nil
	}
	return db.server.Close()
}

// line says which database it is, and how to have the other.
func (db *demoDatabase) line() string {
	switch {
	case db.server != nil:
		return fmt.Sprintf("Database: PostgreSQL %s, a server of its own that is thrown away, the SQL gate before it; --database sqlite takes SQLite.", db.version)
	case db.instead != "":
		return fmt.Sprintf("Database: SQLite, since %s. With PostgreSQL, the SQL gate stands before it.", db.instead)
	}
	return "Database: SQLite, the gate in its driver; --database postgres takes PostgreSQL, with the SQL gate before it."
}
