package redis_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit/redis"
	"github.com/gatehousehq/gatehouse/limit"
	"github.com/gatehousehq/gatehouse/limit/limittest"
	store "github.com/gatehousehq/gatehouse/store/redis"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(takeVariable); url != "" {
		os.Exit(takeOnce(url))
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, o store.Options) *store.Limiter {
	t.Helper()
	l, err := store.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// admin is a client to look at the server with.
func admin(t *testing.T, s *redis.Server) *client.Client {
	t.Helper()
	c := client.NewClient(&client.Options{Addr: s.Addr()})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// allowed takes one unit of a key.
func allowed(t *testing.T, l limit.Limiter, key string, r limit.Rate) bool {
	t.Helper()
	takes := []limit.Take{{Key: key, Rate: r}}
	if err := l.Take(t.Context(), takes); err != nil {
		t.Error(err)
	}
	return limit.Allowed(takes)
}

func TestNew_BadOptions_AreRefusedWithoutThePassword(t *testing.T) {
	for _, o := range []store.Options{
		{}, {URL: "localhost:6379"}, {URL: "http://localhost"},
		{URL: "redis://ann:hunter2@localhost:port"}, {URL: "redis://ann:hunter2@localhost/database"}, {URL: "redis://ann:hunter2%zz@localhost"},
		{URL: "rediss://ann:hunter2@localhost?skip_verify=true"}, {URL: "rediss://localhost?skip_verify=1", TLS: &tls.Config{}},
		{URL: "redis://localhost", TLS: &tls.Config{}}, {URL: "redis://localhost", Timeout: -1}, {URL: "redis://localhost", Timeout: time.Hour},
	} {
		l, err := store.New(o)
		if err == nil {
			_ = l.Close() // the test has failed already
			t.Errorf("%q was taken", o.URL)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %q", err)
		}
	}
}

func TestLimiter_Conforms(t *testing.T) {
	s := redis.Start(t)
	limittest.Run(t, func(t *testing.T, now func() time.Time) limit.Limiter {
		if err := admin(t, s).FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return open(t, store.Options{URL: s.URL(), Now: now})
	})
}

func TestLimiter_TwoReplicas_ShareOneLimit(t *testing.T) {
	s := redis.Start(t)
	replicas := []*store.Limiter{open(t, store.Options{URL: s.URL()}), open(t, store.Options{URL: s.URL()})}
	rate := limit.Rate{Count: 100, Per: 24 * time.Hour}
	var passed atomic.Int64
	var callers sync.WaitGroup
	for n := range 8 {
		callers.Go(func() {
			for range 100 {
				if allowed(t, replicas[n%2], "shared", rate) {
					passed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if passed.Load() != 100 {
		t.Errorf("%d of 800 passed by two replicas, want 100", passed.Load())
	}
}

// The server's clock is what counts: keys run out by it, and are gone then.
func TestLimiter_Keys_GoWhenTheyHaveRunOut(t *testing.T) {
	s := redis.Start(t)
	l, look := open(t, store.Options{URL: s.URL()}), admin(t, s)
	rate := limit.Rate{Count: 10, Per: time.Second}
	for i := range 20 {
		allowed(t, l, fmt.Sprint(i), rate)
	}
	for _, key := range look.Keys(t.Context(), "*").Val() {
		left := look.PTTL(t.Context(), key).Val()
		if left == -2 { // it has just run out
			continue
		}
		if left < 0 || left > 100*time.Millisecond {
			t.Errorf("a key with one unit of 10/s stays for %v, want up to 100ms", left)
		}
	}
	if !allowed(t, l, "0", limit.Rate{Count: 1, Per: time.Hour}) && look.DBSize(t.Context()).Val() > 20 {
		t.Error("more keys than were taken")
	}
	for end := time.Now().Add(10 * time.Second); look.DBSize(t.Context()).Val() > 1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d keys are left", look.DBSize(t.Context()).Val())
		}
	}
	look.FlushAll(t.Context())
	allowed(t, l, "long", limit.Rate{Count: 1, Per: 366 * 24 * time.Hour})
	for _, key := range look.Keys(t.Context(), "*").Val() {
		if left := look.PTTL(t.Context(), key).Val(); left < 365*24*time.Hour || left > 366*24*time.Hour {
			t.Errorf("a key of 1/366d stays for %v", left)
		}
	}
	for allowed(t, l, "again", rate) {
	}
	time.Sleep(120 * time.Millisecond)
	if !allowed(t, l, "again", rate) {
		t.Error("a unit of 10/s is not back after 120ms")
	}
}

func TestLimiter_Keys_TellNobody(t *testing.T) {
	s := redis.Start(t)
	look := admin(t, s)
	rate := limit.Rate{Count: 10, Per: time.Hour}
	for _, secret := range []string{"", "one", "other"} {
		allowed(t, open(t, store.Options{URL: s.URL(), Secret: []byte(secret)}), "ann@example.com", rate)
	}
	keys := look.Keys(t.Context(), "*").Val()
	if len(keys) != 3 {
		t.Errorf("three secrets made %d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		if value := look.Get(t.Context(), key).Val(); strings.Contains(key+value, "ann") || len(key) > 64 {
			t.Errorf("%s: %s", key, value)
		}
	}
}

// What a request costs: one command in one round trip, however many keys.
func TestLimiter_Take_IsOneCommand(t *testing.T) {
	s := redis.Start(t)
	l := open(t, store.Options{URL: s.URL()})
	rate := limit.Rate{Count: 10, Per: time.Hour}
	takes := []limit.Take{{Key: "a", Rate: rate}, {Key: "b", Rate: rate}, {Key: "c", Rate: rate}}
	if err := l.Take(t.Context(), takes); err != nil { // the connection, and the script's text
		t.Fatal(err)
	}
	seen := monitor(t, s)
	if err := l.Take(t.Context(), takes); err != nil || !limit.Allowed(takes) {
		t.Fatalf("%v, %+v", err, takes)
	}
	admin(t, s).Echo(t.Context(), "the end")
	var commands []string
	for line := range seen {
		if strings.Contains(line, "the end") {
			break
		}
		if !strings.Contains(line, " lua] ") && !strings.Contains(line, `"hello"`) {
			commands = append(commands, line)
		}
	}
	if len(commands) != 1 || !strings.Contains(strings.ToLower(commands[0]), `"evalsha"`) {
		t.Errorf("a call of three takes is %q", commands)
	}
}

// monitor gives what the server is told from now on.
func monitor(t *testing.T, s *redis.Server) <-chan string {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	lines, ended := make(chan string, 1000), make(chan struct{})
	said := bufio.NewReader(c)
	if _, err := c.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := said.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		defer close(lines)
		for {
			line, err := said.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	t.Cleanup(func() {
		_ = c.Close() // which ends the reading
		<-ended
	})
	return lines
}

func TestLimiter_ServerThatForgot_IsTaughtAgain(t *testing.T) {
	s := redis.Start(t)
	l := open(t, store.Options{URL: s.URL()})
	rate := limit.Rate{Count: 10, Per: time.Hour}
	allowed(t, l, "k", rate)
	if err := admin(t, s).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if !allowed(t, l, "k", rate) {
		t.Error("refused after the server forgot the script")
	}
}

func TestLimiter_StrangeValueAtAKey_IsAnError(t *testing.T) {
	s := redis.Start(t)
	l, look := open(t, store.Options{URL: s.URL()}), admin(t, s)
	rate := limit.Rate{Count: 10, Per: time.Hour}
	allowed(t, l, "k", rate)
	key := look.Keys(t.Context(), "*").Val()[0]
	if err := look.Set(t.Context(), key, "words", 0).Err(); err != nil {
		t.Fatal(err)
	}
	takes := []limit.Take{{Key: "k", Rate: rate}}
	if err := l.Take(t.Context(), takes); err == nil || limit.Allowed(takes) {
		t.Errorf("%v, %+v", err, takes)
	}
}

// The context ends a call whatever the server does: refuses, is silent, or is not
// there at all.
func TestLimiter_ServerThatIsSilent_TakesNoLongerThanTheContext(t *testing.T) {
	s := redis.Start(t)
	const own = 20 * time.Second // far longer than the context's
	fresh, used := open(t, store.Options{URL: s.URL(), Timeout: own}), open(t, store.Options{URL: s.URL(), Timeout: own})
	rate := limit.Rate{Count: 10, Per: time.Hour}
	allowed(t, used, "k", rate)
	for _, c := range []struct {
		name string
		do   func()
	}{{"paused", s.Pause}, {"gone", func() { s.Resume(); s.Kill() }}} {
		c.do()
		for name, l := range map[string]*store.Limiter{"a new connection": fresh, "an old one": used} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			start := time.Now()
			err := l.Take(ctx, []limit.Take{{Key: "k", Rate: rate}})
			cancel()
			if err == nil {
				t.Errorf("%s, %s: no error", c.name, name)
			}
			if waited := time.Since(start); waited > own/2 {
				t.Errorf("%s, %s: waited %v for 100ms", c.name, name, waited)
			}
		}
	}
}

// After as many failures as its pool has connections the client stops dialling in
// calls and dials in the background: it must find the server by that too.
func TestLimiter_ServerAwayForManyCalls_IsFoundAgain(t *testing.T) {
	s := redis.Start(t)
	l := open(t, store.Options{URL: s.URL()})
	s.Kill()
	takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
	for range 200 {
		if err := l.Take(t.Context(), takes); err == nil {
			t.Fatal("a call succeeded without a server")
		}
	}
	s.Restart()
	until(t, "a call succeeds", func() bool { return l.Take(t.Context(), takes) == nil })
}

func BenchmarkLimiter_Take(b *testing.B) {
	s := redis.Start(b)
	l := open(b, store.Options{URL: s.URL()})
	takes := []limit.Take{{Key: "address", Rate: limit.Rate{Count: 10_000, Per: time.Second}}, {Key: "ann", Rate: limit.Rate{Count: 10_000, Per: time.Second}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Take(b.Context(), takes); err != nil {
			b.Fatal(err)
		}
	}
}
