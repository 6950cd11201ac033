package shop

import (
	"database/sql/driver"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// An Engine is a database system that the shop runs on. Both get the same
// statements: both take $1 for a parameter, RETURNING for the number of a new
// row, and ON CONFLICT. What they do not share stands in this file.
type Engine uint8

const (
	SQLite Engine = iota
	PostgreSQL
)

func (e Engine) String() string {
	if e == PostgreSQL {
		return "postgres"
	}
	return "sqlite"
}

// schema is the file with the tables.
func (e Engine) schema() string {
	if e == PostgreSQL {
		return "schema.postgres.sql"
	}
	return "schema.sql"
}

// filled counts the tables that show that the database was filled before.
func (e Engine) filled() string {
	if e == PostgreSQL {
		return "SELECT count(*) FROM pg_tables WHERE tablename = 'users' AND schemaname = current_schema()"
	}
	return "SELECT count(*) FROM sqlite_master WHERE name = 'users'"
}

// PostgresConnector connects to the PostgreSQL database that the connection
// string names, for sql.OpenDB. It refuses one that is not on this machine.
// Nothing confines an injected statement there but the rights of its account:
// a superuser's reads files and runs programs.
func PostgresConnector(dsn string) (driver.Connector, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("shop: the connection string of PostgreSQL: %w", err) // pgx leaves the password out
	}
	hosts := []string{c.Host}
	for _, f := range c.Fallbacks {
		hosts = append(hosts, f.Host)
	}
	for _, host := range hosts {
		socket := strings.HasPrefix(host, "/")
		if ip := net.ParseIP(host); !socket && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("shop: the database at %s is not on this machine: the shop is vulnerable on purpose, use 127.0.0.1", host)
		}
	}
	return stdlib.GetConnector(*c), nil
}
