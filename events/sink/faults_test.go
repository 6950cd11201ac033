package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

var errDisk = fmt.Errorf("%w: no room on the disk", store.ErrFull)

// faulty is a store whose writing fails while it is told to.
type faulty struct {
	store.Store
	mu  sync.Mutex
	err error
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *faulty) Batch(ctx context.Context, ops ...store.Op) error {
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return f.Store.Batch(ctx, ops...)
}

// names of events, in order.
func names(list []gatehouse.Event) string {
	var all []string
	for _, e := range list {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

func TestRecord_StoreFull_FailsTellsAndRecovers(t *testing.T) {
	s, path := &faulty{Store: memoryStore(t)}, filepath.Join(t.TempDir(), "events.jsonl")
	l := open(t, Options{Store: s, File: path})
	put(t, l, refusal("192.0.2.1", "one", "x"))
	s.fail(errDisk)
	for i := range 3 {
		if err := l.Record(t.Context(), refusal("192.0.2.1", fmt.Sprint(i), "x")); !errors.Is(err, store.ErrFull) {
			t.Fatalf("Record with a full store: %v", err)
		}
	}
	s.fail(nil)
	put(t, l, refusal("192.0.2.1", "two", "x"))
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The file worked all along.
	if got := names(fileLines(t, path)); got != "malicious_csrf malicious_csrf sys_monitor_disabled malicious_csrf malicious_csrf malicious_csrf sys_monitor_enabled" {
		t.Errorf("the file has %s", got)
	}
	inStore := search(t, s, Filter{})
	if got := names(inStore); got != "malicious_csrf malicious_csrf sys_monitor_enabled" {
		t.Errorf("the store has %s", got)
	}
	// Three refusals and the event that told of it.
	if got := inStore[len(inStore)-1].Detail["lost"]; got != "4" {
		t.Errorf("lost %s; want 4", got)
	}
}

func TestRecord_EventThatNoStoreTakes_DoesNotTakeOthersWithIt(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			e := refusal(fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("r%d", i), "x")
			if i == 7 {
				e.Request = "nul\x00"
			}
			if err := l.Record(t.Context(), e); err != nil && !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Record: %v", err)
			}
		})
	}
	wg.Wait()
	if got := len(search(t, s, Filter{Name: "malicious_csrf"})); got != 19 {
		t.Errorf("%d events; want 19", got)
	}
}

func TestRecord_StoreFull_DropOldest_KeepsTheNewest(t *testing.T) {
	small, err := memory.New(memory.Options{MaxRecords: 2000})
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{Store: small, FloodLimit: 1 << 30, DropOldest: true})
	for i := range 5000 {
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i), "x"))
	}
	list := search(t, small, Filter{})
	if n := len(list); n < 900 || list[n-1].Request != "4999" || list[0].Request != fmt.Sprint(5000-n) {
		t.Errorf("%d events, from %s to %s", n, list[0].Request, list[n-1].Request)
	}
}

func TestLog_WithoutAStore_RemembersNoCounts(t *testing.T) {
	l := open(t, Options{})
	for i := range 100 {
		put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i), "r", "x"))
	}
	if n := len(l.tally.pending); n != 0 {
		t.Errorf("%d counts are held for a store that isn't there", n)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRecord_ContextEnds_EndsTheWait(t *testing.T) {
	slow := &stalled{Store: memoryStore(t), release: make(chan struct{}), stalled: make(chan struct{}, 100)}
	l := open(t, Options{Store: slow})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Record(ctx, refusal("192.0.2.1", "r", "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Record: %v", err)
	}
	if err := l.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Flush: %v", err)
	}
	close(slow.release)
	put(t, l, refusal("192.0.2.2", "r2", "x"))
	if got := len(search(t, slow, Filter{})); got != 2 {
		t.Errorf("%d events; want both", got)
	}
}

// stalled is a store that does not return until it is released.
type stalled struct {
	store.Store
	release, stalled chan struct{}
}

func (s *stalled) Batch(ctx context.Context, ops ...store.Op) error {
	if ops[0].Kind == eventKind {
		s.stalled <- struct{}{}
		<-s.release
	}
	return s.Store.Batch(ctx, ops...)
}

func TestRecord_ManyAtOnce_ShareTransactions(t *testing.T) {
	slow := &stalled{Store: memoryStore(t), release: make(chan struct{}), stalled: make(chan struct{}, 1000)}
	l := open(t, Options{Store: slow})
	var wg sync.WaitGroup
	record := func(i int) {
		wg.Go(func() {
			if err := l.Record(t.Context(), refusal(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "r", "x")); err != nil {
				t.Errorf("Record: %v", err)
			}
		})
	}
	record(0)
	<-slow.stalled // the first transaction runs; the others gather behind it
	for i := range 200 {
		record(i + 1)
	}
	for len(l.queue) < 200 {
		time.Sleep(time.Millisecond)
	}
	close(slow.release)
	wg.Wait()
	if n := len(slow.stalled); n != 1 {
		t.Errorf("200 events took %d more transactions; want 1", n)
	}
}

func TestFile_Rotates_KeepsWhatItMay(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.jsonl")
	const total = 60
	for round := range 3 { // rotation goes on across restarts
		l := open(t, Options{File: path, MaxSize: 2000, Files: 3})
		for i := range total / 3 {
			put(t, l, refusal(fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("r%02d", round*total/3+i), "x"))
		}
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 4 {
		t.Fatalf("files %q, %v", files, err)
	}
	var requests []string
	for _, name := range []string{path + ".3", path + ".2", path + ".1", path} {
		info, err := os.Stat(name)
		if err != nil || info.Size() > 2000 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		for _, e := range fileLines(t, name) {
			requests = append(requests, e.Request)
		}
	}
	for i, r := range requests {
		if want := fmt.Sprintf("r%02d", total-len(requests)+i); r != want {
			t.Fatalf("request %d is %s; want %s: the newest, in order, without a gap", i, r, want)
		}
	}
}

func TestFile_DeletedOrRenamedUnderneath_IsBegunAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "events.jsonl")
	l := open(t, Options{File: path})
	put(t, l, refusal("192.0.2.1", "one", "x"))
	for i, remove := range []func() error{
		func() error { return os.Remove(path) }, func() error { return os.Rename(path, path+".moved") }, func() error { return os.RemoveAll(dir) },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		put(t, l, refusal("192.0.2.1", fmt.Sprint(i), "x"))
		if got := fileLines(t, path); len(got) != 1 || got[0].Request != fmt.Sprint(i) {
			t.Errorf("case %d: %+v", i, got)
		}
	}
}

func TestFile_TornLastLine_IsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte(`{"id":"a"}`+"\n"+`{"id":"b`), 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: path})
	put(t, l, refusal("192.0.2.1", "one", "x"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(got) != 3 || !strings.Contains(got[2], `"request":"one"`) {
		t.Errorf("lines %q", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestNew_BadOption_NamesIt(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{File: dir}, "File"}, {Options{File: "/dev/null/x"}, "File"}, {Options{File: "/dev/null"}, "not a regular file"},
		{Options{MaxSize: -1}, "MaxSize"}, {Options{FloodLimit: -1}, "FloodLimit"},
		{Options{Syslog: "log.example.com"}, "Syslog"}, {Options{Syslog: "http://h"}, "udp://"}, {Options{Syslog: "udp://"}, "Syslog"},
		{Options{Syslog: "unix://dev/log"}, "unix:///dev/log"}, {Options{Syslog: "tcp://h:1/x"}, "Syslog"},
	} {
		l, err := New(c.o)
		if err == nil {
			l.Close(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): %v; want %q", c.o, err, c.want)
		}
	}
}

func TestSearch_DamagedRecord_IsLeftOutAndCounted(t *testing.T) {
	s := memoryStore(t)
	l := open(t, Options{Store: s})
	put(t, l, refusal("192.0.2.1", "one", "x"))
	damaged := store.Record{Kind: eventKind, Key: l.ids.next(), Value: []byte(`{"id":"x","ti`), Index1: "bad", Index2: "malicious_csrf"}
	empty := store.Record{Kind: eventKind, Key: l.ids.next(), Value: []byte(`{}`)}
	for _, r := range []store.Record{damaged, empty} {
		if err := store.Put(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
	}
	put(t, l, refusal("192.0.2.1", "two", "x"))
	var got []string
	var last error
	for e, err := range Search(t.Context(), s, Filter{}) {
		if last = err; err == nil {
			got = append(got, e.Request)
		}
	}
	var d *Damaged
	if !errors.As(last, &d) || d.Records != 2 || strings.Join(got, " ") != "one two" {
		t.Errorf("events %q, error %v", got, last)
	}
	for _, id := range []string{"bad", damaged.Key} {
		if found, err := Find(t.Context(), s, id); !errors.As(err, &d) || len(found) != 0 {
			t.Errorf("Find(%q) = %v, %v", id, found, err)
		}
	}
}

func TestStdout_ThatNobodyReads_HoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := blocked{release: make(chan struct{})}
		s := memoryStore(t)
		l := open(t, Options{Store: s, Stdout: out})
		const total = streamBuffer + 300
		for i := range total {
			put(t, l, refusal(fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "r", "x"))
		}
		close(out.release)
		synctest.Wait()
		put(t, l, refusal("192.0.2.1", "after", "x"))
		err := l.Close(t.Context())
		if err != nil {
			t.Errorf("Close: %v", err)
		}
		var enabled gatehouse.Event
		for _, e := range search(t, s, Filter{Name: "sys_monitor_enabled"}) {
			enabled = e
		}
		// One was being written, one says that standard output is slow.
		if want := fmt.Sprint(300 - 1 + 1); enabled.Detail["lost"] != want {
			t.Errorf("lost %q; want %s", enabled.Detail["lost"], want)
		}
	})
}

type blocked struct{ release chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.release
	return len(p), nil
}
