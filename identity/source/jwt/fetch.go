package jwt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxSet       = 512 << 10
	fetchTimeout = 5 * time.Second
	// maxWaiting bounds the requests that wait for a fetch: it can take
	// fetchTimeout, and a stranger can cause it.
	maxWaiting = 256
	// maxSameID bounds the keys of one name that a signature is tried with.
	maxSameID = 4
)

var (
	errUnknownKey = errors.New("the issuer has no key of that name for that algorithm")
	errNoKeys     = errors.New("the issuer's keys can't be had at the moment")
)

// A keySet holds an issuer's keys. They are fetched when they are first asked
// for, again when they are old, and when a token names a key that is not
// there; never more often than each interval, so that tokens with names made
// up cost the issuer no more than that.
type keySet struct {
	where    string
	load     func(context.Context) ([]byte, error)
	allowed  []jose.SignatureAlgorithm
	refresh  time.Duration
	interval time.Duration
	maxStale time.Duration
	now      func() time.Time
	log      *slog.Logger
	ctx      context.Context
	all      *sync.WaitGroup

	current atomic.Pointer[fetched]
	waiting atomic.Int64

	mu      sync.Mutex
	running chan struct{} // closed when the fetch that runs has ended; nil where none runs
	tried   time.Time
	failing bool
	closed  bool
}

// fetched is a set as it was at a time.
type fetched struct {
	keys []*key
	at   time.Time
}

// find gives the keys that a token may be signed with. Without a name they are
// all of the algorithm; most issuers that give none have one.
func (s *keySet) find(ctx context.Context, id string, named bool, alg jose.SignatureAlgorithm) ([]*key, error) {
	if !s.usable(s.now()) {
		s.wait(ctx)
	}
	if keys := s.held(id, named, alg); len(keys) > 0 {
		s.renew(s.now())
		return keys, nil
	}
	s.wait(ctx)
	keys := s.held(id, named, alg)
	switch {
	case !s.usable(s.now()):
		return nil, errNoKeys
	case len(keys) == 0:
		return nil, errUnknownKey
	}
	return keys, nil
}

func (s *keySet) held(id string, named bool, alg jose.SignatureAlgorithm) (found []*key) {
	if !s.usable(s.now()) {
		return nil
	}
	for _, k := range s.current.Load().keys {
		if (!named || k.id == id) && slices.Contains(k.algs, alg) && len(found) < maxSameID {
			found = append(found, k)
		}
	}
	return found
}

// usable reports whether there are keys that are not too old.
func (s *keySet) usable(now time.Time) bool {
	set := s.current.Load()
	return set != nil && now.Sub(set.at) < s.maxStale
}

// renew fetches the set anew where it is old, and waits for nothing.
func (s *keySet) renew(now time.Time) {
	if set := s.current.Load(); set != nil && now.Sub(set.at) >= s.refresh {
		s.start(now)
	}
}

// wait fetches the set, or waits for the fetch that runs, where one may.
func (s *keySet) wait(ctx context.Context) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return
	}
	running := s.start(s.now())
	if running == nil {
		return
	}
	select {
	case <-running:
	case <-ctx.Done():
	}
}

// start begins a fetch, unless one runs or was begun within the interval, and
// gives what is closed when it has ended; nil where none runs.
func (s *keySet) start(now time.Time) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running
	}
	if !s.tried.IsZero() && now.Sub(s.tried) < s.interval || s.closed {
		return nil
	}
	s.tried = now
	done := make(chan struct{})
	s.running = done
	s.all.Go(func() {
		err := s.fetch(now)
		s.mu.Lock()
		s.tell(err)
		s.running = nil
		s.mu.Unlock()
		close(done)
	})
	return done
}

// close lets no fetch begin any more. It does not wait for the one that runs.
func (s *keySet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *keySet) fetch(now time.Time) error {
	ctx, cancel := context.WithTimeout(s.ctx, fetchTimeout)
	defer cancel()
	text, err := s.load(ctx)
	if err != nil {
		return err
	}
	keys, unusable, err := parseKeys(text, s.allowed)
	if err != nil {
		return err
	}
	var old []*key
	if set := s.current.Load(); set != nil {
		old = set.keys
	}
	for i, k := range keys {
		if at := slices.IndexFunc(old, k.same); at >= 0 {
			keys[i] = old[at]
		}
	}
	s.current.Store(&fetched{keys: keys, at: now})
	for _, k := range old {
		if !slices.Contains(keys, k) {
			k.gone.Store(true)
		}
	}
	s.log.Debug("an issuer's keys were fetched", "from", s.where, "usable", len(keys), "unusable", unusable)
	return nil
}

// tell says once that fetching fails, and once that it no longer does.
func (s *keySet) tell(err error) {
	switch {
	case err != nil && !s.failing && !s.closed:
		s.log.Warn("an issuer's keys can't be fetched; those that are there go on", "from", s.where, "for", s.maxStale, "error", err)
	case err == nil && s.failing:
		s.log.Info("an issuer's keys can be fetched again", "from", s.where)
	}
	s.failing = err != nil
}

// fetcher loads a set by HTTP. It follows no redirect: the address is one that
// a person wrote down, and where it leads to now is what nobody did.
func fetcher(address string, transport http.RoundTripper) func(context.Context) ([]byte, error) {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true, // the next fetch is far off
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return func(ctx context.Context) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", "application/jwk-set+json, application/json")
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode/100 == 3 {
			return nil, errors.New("it redirects elsewhere, which is not followed: configure where the keys are")
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("it answers %d", answer.StatusCode)
		}
		return readSet(answer.Body)
	}
}

func fileReader(name string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		about, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !about.Mode().IsRegular() { // opening a pipe waits for its writer
			return nil, errors.New("it is no regular file")
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readSet(f)
	}
}

func readSet(from io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("reading the key set: %w", err)
	}
	if len(text) > maxSet {
		return nil, fmt.Errorf("the key set is longer than %d bytes", maxSet)
	}
	return text, nil
}
