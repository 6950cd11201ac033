package wire

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
)

// marker is in every statement, or bound value, that the judge refuses.
const marker = "gate:refuse"

// request is the identifier that a refused statement's client is told.
const request = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

// A judge is the real guard with no request in flight, which refuses besides
// what has the marker in it. It keeps the account of what it was asked.
type judge struct {
	guard                  *guard.Protection
	asked, bound, refused  atomic.Int64
	passed, ended, dropped atomic.Int64 // dropped are those that ended in a failure
	// before says what is to be run before a statement; nil: nothing.
	before func(sqlgate.Statement) []sqlgate.Own
	mu     sync.Mutex
	denied []gatehouse.Decision // what the gate itself refused
	own    []sqlgate.Outcome    // of what was refused by a statement before it
}

func newJudge() (*judge, error) {
	j := new(judge)
	g, err := taint.New(taint.Options{Key: [32]byte{1}})
	if err != nil {
		return nil, err
	}
	j.guard, err = guard.New(guard.Options{Guard: g, Recorder: j})
	return j, err
}

// Record drops the guard's events: there is no input, so none is about one.
func (j *judge) Record(context.Context, gatehouse.Event) error { return nil }

func (j *judge) Judge(ctx context.Context, a sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	j.asked.Add(1)
	if st.Bound {
		j.bound.Add(1)
	}
	if marked(st) {
		j.refused.Add(1)
		return sqlgate.Ruling{Request: request}
	}
	judgement := j.guard.Check(exchange.Attribution{}, taint.Statement{
		Account: a.Name(), SQL: st.SQL, Params: st.Values,
		Lexer: taint.Lexer{Dialect: taint.PostgreSQL, Backslash: st.Backslash},
	}, guard.Modes{Unknown: gatehouse.Observe, Password: gatehouse.Observe})
	if judgement.Decision.Verdict != gatehouse.Pass {
		j.refused.Add(1)
		return sqlgate.Ruling{Request: request}
	}
	if err := j.guard.Passed(ctx, events.About{}, "", judgement); err != nil {
		return sqlgate.Ruling{Request: request}
	}
	j.passed.Add(1)
	r := sqlgate.Ruling{Verdict: gatehouse.Pass, Request: request, Again: strings.Contains(st.SQL, "query_to_xml("), Tag: j}
	if j.before != nil {
		r.Before = j.before(st)
	}
	return r
}

func marked(st sqlgate.Statement) bool {
	if strings.Contains(st.SQL, marker) {
		return true
	}
	for _, v := range st.Values {
		if strings.Contains(v, marker) {
			return true
		}
	}
	return false
}

func (j *judge) Attribute(sqlgate.Account, sqlgate.Statement) exchange.Attribution {
	return exchange.Attribution{}
}

func (j *judge) Ended(_ context.Context, _ sqlgate.Account, r sqlgate.Ruling, o sqlgate.Outcome) {
	j.ended.Add(1)
	if o.Failed {
		j.dropped.Add(1)
	}
	if o.Denied {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.own = append(j.own, o)
	}
}

func (j *judge) Refused(_ context.Context, _ sqlgate.Account, _ netip.Addr, d gatehouse.Decision) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.denied = append(j.denied, d)
	return true
}

// beforehand are the outcomes of what was refused by a statement before it.
func (j *judge) beforehand() []sqlgate.Outcome {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.own)
}

// rules are those of the gate's own refusals so far.
func (j *judge) rules() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var rules []string
	for _, d := range j.denied {
		rules = append(rules, d.Rule)
	}
	return rules
}

// A target is where a client connects to: the bare server or a gate before it.
type target struct {
	gated      bool
	host, port string
	user       string
	password   string
	database   string
	judge      *judge       // nil at the bare server
	gate       *pgwire.Gate // likewise, and where the gate is another process
	server     *database
}

func (t target) String() string {
	if t.gated {
		return "gated"
	}
	return "bare"
}

func (t target) address() string { return net.JoinHostPort(t.host, t.port) }

// as is the same place for another role.
func (t target) as(role string) target {
	t.user, t.password = role, upstreamPassword(role)
	if t.gated {
		t.password = gatePassword(role)
	}
	return t
}

// on is the same place and another database.
func (t target) on(database string) target {
	t.database = database
	return t
}

func (t target) dsn(options ...string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(t.user, t.password), Host: t.address(), Path: "/" + t.database}
	u.RawQuery = strings.Join(append([]string{"sslmode=disable"}, options...), "&")
	return u.String()
}

// env is for programs on libpq.
func (t target) env() []string {
	return []string{
		"PGHOST=" + t.host, "PGPORT=" + t.port, "PGUSER=" + t.user, "PGPASSWORD=" + t.password, "PGDATABASE=" + t.database,
		"PGSSLMODE=disable", "PGGSSENCMODE=disable", "PGCONNECT_TIMEOUT=20", "PGTZ=UTC", "LC_ALL=C", "PGPASSFILE=/dev/null",
	}
}

// bare is the server itself, past every gate.
func (d *database) bare(name string) target {
	host, port, _ := net.SplitHostPort(d.Addr())
	return target{host: host, port: port, database: name, server: d}.as(owner)
}

// clients are the accounts of a gate before the database: one a role.
func (d *database) clients() []pgwire.Client {
	var clients []pgwire.Client
	for _, role := range roles {
		c := pgwire.Client{User: role, Password: secret.Text(gatePassword(role)), Upstream: pgwire.Upstream{
			Network: "tcp", Address: d.Addr(), User: role, Password: secret.Text(upstreamPassword(role)),
		}}
		if role == md5Role || role == clearRole {
			c.Upstream.Weak = "the test has a server that asks so"
		}
		clients = append(clients, c)
	}
	return clients
}

// gated starts a gate before the server, which ends with the test.
func (d *database) gated(t testing.TB, name string, options ...func(*pgwire.Options)) target {
	t.Helper()
	j, err := newJudge()
	if err != nil {
		t.Fatal(err)
	}
	o := pgwire.Options{Name: "wire", Clients: d.clients(), Judge: j}
	for _, set := range options {
		set(&o)
	}
	g, address, stop, err := serve(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	host, port, _ := net.SplitHostPort(address)
	return target{gated: true, host: host, port: port, database: name, judge: j, gate: g, server: d}.as(owner)
}

// serve has a gate serve on loopback; stop ends it.
func serve(o pgwire.Options) (g *pgwire.Gate, address string, stop func() error, err error) {
	if g, err = pgwire.New(o); err != nil {
		return nil, "", nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ln) }()
	return g, ln.Addr().String(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		late := g.Shutdown(ctx)
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("the gate's Serve: %w", err)
			}
		case <-time.After(10 * time.Second):
			return fmt.Errorf("the gate did not end: Shutdown said %v", late)
		}
		return late
	}, nil
}

// twice runs a client's job at the bare server and through the gate, each on a
// fresh database of the same name, and compares what it returned of both. It does so
// beside other tests: the database is this one's own.
func twice(t *testing.T, job func(t *testing.T, to target) string) {
	t.Helper()
	d, name := server(t), ownName(t)
	t.Parallel()
	var said [2]string
	for i, through := range []bool{false, true} {
		d.fresh(t, name)
		to := d.bare(name)
		if through {
			to = d.gated(t, name)
		}
		t.Run(to.String(), func(t *testing.T) { said[i] = job(t, to) })
		if t.Failed() {
			return
		}
		if through {
			wantUnobstructed(t, to)
		}
	}
	if said[0] != said[1] {
		t.Errorf("the gate is seen by the client:\n%s", firstDifference(said[0], said[1]))
	}
	if strings.TrimSpace(said[0]) == "" {
		t.Error("the client said nothing, so nothing was compared")
	}
}

// wantUnobstructed fails the test if the gate or the guard refused something,
// or nothing was judged.
func wantUnobstructed(t *testing.T, to target) {
	t.Helper()
	if n := to.judge.refused.Load(); n != 0 {
		t.Errorf("the guard refused %d statements of ordinary use", n)
	}
	if rules := to.judge.rules(); len(rules) != 0 {
		t.Errorf("the gate refused of ordinary use: %v", rules)
	}
	if to.judge.asked.Load() == 0 {
		t.Error("nothing was judged: the client did not come through the gate")
	}
}

// firstDifference shows two texts from shortly before they differ.
func firstDifference(bare, gated string) string {
	a, b := strings.Split(bare, "\n"), strings.Split(gated, "\n")
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-3)
	show := func(lines []string) string {
		return strings.Join(lines[min(from, len(lines)):min(i+6, len(lines))], "\n")
	}
	return fmt.Sprintf("from line %d of %d and %d\n--- bare\n%s\n--- gated\n%s", from+1, len(a), len(b), show(a), show(b))
}
