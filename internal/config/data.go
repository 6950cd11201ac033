package config

import (
	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// Data is what reaches the database.
type Data struct {
	SQL []SQLGate `yaml:"sql" doc:"The gates between the backend and its databases: the backend connects to listen instead of the database, and every statement is judged before the database sees it." example:"[{name: shop, engine: postgres, listen: \"127.0.0.1:6432\", upstream: \"postgres://127.0.0.1:5432/shop\", upstream_user: shop_app, upstream_password: \"${file:/run/secrets/db}\", clients: [{user: app, password: \"${env:SHOP_DB_PASSWORD}\", background: none}]}]"`
}

// An SQLGate is one gate before one database.
type SQLGate struct {
	Name             string       `yaml:"name" need:"true" restart:"true" doc:"What the gate is called; its accounts are told as name/user." example:"shop"`
	Engine           string       `yaml:"engine" need:"true" restart:"true" enum:"postgres" doc:"The database's kind." example:"postgres"`
	Listen           string       `yaml:"listen" need:"true" restart:"true" doc:"Where the backend connects: host:port or unix:/path, of which the file's name must be .s.PGSQL. and a port for libpq to find it." example:"\"127.0.0.1:6432\""`
	Upstream         string       `yaml:"upstream" need:"true" restart:"true" doc:"The database: postgres://host:port/database with sslmode (disable, require, verify-full) and sslrootcert as libpq has them, or postgres:///database?host=/folder for a Unix socket. Without sslmode it is verified, but on this machine, where TLS is not used. It holds a password only where all of it is from the environment or a file." example:"\"postgres://127.0.0.1:5432/shop\""`
	UpstreamUser     string       `yaml:"upstream_user" restart:"true" doc:"The role by which the gate signs in to the database, for clients that name none of their own." example:"shop_app"`
	UpstreamPassword secret.Text  `yaml:"upstream_password" restart:"true" doc:"Its password." example:"\"${file:/run/secrets/shop_db}\""`
	WeakUpstream     WeakUpstream `yaml:"weak_upstream" restart:"true" doc:"Lets the way to the database be weaker than verified TLS and SCRAM."`
	Clients          []SQLClient  `yaml:"clients" need:"true" doc:"Who may sign in: the accounts that applications use in place of the database's." example:"[{user: app, password: \"${env:SHOP_DB_PASSWORD}\", background: none}]"`
	TLS              SQLTLS       `yaml:"tls" restart:"true" doc:"The certificate for clients from elsewhere; the site's where not given."`
	Plaintext        SQLPlaintext `yaml:"plaintext" restart:"true" doc:"Lets clients from elsewhere come without TLS."`
	MaxSessions      int          `yaml:"max_sessions" restart:"true" default:"500" doc:"How many sessions there may be at once."`
}

// WeakUpstream is the bypass of a strong way to the database. It is in force
// where Reason is given.
type WeakUpstream struct {
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why the database may be spoken to in the clear or without verifying it from another machine, or may ask for a password's MD5 or the password itself." example:"the database has MD5 passwords until it is upgraded in May"`
}

// SQLTLS is the certificate for an SQL gate's clients; none where Certificate
// is empty.
type SQLTLS struct {
	Certificate string `yaml:"certificate" need:"true" path:"true" doc:"A PEM file: the certificate, then its intermediates." example:"/etc/gatehouse/db.pem"`
	Key         string `yaml:"key" need:"true" path:"true" doc:"A PEM file: the certificate's private key." example:"/etc/gatehouse/db.key"`
}

// SQLPlaintext is the bypass of TLS towards an SQL gate's clients. It is in
// force where Reason is given.
type SQLPlaintext struct {
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why clients from elsewhere may come without TLS." example:"only the backend's container reaches this port"`
}

// An SQLClient is an account by which an application signs in to an SQL gate.
type SQLClient struct {
	User       string      `yaml:"user" need:"true" restart:"true" doc:"The name that the application signs in by." example:"app"`
	Password   secret.Text `yaml:"password" need:"true" restart:"true" doc:"Its password, at the gate alone." example:"\"${env:SHOP_DB_PASSWORD}\""`
	Background string      `yaml:"background" restart:"true" default:"any" enum:"none,any" doc:"none: nothing but requests through this gate uses the account, no job and no queue worker; then a single request in flight is known to have caused a statement."`

	DDL       bool             `yaml:"ddl" default:"false" doc:"Lets the account define tables, roles and the like, for migrations. Needs a reason."`
	Functions []string         `yaml:"functions" doc:"Functions that it may call although data/policy refuses them. Needs a reason." example:"[pg_sleep]"`
	Roles     []string         `yaml:"roles" doc:"Roles that it may become by SET ROLE. Needs a reason." example:"[reporting]"`
	Reason    gatehouse.Reason `yaml:"reason" doc:"Why it may do what others may not." example:"deployments run the migrations by it"`
	Schema    string           `yaml:"schema" doc:"The schema that names without one are in; public where not given." example:"shop"`
	Allow     []SQLGrant       `yaml:"allow" doc:"What it may do with which tables; whatever the database lets it where not given. gatehouse suggest policy prints what was seen." example:"[{verbs: [select], tables: [orders]}]"`
	Temporary []string         `yaml:"temporary" doc:"Temporary tables that it may drop, alter and index." example:"[basket]"`
	Rows      SQLRows          `yaml:"rows" doc:"How many rows one statement may have."`
	RLS       SQLRowSecurity   `yaml:"rls" restart:"true" doc:"Tells the database, signed, whose each statement is: for the row-level security that gatehouse suggest grants --rls proposes."`

	UpstreamUser     string      `yaml:"upstream_user" restart:"true" doc:"The role by which the gate signs in for this client, such as the owner for migrations." example:"shop_owner"`
	UpstreamPassword secret.Text `yaml:"upstream_password" restart:"true" doc:"Its password." example:"\"${file:/run/secrets/shop_owner}\""`
}

// An SQLGrant lets an account do something with tables.
type SQLGrant struct {
	Verbs  []string `yaml:"verbs" need:"true" doc:"Of select, insert, update, delete and truncate; all is all of them." example:"[select, insert]"`
	Tables []string `yaml:"tables" need:"true" doc:"Tables as the database names them, with a schema or without: orders, app.orders, app.*, or * for all." example:"[orders]"`
}

// SQLRowSecurity is in force where Key is given.
type SQLRowSecurity struct {
	Key secret.Text `yaml:"key" need:"true" doc:"The key that the database verifies by, in gatehouse.key: 64 hexadecimal digits." example:"\"${file:/run/secrets/shop_rls}\""`
}

// SQLRows bounds the rows of one statement.
type SQLRows struct {
	Returned int `yaml:"returned" default:"0" doc:"How many rows it may be given; 0 for any number."`
	Affected int `yaml:"affected" default:"0" doc:"How many rows it may change; 0 for any number."`
}

// Only reports whether requests alone use the account.
func (c SQLClient) Only() bool { return c.Background == "none" }
