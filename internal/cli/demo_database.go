package cli

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/throwaway"
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
	passwords map[string]string // of PostgreSQL's accounts
}

// The demo's accounts of PostgreSQL, and their databases.
const (
	bareAccount      = "bare"
	protectedAccount = "protected"
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

// prepare makes both databases, each with an account that owns it. Where the
// demo attacks both itself, the accounts are superusers, as the database's
// account of many an application is: programs and files are within their reach.
// Where a person is to try, whom any page in his browser may help to, they are
// not: nothing reaches beyond the database then.
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
	for _, account := range []string{bareAccount, protectedAccount} {
		db.passwords[account] = rand.Text() // letters and digits
		for _, statement := range []string{
			fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", account, rights, db.passwords[account]),
			fmt.Sprintf("CREATE DATABASE %[1]s OWNER %[1]s", account),
			fmt.Sprintf("REVOKE CONNECT ON DATABASE %s FROM PUBLIC", account),
		} {
			if _, err := super.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("making the database %s: %w", account, err)
			}
		}
	}
	return nil
}

// open opens a database of PostgreSQL's for an account.
func (db *demoDatabase) open(account, database string) (*sql.DB, error) {
	return openPostgres(db.server.DSNFor(account, db.passwords[account], database))
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
	o.DB, err = db.open(bareAccount, bareAccount)
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
		return fmt.Sprintf("Database: PostgreSQL %s, a server of its own that is thrown away; --database sqlite takes SQLite.", db.version)
	case db.instead != "":
		return fmt.Sprintf("Database: SQLite, since %s. With PostgreSQL, the SQL gate stands before it.", db.instead)
	}
	return "Database: SQLite, the gate in its driver; --database postgres takes PostgreSQL, with the SQL gate before it."
}
