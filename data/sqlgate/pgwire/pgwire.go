package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
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
	// Rand is where nonces, keys and salts come from. Nil means crypto/rand.
	Rand io.Reader
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

// A Gate is the SQL gate before the databases of its clients.
type Gate struct {
	o        Options
	now      func() time.Time
	log      *slog.Logger
	accounts map[string]*account
	// secret makes the salts, and what users look like that there are not.
	secret []byte
	// own is the name of the gate's own statements and portals: random, so that it
	// is no client's.
	own      string
	throttle *throttle
	outage   outage
	drops    outage
	lookups  lookups

	// ctx ends when the gate is closed by force.
	ctx      context.Context
	kill     context.CancelCauseFunc
	draining atomic.Bool
	stats    counts

	mu        sync.Mutex
	listeners map[net.Listener]bool
	sessions  map[*session]bool
	signIns   map[net.Conn]bool
	work      int // goroutines that Shutdown waits for
	idle      chan struct{}
}

type counts struct {
	accepted, rejected, statements, refused atomic.Uint64
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
	case o.MaxSessions < 0 || o.MaxStatement < 0 || o.SignIn < 0:
		return nil, fmt.Errorf("pgwire: a limit of %s is negative", o.Name)
	}
	o.setDefaults()
	g := &Gate{
		o: o, now: o.Now, log: o.Logger, throttle: newThrottle(o.Now), accounts: make(map[string]*account),
		listeners: make(map[net.Listener]bool), sessions: make(map[*session]bool), signIns: make(map[net.Conn]bool),
		secret: make([]byte, 32),
	}
	if _, err := io.ReadFull(o.Rand, g.secret); err != nil {
		return nil, fmt.Errorf("pgwire: Options.Rand: %w", err)
	}
	g.lookups.turns = make(chan struct{}, lookUps)
	g.own = "gate_own_" + hex.EncodeToString(g.random(16))
	g.ctx, g.kill = context.WithCancelCause(context.Background())
	for _, c := range o.Clients {
		if err := g.add(c); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (o *Options) setDefaults() {
	if o.MaxSessions == 0 {
		o.MaxSessions = DefaultMaxSessions
	}
	if o.MaxStatement == 0 {
		o.MaxStatement = DefaultMaxStatement
	}
	if o.SignIn == 0 {
		o.SignIn = DefaultSignIn
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// add checks a client.
func (g *Gate) add(c Client) error {
	up := &c.Upstream
	switch {
	case c.User == "" || len(c.User) > 63:
		return fmt.Errorf("pgwire: Client.User of %s must have 1 to 63 bytes", g.o.Name)
	case c.Password == "":
		return fmt.Errorf("pgwire: Client.Password of %s in %s is missing: anybody could sign in", c.User, g.o.Name)
	case g.accounts[c.User] != nil:
		return fmt.Errorf("pgwire: the client %s of %s is given twice", c.User, g.o.Name)
	case up.Network != "tcp" && up.Network != "unix":
		return fmt.Errorf("pgwire: Upstream.Network of %s in %s is %q: it is tcp or unix", c.User, g.o.Name, up.Network)
	case up.Address == "" || up.User == "":
		return fmt.Errorf("pgwire: Upstream.Address or User of %s in %s is missing", c.User, g.o.Name)
	}
	v, err := newVerifier(c.Password.Reveal(), userSalt(g.secret, c.User))
	if err != nil {
		return err
	}
	a := &account{Client: c, Account: sqlgate.Account{Gate: g.o.Name, User: c.User, Background: c.Background}, verifier: v}
	a.names = newNames(g, &a.Client.Upstream)
	g.accounts[c.User] = a
	return nil
}

// random panics where there is no randomness: nothing could be kept secret.
func (g *Gate) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(g.o.Rand, b); err != nil {
		panic("pgwire: Options.Rand: " + err.Error())
	}
	return b
}

// Stats are counts since the gate was made.
type Stats struct {
	// Sessions are open now; Accepted and Rejected all that came.
	Sessions           int
	Accepted, Rejected uint64
	// Statements were judged; Refused of them.
	Statements, Refused uint64
}

// Stats counts.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	sessions := len(g.sessions)
	g.mu.Unlock()
	return Stats{
		Sessions: sessions, Accepted: g.stats.accepted.Load(), Rejected: g.stats.rejected.Load(),
		Statements: g.stats.statements.Load(), Refused: g.stats.refused.Load(),
	}
}
