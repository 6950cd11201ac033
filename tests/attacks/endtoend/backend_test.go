package endtoend

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// database makes the corpus's database, with what second-order cases read.
func database(t testing.TB, p *plan) *postgres.Server {
	t.Helper()
	server := postgres.Start(t)
	ctx := t.Context()
	admin := connect(t, server.DSN("postgres"))
	mustExec(t, admin, "CREATE DATABASE shop")
	mustExec(t, admin, "ALTER DATABASE shop SET statement_timeout = '250ms'")
	shop := connect(t, server.DSN("shop"))
	mustExec(t, shop, "SET statement_timeout = 0") // making the tables is nobody's attack
	for _, file := range []string{"../sqli/testdata/shop.sql", "testdata/seed.sql"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, shop, string(text))
	}
	var rows [][]any
	for _, a := range p.attempts {
		for i, body := range a.Rows {
			rows = append(rows, []any{a.number, i, body})
		}
	}
	if _, err := shop.CopyFrom(ctx, pgx.Identifier{"stored"}, []string{"request", "position", "body"}, pgx.CopyFromRows(rows)); err != nil {
		t.Fatalf("storing what second-order cases read: %v", err)
	}
	return server
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatalf("connecting to %s: %v", dsn, err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) }) // the server goes with the test
	return c
}

func mustExec(t testing.TB, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%v: %.200s", err, sql)
	}
}

// A done is a line of the backend's journal.
type done struct {
	Number  int      `json:"number"`
	Sum     string   `json:"sum"`
	State   string   `json:"state"`
	Said    string   `json:"said"`
	Tags    []string `json:"tags"`
	Columns int      `json:"columns"`
	Planted bool     `json:"planted"`
}

// A backend is backend.py, running.
type backend struct {
	plan    *plan
	address string
	journal string
	read    int64
}

// startBackend starts the backend at an address, with a database to ask.
func startBackend(t testing.TB, p *plan, address, dsn string) *backend {
	t.Helper()
	folder := p.write(t)
	b := &backend{plan: p, address: address, journal: filepath.Join(folder, "journal")}
	_, port, _ := strings.Cut(address, ":")
	cmd := exec.Command(python, filepath.Join(folder, "backend.py"), port, dsn, filepath.Join(folder, "recipes"), b.journal)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	testkit.Start(t, cmd)
	testkit.WaitAccepting(t, address, 20*time.Second)
	return b
}

// A result is what came of an attempt.
type result struct {
	status  int
	request string // the identifier that the client was told
	problem bool   // the answer is the gate's own
	done    *done
}

// carried reports whether the backend sent the statement that the case has.
func (r result) carried(a attempt) bool {
	sum := sha256.Sum256([]byte(a.SQL))
	return r.done != nil && r.done.Sum == hex.EncodeToString(sum[:])
}

// refused reports whether the SQL gate kept the statement from the database,
// which leaves its error to the application.
func (r result) refused() bool { return r.done != nil && r.done.State == "42501" }

// from is a client at an address of loopback's.
func from(address string, trusting *http.Transport) *http.Client {
	transport := trusting.Clone()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
	transport.DialContext = dialer.DialContext
	transport.MaxIdleConnsPerHost = 16
	return &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// send sends attempts by as many workers at once, and gives what came of them
// by their numbers. client chooses who sends.
func (b *backend) send(t testing.TB, origin string, attempts []attempt, workers int, client func(attempt) *http.Client) map[int]result {
	t.Helper()
	results := map[int]result{}
	var mu sync.Mutex
	work := make(chan attempt)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for a := range work {
				r, err := exchange(client(a), origin, a)
				if err != nil {
					t.Errorf("sending %s: %v", a.ID, err)
				}
				mu.Lock()
				results[a.number] = r
				mu.Unlock()
			}
		})
	}
	for _, a := range attempts {
		work <- a
	}
	close(work)
	running.Wait()
	for _, d := range b.news(t) {
		r := results[d.Number]
		r.done = &d
		results[d.Number] = r
	}
	return results
}

func exchange(c *http.Client, origin string, a attempt) (result, error) {
	r, err := request(origin, a.number, a.Inputs)
	if err != nil {
		return result{}, err
	}
	res, err := c.Do(r)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or cut by the gate
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return result{status: res.StatusCode, request: res.Header.Get("Gate-Request-Id"), problem: res.Header.Get("Content-Type") == "application/problem+json"}, err
}

// news are the journal's lines since the last time.
func (b *backend) news(t testing.TB) (all []done) {
	t.Helper()
	text, err := os.ReadFile(b.journal)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text[b.read:]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var d done
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatalf("reading the backend's journal: %v in %q", err, lines.Text())
		}
		all = append(all, d)
	}
	b.read = int64(len(text))
	return all
}
