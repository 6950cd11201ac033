package redis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/internal/testkit/redis"
	"github.com/gatehousehq/gatehouse/limit"
	store "github.com/gatehousehq/gatehouse/store/redis"
)

// takeVariable has TestMain take from a URL and end: the system's authorities are
// read once in a process.
const takeVariable = "GATEHOUSE_TEST_TAKE_FROM"

// takeOnce takes from a URL as the gate would that has it in store.cache, and
// gives the code to exit with.
func takeOnce(url string) int {
	l, err := store.New(store.Options{URL: url})
	if err == nil {
		takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
		err = errors.Join(l.Take(context.Background(), takes), l.Close())
		if err == nil && !limit.Allowed(takes) {
			err = errors.New("refused")
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// sure is an administrator's client, to see what arrived.
func sure(t *testing.T, s *redis.Server, c *tls.Config) *client.Client {
	t.Helper()
	a := client.NewClient(&client.Options{Addr: s.Addr(), TLSConfig: c})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestLimiter_OverTLS_TakesFromTheServerWhoseCertificateIsGood(t *testing.T) {
	a := certs.New(t)
	s := redis.StartTLS(t, redis.TLS{Pair: a.Issue(t, certs.Want{Names: []string{"127.0.0.1"}})})
	trusting := &tls.Config{RootCAs: a.Pool()}
	one, other := open(t, store.Options{URL: s.URL(), TLS: trusting}), open(t, store.Options{URL: s.URL(), TLS: trusting})
	passed := 0
	for i := range 20 {
		if allowed(t, []*store.Limiter{one, other}[i%2], "shared", limit.Rate{Count: 10, Per: time.Hour}) {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d of 20 passed by two replicas, want 10", passed)
	}
	s.Restart()
	takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
	until(t, "it is found again", func() bool { return one.Take(t.Context(), takes) == nil })
}

// What is not who the URL names gets no key and no password, and the call fails.
func TestLimiter_OverTLS_WrongCertificate_IsAnErrorAndTellsNothing(t *testing.T) {
	a, stranger := certs.New(t), certs.New(t)
	trusting := &tls.Config{RootCAs: a.Pool()}
	for name, c := range map[string]struct {
		from  *certs.Authority
		want  certs.Want
		with  *tls.Config
		words string
	}{
		"another authority":   {stranger, certs.Want{Names: []string{"127.0.0.1"}}, trusting, "unknown authority"},
		"signed by itself":    {a, certs.Want{Names: []string{"127.0.0.1"}, SelfSigned: true}, trusting, "unknown authority"},
		"another name":        {a, certs.Want{Names: []string{"127.0.0.2", "localhost"}}, trusting, "127.0.0.1"},
		"over":                {a, certs.Want{Names: []string{"127.0.0.1"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}, trusting, "expired"},
		"not yet":             {a, certs.Want{Names: []string{"127.0.0.1"}, NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}, trusting, "not yet valid"},
		"a client's":          {a, certs.Want{Names: []string{"127.0.0.1"}, Client: true}, trusting, "key usage"},
		"not of the system's": {a, certs.Want{Names: []string{"127.0.0.1"}}, nil, "unknown authority"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			s := redis.StartTLS(t, redis.TLS{Pair: c.from.Issue(t, c.want)})
			l := open(t, store.Options{URL: strings.Replace(s.URL(), "://", "://ann:hunter2@", 1), TLS: c.with})
			takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
			err := l.Take(t.Context(), takes)
			if err == nil || limit.Allowed(takes) || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v, %+v, want an error with %q", err, takes, c.words)
			}
			look := sure(t, s, &tls.Config{InsecureSkipVerify: true}) // it is this test's own
			if n, err := look.DBSize(t.Context()).Result(); n != 0 || err != nil {
				t.Errorf("%d keys arrived (%v)", n, err)
			}
			if said, err := look.Info(t.Context(), "commandstats").Result(); err != nil || strings.Contains(said, "cmdstat_auth") || strings.Contains(said, "cmdstat_hello:calls=2") {
				t.Errorf("it heard %s (%v)", said, err)
			}
		})
	}
}

func TestLimiter_OverTLS_TheSystemsAuthorities_AreTrusted(t *testing.T) {
	a := certs.New(t)
	s := redis.StartTLS(t, redis.TLS{Pair: a.Issue(t, certs.Want{Names: []string{"127.0.0.1"}})})
	file := filepath.Join(t.TempDir(), "authority.crt")
	if err := os.WriteFile(file, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for trusted, want := range map[string]string{file: "", os.DevNull: "unknown authority"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), takeVariable+"="+s.URL(), "SSL_CERT_FILE="+trusted, "SSL_CERT_DIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if (err == nil) != (want == "") || !strings.Contains(string(out), want) {
			t.Errorf("with the authorities of %s: %v: %s", trusted, err, out)
		}
	}
}

// A server may ask for a certificate as well.
func TestLimiter_OverTLS_ServerThatAsksForACertificate_GetsOurs(t *testing.T) {
	a := certs.New(t)
	s := redis.StartTLS(t, redis.TLS{Pair: a.Issue(t, certs.Want{Names: []string{"127.0.0.1"}}), Clients: a})
	own := a.Issue(t, certs.Want{Client: true}).TLS(t)
	good := open(t, store.Options{URL: s.URL(), TLS: &tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{own}}})
	if !allowed(t, good, "k", limit.Rate{Count: 10, Per: time.Hour}) {
		t.Error("refused with a certificate")
	}
	none := open(t, store.Options{URL: s.URL(), TLS: &tls.Config{RootCAs: a.Pool()}})
	takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
	if err := none.Take(t.Context(), takes); err == nil || limit.Allowed(takes) {
		t.Errorf("without one: %v, %+v", err, takes)
	}
}

// Neither side falls back to speaking without TLS, and a handshake that never ends
// takes no longer than the context.
func TestLimiter_TLSOnOneSideAlone_IsAnErrorInTime(t *testing.T) {
	a := certs.New(t)
	secure := redis.StartTLS(t, redis.TLS{Pair: a.Issue(t, certs.Want{Names: []string{"127.0.0.1"}})})
	plain := redis.Start(t)
	const own = 20 * time.Second // far longer than the context's
	trusting := &tls.Config{RootCAs: a.Pool()}
	silent := redis.StartTLS(t, redis.TLS{Pair: a.Issue(t, certs.Want{Names: []string{"127.0.0.1"}})})
	silent.Pause()
	t.Cleanup(silent.Resume)
	for name, o := range map[string]store.Options{
		"TLS to a server without": {URL: "rediss://" + plain.Addr(), TLS: trusting}, "none to a server with": {URL: "redis://" + secure.Addr()},
		"a server that is silent": {URL: silent.URL(), TLS: trusting},
	} {
		o.Timeout = own
		l := open(t, o)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		takes := []limit.Take{{Key: "k", Rate: limit.Rate{Count: 10, Per: time.Hour}}}
		start := time.Now()
		err := l.Take(ctx, takes)
		cancel()
		if err == nil || limit.Allowed(takes) {
			t.Errorf("%s: %v, %+v", name, err, takes)
		}
		if waited := time.Since(start); waited > own/2 {
			t.Errorf("%s: waited %v for 300ms", name, waited)
		}
	}
}
