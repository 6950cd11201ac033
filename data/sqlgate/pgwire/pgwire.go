package pgwire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/secret"
)

// Defaults of Options.
const (
	DefaultMaxSessions  = 500
	DefaultMaxStatement = 16 << 20
	DefaultSignIn       = 10 * time.Second
)

// Options configure a Gate.
type Options struct {
	// Name is the gate's name in the configuration, such as "shop". Required.
	Name string
	// Clients are who may sign in. At least one is required.
	Clients []Client
	// Judge decides. Required.
	Judge sqlgate.Judge
	// Rows gets what is read. Nil: nobody wants it.
	Rows sqlgate.Rows
	// TLS ends TLS of clients; nil answers that there is none. A client that is
	// not on this machine must use it, unless Plaintext is given.
	TLS *tls.Config
	// Plaintext says why clients from elsewhere may come in the clear.
	Plaintext gatehouse.Reason
	// MaxSessions bounds the sessions at once; one more gets 53300. Zero means
	// DefaultMaxSessions.
	MaxSessions int
	// MaxStatement is the longest statement that is held to be judged, in
	// bytes. Zero means DefaultMaxStatement.
	MaxStatement int
	// SignIn is how long a session may take to begin. Zero means DefaultSignIn.
	SignIn time.Duration
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Logger gets what an operator should know. Nil discards it.
	Logger *slog.Logger
}

// A Client is an account by which an application signs in to the gate.
type Client struct {
	User     string
	Password secret.Text
	// Background is set where other work than requests' uses the account.
	Background bool
	// Upstream is where the account's sessions go, and as whom.
	Upstream Upstream
}

// An Upstream is a database, and the role by which the gate signs in to it.
type Upstream struct {
	// Network and Address are as for net.Dial: "tcp" and "db:5432", or "unix"
	// and "/run/postgresql/.s.PGSQL.5432".
	Network, Address string
	// TLS verifies the database; nil speaks in the clear.
	TLS *tls.Config
	// Database is the only one that clients may name; empty: any.
	Database string
	User     string
	Password secret.Text
	// Weak says why the database may ask for the password in the clear, or for
	// its MD5.
	Weak gatehouse.Reason
}

// A Gate is the SQL gate before one database.
type Gate struct {
	o Options
}

// New checks the options.
func New(o Options) (*Gate, error) {
	switch {
	case o.Name == "":
		return nil, errors.New("pgwire: Options.Name is missing")
	case len(o.Clients) == 0:
		return nil, fmt.Errorf("pgwire: Options.Clients of %s is empty: nobody could sign in", o.Name)
	case o.Judge == nil:
		return nil, errors.New("pgwire: Options.Judge is missing: nothing would be judged")
	}
	return &Gate{o: o}, nil
}

// Serve accepts sessions until the listener is closed, and returns when all of
// them have ended: see [Gate.Shutdown].
func (g *Gate) Serve(ln net.Listener) error { return errors.ErrUnsupported }

// Shutdown closes the listeners, lets each session finish the transaction that
// it is in, and ends those that have not when ctx ends.
func (g *Gate) Shutdown(ctx context.Context) error { return errors.ErrUnsupported }

// Stats are counts since the gate was made.
type Stats struct {
	// Sessions are open now; Accepted and Rejected all that came.
	Sessions           int
	Accepted, Rejected uint64
	// Statements were judged; Refused of them.
	Statements, Refused uint64
}

// Stats counts.
func (g *Gate) Stats() Stats { return Stats{} }
