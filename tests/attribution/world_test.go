package attribution

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clients = 50
	workers = 8
	pool    = 4
	// job is the true cause of what no request sends.
	job = "job"
)

// A witness stands between the SQL gate and its judge. It takes the true cause
// out of each statement, and compares it with what the judge says.
type witness struct {
	inner  sqlgate.Judge
	by     [exchange.Exact + 1]atomic.Int64
	lucky  atomic.Int64 // alone, and right
	wrong  atomic.Int64
	mu     sync.Mutex
	wrongs []string // the first few
}

// causeMark begins the true cause, at a statement's end or as its last value.
const causeMark = "/*cause:"

func (w *witness) compare(truth string, by exchange.Attribution, what string) {
	w.by[by.How].Add(1)
	id := job
	if by.Exchange != nil {
		id = by.Exchange.ID
	}
	switch {
	case by.How == exchange.Alone && id == truth:
		w.lucky.Add(1)
	case by.How >= exchange.Value && id != truth:
		w.wrong.Add(1)
		w.mu.Lock()
		if len(w.wrongs) < 10 {
			w.wrongs = append(w.wrongs, fmt.Sprintf("%v: %s caused %q, said to be of %s", by.How, truth, what, id))
		}
		w.mu.Unlock()
	}
}

func (w *witness) Judge(ctx context.Context, a sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	sql, truth, known := strings.Cut(st.SQL, causeMark)
	st.SQL = sql
	r := w.inner.Judge(ctx, a, st)
	if known {
		w.compare(strings.TrimSuffix(truth, "*/"), r.By, strings.Clone(sql))
	}
	return r
}

func (w *witness) Attribute(a sqlgate.Account, st sqlgate.Statement) exchange.Attribution {
	truth, known := "", false
	if n := len(st.Values); n > 0 {
		if truth, known = strings.CutPrefix(st.Values[n-1], causeMark); known {
			st.Values = st.Values[:n-1]
		}
	}
	by := w.inner.Attribute(a, st)
	if known {
		w.compare(strings.TrimSuffix(truth, "*/"), by, strings.Join(st.Values, " "))
	}
	return by
}

func (w *witness) Ended(ctx context.Context, a sqlgate.Account, r sqlgate.Ruling, o sqlgate.Outcome) {
	w.inner.Ended(ctx, a, r, o)
}

func (w *witness) Refused(ctx context.Context, a sqlgate.Account, client netip.Addr, d gatehouse.Decision) bool {
	return w.inner.Refused(ctx, a, client, d)
}

func (w *witness) total() int64 {
	var n int64
	for i := range w.by {
		n += w.by[i].Load()
	}
	return n
}

// A world is a site with both gates, and what everybody in it knows.
type world struct {
	witness *witness
	pool    *pgxpool.Pool
	url     string
	client  *http.Client
	slots   chan struct{} // workers of the backend
	jobs    chan string
	// sessions are in the backend's memory: the user of a cookie.
	sessions map[string]string
	users    []string
	// recent are values that are on their way, which the adversary sees.
	recent [64]atomic.Pointer[string]
	said   atomic.Int64
}

const accountPassword = "the-account's-password"

func newWorld(t *testing.T, background bool, routes ...config.Route) *world {
	t.Helper()
	server := postgres.Start(t)
	w := &world{
		witness: new(witness), slots: make(chan struct{}, workers), jobs: make(chan string, 1024), sessions: make(map[string]string),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}},
	}
	t.Cleanup(w.client.CloseIdleConnections)
	backend := httptest.NewServer(w.app())
	t.Cleanup(backend.Close)
	gate := runGate(t, backend.URL, routes, w)
	var rows sqlgate.Rows
	w.witness.inner, rows = gate.BetweenPostgreSQL()
	sql, err := pgwire.New(pgwire.Options{
		Name: "shop", Judge: w.witness, Rows: rows, Logger: slog.New(slog.DiscardHandler),
		Clients: []pgwire.Client{{User: "app", Password: accountPassword, Background: background, Upstream: pgwire.Upstream{Network: "tcp", Address: server.Addr(), User: postgres.User}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, sql)
	o, err := pgxpool.ParseConfig("postgres://app:" + accountPassword + "@" + address + "/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	o.MaxConns, o.ConnConfig.DefaultQueryExecMode = pool, pgx.QueryExecModeSimpleProtocol
	if w.pool, err = pgxpool.NewWithConfig(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	w.fill(t, server.DSN("postgres"))
	return w
}

func serve(t *testing.T, sql *pgwire.Gate) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- sql.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := sql.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-done
	})
	return ln.Addr().String()
}

func runGate(t *testing.T, upstream string, routes []config.Route, w *world) *gateway.Gate {
	t.Helper()
	c := config.Default()
	c.Upstream, c.Network.Listen, c.Store.Durable, c.Routes = upstream, []string{"127.0.0.1:0"}, "memory", routes
	c.Network.Plaintext.Reason, c.Transport.Certificates.Local = "a test", false
	c.Network.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	// Whose a statement is is asked, not what becomes of it.
	gate, err := gateway.New(gateway.Options{Config: c, Observe: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() { done <- gate.Run(ctx, func(a []string) { ready <- a[0] }) }()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case w.url = <-ready:
	case err := <-done:
		t.Fatalf("the gate did not start: %v", err)
	}
	return gate
}

// fill makes the tables, with a session and a user for each client.
func (w *world) fill(t *testing.T, dsn string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), "CREATE TABLE sessions (sid text PRIMARY KEY, uid text); CREATE TABLE orders (id text PRIMARY KEY, owner text); CREATE TABLE mails (mail text)"); err != nil {
		t.Fatal(err)
	}
	b := new(pgx.Batch)
	random := rand.New(rand.NewPCG(1, 2))
	for range clients {
		sid, uid := hexOf(random), uuidOf(random)
		w.sessions[sid] = uid
		w.users = append(w.users, uid)
		b.Queue("INSERT INTO sessions VALUES ($1, $2)", sid, uid)
		for range 4 {
			b.Queue("INSERT INTO orders VALUES ($1, $2)", uuidOf(random), uid)
		}
	}
	if err := c.SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
}

func hexOf(r *rand.Rand) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }

func uuidOf(r *rand.Rand) string {
	h := hexOf(r)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// say lets the adversary see a value.
func (w *world) say(v string) { w.recent[w.said.Add(1)%int64(len(w.recent))].Store(&v) }

// heard is one that the adversary has seen.
func (w *world) heard(r *rand.Rand) string {
	if v := w.recent[r.IntN(len(w.recent))].Load(); v != nil {
		return *v
	}
	return w.users[r.IntN(len(w.users))]
}
