package privilege_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

const (
	poolSize   = 3
	poolIssuer = "https://issuer.example"
)

// A pooled is a backend behind the gate, whose SQL gate has PgBouncer between
// itself and the database. The backend writes the traceparent into what it sends,
// but for what nobody is to have asked for.
type pooled struct {
	t      *testing.T
	market *market
	pooler string
	url    string
	db     *sql.DB
	key    *ecdsa.PrivateKey
	// wrote counts each person's writes that were committed.
	wrote [poolPeople]atomic.Int64
}

// poolPeople are customers 7, 8, …: each has one order, whose note says so.
const poolPeople = 6

func noteOf(n int) string { return fmt.Sprintf("note of customer %d.", 7+n) }

func openPooled(t *testing.T, s *postgres.Server, p postgres.Pooler, mode string) *pooled {
	m := openMarket(t, s, func(r *privilege.RLS) { r.Owners = owners(t, "orders.user_id") })
	m.do("truncate orders cascade; delete from users")
	for n := range poolPeople {
		m.do(fmt.Sprintf("insert into users values (%d, 'x'); insert into orders (user_id, total, note) values (%[1]d, 0, '%s')", 7+n, noteOf(n)))
	}
	b := &pooled{t: t, market: m, pooler: s.StartPooler(t, p)}
	backend := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(backend.Close)
	at := "127.0.0.1:" + testkit.FreePort(t)
	b.url = b.startGate(backend.URL, at)
	u := url.URL{Scheme: "postgres", User: url.UserPassword("app", accountPassword), Host: at, Path: "/market", RawQuery: "sslmode=disable&default_query_exec_mode=" + mode}
	b.db = openDB(t, u.String())
	if p.Mode == "transaction" {
		b.db.SetMaxOpenConns(2 * poolSize)
		b.db.SetMaxIdleConns(2 * poolSize)
	} else { // a session goes to another client only once its client has gone
		b.db.SetMaxOpenConns(poolSize)
		b.db.SetMaxIdleConns(-1)
	}
	return b
}

func (b *pooled) startGate(upstream, at string) string {
	folder := b.t.TempDir()
	for name, content := range map[string]string{"key": b.market.key(), "password": accountPassword, "jwks": b.keys()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`upstream: %s
network: {listen: ["127.0.0.1:0"], plaintext: {reason: a test}}
store: {durable: memory}
modes:
%sidentity: {jwt: [{issuer: %q, file: %q, audience: [shop]}]}
data:
  sql:
    - {name: shop, engine: postgres, listen: %q, upstream: "postgres://%s/market", upstream_user: market_app, clients: [{user: app, password: "${file:%s}", rls: {key: "${file:%s}"}}]}
`, upstream, rungsOff(b.t), poolIssuer, filepath.Join(folder, "jwks"), at, b.pooler, filepath.Join(folder, "password"), filepath.Join(folder, "key"))
	c, err := config.Parse("", []byte(text), config.Options{Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
	if err != nil {
		b.t.Fatal(err)
	}
	p := &protectedShop{t: b.t}
	p.runGate(c)
	return p.url
}

func (b *pooled) keys() string {
	var err error
	if b.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		b.t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: b.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(set)
}

func (b *pooled) token(n int) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: b.key, KeyID: "1"}}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	now := time.Now().Unix()
	signed, err := signer.Sign(fmt.Appendf(nil, `{"iss":%q,"aud":"shop","sub":"%d","iat":%d,"exp":%d}`, poolIssuer, 7+n, now, now+3600))
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// serve answers with every note that the database shows it. What it does on the
// way is the path's.
func (b *pooled) serve(w http.ResponseWriter, r *http.Request) {
	told := " /*traceparent='" + r.Header.Get("Traceparent") + "'*/"
	var out string
	c, err := b.db.Conn(r.Context())
	if err == nil {
		defer c.Close()
		out, err = visit(r.Context(), c, r.URL.Path, told)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(w, out)
}

func visit(ctx context.Context, c *sql.Conn, path, told string) (out string, err error) {
	switch path {
	case "/read":
		return notes(ctx, c, told)
	case "/nobodys": // a job of the application's, of which the gate knows nobody
		return notes(ctx, c, "")
	case "/leaves": // what one principal was, for as long as the session lives
		if _, err := c.ExecContext(ctx, "select set_config('gatehouse.principal', current_setting('gatehouse.principal'), false), count(*) from orders"+told); err != nil {
			return "", err
		}
		return notes(ctx, c, told)
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer tx.Rollback() // an error after Commit
	if out, err = notes(ctx, tx, told); err != nil {
		return out, err
	}
	done, err := tx.ExecContext(ctx, "update orders set total = total + 1"+told) // of all that it is let see
	if err != nil {
		return out, err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return out, fmt.Errorf("%d rows are changed (%w)", n, err)
	}
	switch path {
	case "/write":
		return out, tx.Commit()
	case "/fails":
		if _, err := tx.ExecContext(ctx, "select 1 / (count(*) - count(*)) from orders"+told); err == nil {
			return out, errors.New("no error")
		}
	}
	return out, tx.Rollback()
}

func notes(ctx context.Context, c interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, told string) (string, error) {
	rows, err := c.QueryContext(ctx, "select note from orders order by id"+told)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all string
	for rows.Next() {
		var note string
		if err := rows.Scan(&note); err != nil {
			return "", err
		}
		all += note
	}
	return all, rows.Err()
}

// asks has a person ask for each path in turn.
func (b *pooled) asks(n, times int) {
	h := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	token := b.token(n)
	paths := []string{"/read", "/write", "/undo", "/nobodys", "/fails", "/leaves", "/read"}
	for i := range times {
		path := paths[(i+n)%len(paths)]
		r, err := http.NewRequest("GET", b.url+path, nil)
		if err != nil {
			b.t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := h.Do(r)
		if err != nil {
			b.t.Error(err)
			return
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		want := noteOf(n)
		if path == "/nobodys" {
			want = ""
		}
		if err != nil || res.StatusCode != http.StatusOK || string(body) != want {
			b.t.Errorf("%s of customer %d: %d %q, want %q (%v)", path, 7+n, res.StatusCode, body, want, err)
		}
		if path == "/write" {
			b.wrote[n].Add(1)
		}
	}
}

// TestRLS_BehindPgBouncer_PrincipalsStayApart: more people than sessions of the
// database, in transactions that are committed, undone and failed, who leave
// behind what they can. Each sees and changes their own, and nobody nothing.
func TestRLS_BehindPgBouncer_PrincipalsStayApart(t *testing.T) {
	s := postgres.Start(t)
	times := 14
	if longRun() {
		times = 700
	}
	for name, p := range map[string]postgres.Pooler{
		"Transaction": {Mode: "transaction"}, "Session": {Mode: "session"}, "SessionThatIsNotReset": {Mode: "session", Keep: true},
	} {
		for _, mode := range []string{"exec", "simple_protocol"} { // PgBouncer 1.18 tracks no prepared statements
			p.Size, p.Role = poolSize, "market_app"
			t.Run(name+"/"+mode, func(t *testing.T) {
				b := openPooled(t, s, p, mode)
				var all sync.WaitGroup
				for n := range poolPeople {
					all.Go(func() { b.asks(n, times) })
				}
				all.Wait()
				for n := range poolPeople {
					if got := b.market.read(fmt.Sprintf("select total::text from orders where user_id = %d", 7+n)); got != fmt.Sprint(b.wrote[n].Load()) {
						t.Errorf("customer %d wrote %d times, and %s is in the table", 7+n, b.wrote[n].Load(), got)
					}
				}
				b.left(p)
			})
		}
	}
}

// left has somebody with the application's role, past the gate, look into each
// session as the pool left it.
func (b *pooled) left(p postgres.Pooler) {
	b.t.Helper()
	if err := b.db.Close(); err != nil {
		b.t.Fatal(err)
	}
	seen := 0
	for range 4 * poolSize {
		db := openDB(b.t, fmt.Sprintf("postgres://market_app@%s/market?sslmode=disable&default_query_exec_mode=simple_protocol", b.pooler))
		var value, shown string
		const look = "select coalesce(current_setting('gatehouse.principal', true), ''), (select coalesce(string_agg(note, ''), '') from orders)"
		if err := db.QueryRowContext(b.t.Context(), look).Scan(&value, &shown); err != nil || shown != "" {
			b.t.Errorf("a session shows %q (%v)", shown, err)
		}
		if value != "" {
			seen++
		}
		if err := db.Close(); err != nil {
			b.t.Error(err)
		}
	}
	if resets := p.Mode == "session" && !p.Keep; resets != (seen == 0) {
		b.t.Errorf("%d sessions of %d have a principal's value left", seen, 4*poolSize)
	}
}

func longRun() bool { return os.Getenv("GATEHOUSE_LONG") == "1" }
