package sink

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
	"github.com/gatehousehq/gatehouse/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet takes what a test's log would say to its operator.
var quiet = slog.DiscardHandler

func open(t *testing.T, o Options) *Log {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(quiet)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Close(ctx)
	})
	return l
}

func memoryStore(t *testing.T) store.Store {
	t.Helper()
	s, err := memory.New(memory.Options{MaxRecords: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func sqliteStore(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "gate.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// refusal is the event of a refused request.
func refusal(client, request, rule string) gatehouse.Event {
	d := gatehouse.Denied(rule, gatehouse.Place{Kind: gatehouse.Query, Name: "q"}, "a test")
	d.Rung, d.Route = "application/csrf", "POST /orders/{id}"
	return events.MaliciousCSRF(events.About{Request: request, Client: client, Method: "POST", Path: "/orders/1"}, d, gatehouse.Refused)
}

func put(t *testing.T, l *Log, e gatehouse.Event) {
	t.Helper()
	if err := l.Record(t.Context(), e); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

func lines(t *testing.T, data []byte) []gatehouse.Event {
	t.Helper()
	var list []gatehouse.Event
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var e gatehouse.Event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			t.Fatalf("line %q: %v", sc.Text(), err)
		}
		list = append(list, e)
	}
	return list
}

func fileLines(t *testing.T, path string) []gatehouse.Event {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return lines(t, data)
}

func search(t *testing.T, s store.Store, f Filter) []gatehouse.Event {
	t.Helper()
	var list []gatehouse.Event
	for e, err := range Search(t.Context(), s, f) {
		if err != nil {
			t.Fatalf("Search: %v", err)
		}
		list = append(list, e)
	}
	return list
}

func TestRecord_ReturnsWhenEveryPlaceHasTheEvent(t *testing.T) {
	s, path := sqliteStore(t), filepath.Join(t.TempDir(), "logs", "events.jsonl")
	var out lockedBuffer
	l := open(t, Options{File: path, Store: s, Stdout: &out})
	put(t, l, refusal("192.0.2.1", "req-1", "cross-site"))
	inFile := fileLines(t, path)
	if len(inFile) != 1 || inFile[0].Request != "req-1" || inFile[0].ID == "" || inFile[0].Time.IsZero() {
		t.Fatalf("file has %+v", inFile)
	}
	for _, id := range []string{"req-1", inFile[0].ID} {
		found, err := Find(t.Context(), s, id)
		if err != nil || len(found) != 1 || found[0].Rule != "cross-site" || !found[0].Time.Equal(inFile[0].Time) {
			t.Errorf("Find(%q) = %+v, %v", id, found, err)
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v; want 0600", info.Mode())
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, out.Bytes()); len(got) != 1 || got[0].ID != inFile[0].ID {
		t.Errorf("standard output has %+v", got)
	}
	if err := l.Record(t.Context(), refusal("", "", "")); err != ErrClosed {
		t.Errorf("Record after Close: %v; want ErrClosed", err)
	}
}

func TestReport_CountsAcrossRestartAndFloods(t *testing.T) {
	s := sqliteStore(t)
	for round := range 2 {
		l := open(t, Options{Store: s, FloodLimit: 5})
		for i := range 100 {
			put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i%10), fmt.Sprintf("r%d-%d", round, i), "cross-site"))
		}
		put(t, l, refusal("192.0.2.200", "other", "no-origin"))
		if round == 0 {
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Report(t.Context(), s, ReportQuery{Since: time.Now().Add(-time.Hour), Rung: "application/csrf", Outcomes: []gatehouse.Outcome{gatehouse.Refused}})
	if err != nil || len(report) != 2 {
		t.Fatalf("Report = %+v, %v", report, err)
	}
	first := report[0]
	if first.Requests != 200 || first.Clients != 10 || !first.ClientsExact || first.Rule != "cross-site" || first.Example != "r0-0" || first.Field != "query:q" {
		t.Errorf("first line %+v", first)
	}
	if report[1].Requests != 2 || report[1].Clients != 1 {
		t.Errorf("second line %+v", report[1])
	}
	if none, err := Report(t.Context(), s, ReportQuery{Rung: "another"}); err != nil || len(none) != 0 {
		t.Errorf("Report of another rung: %+v, %v", none, err)
	}
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
