package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// expiryWarning is how long before its end a certificate file that nobody
// renewed is an event.
const expiryWarning = 14 * 24 * time.Hour

// A fileSet serves certificates from files.
type fileSet struct {
	now   func() time.Time
	notes notes
	// pairs is in the order of the options; readers never lock.
	pairs atomic.Pointer[[]*pair]

	mu sync.Mutex
	// said is what was last said of each certificate's file, so that it is
	// said once.
	said map[string]string
}

// openFiles reads every pair; one that can't be served is an error.
func openFiles(files []Files, now func() time.Time, n notes) (*fileSet, error) {
	s := &fileSet{now: now, notes: n, said: map[string]string{}}
	var pairs []*pair
	for i, f := range files {
		if f.Certificate == "" || f.Key == "" {
			return nil, fmt.Errorf("transport: Files[%d]: both the certificate's file and the key's are needed", i)
		}
		p, err := readPair(f, now())
		if err != nil {
			return nil, fmt.Errorf("transport: %w", err)
		}
		if words, wide := keyExposure(f.Key); wide {
			n.warn(context.Background(), words, map[string]string{"file": f.Key})
		} else if words != "" {
			n.log.Warn(words)
		}
		pairs = append(pairs, p)
	}
	s.pairs.Store(&pairs)
	return s, nil
}

// find is a pair for the name, or nil.
func (s *fileSet) find(name string) *pair {
	for _, p := range *s.pairs.Load() {
		if p.isFor(name) {
			return p
		}
	}
	return nil
}

func (p *pair) isFor(name string) bool {
	if isAddress(name) {
		return slices.ContainsFunc(p.cert.Leaf.IPAddresses, func(ip net.IP) bool { return ip.String() == name })
	}
	wild := wildcardOf(name)
	return slices.ContainsFunc(p.cert.Leaf.DNSNames, func(n string) bool {
		n = normalHost(n)
		return n == name || (wild != "" && n == wild)
	})
}

// choose is the first certificate for the name that the client can use, or the
// first for the name, or nil.
func (s *fileSet) choose(name string, hello *tls.ClientHelloInfo) *tls.Certificate {
	return pick(*s.pairs.Load(), hello, s.now(), func(p *pair) bool { return p.isFor(name) })
}

// first is the first certificate that the client can use, whatever its name.
func (s *fileSet) first(hello *tls.ClientHelloInfo) *tls.Certificate {
	return pick(*s.pairs.Load(), hello, s.now(), func(*pair) bool { return true })
}

// pick prefers what the client supports, then what has not expired.
func pick(pairs []*pair, hello *tls.ClientHelloInfo, now time.Time, fits func(*pair) bool) *tls.Certificate {
	var best *tls.Certificate
	bestScore := -1
	for _, p := range pairs {
		if !fits(p) {
			continue
		}
		score := 0
		if speaks(hello, &p.cert) {
			score += 2
		}
		if now.Before(p.cert.Leaf.NotAfter) {
			score++
		}
		if score > bestScore {
			best, bestScore = &p.cert, score
		}
	}
	return best
}

// speaks reports whether the client can use the certificate's key. The name
// is left out of the question: it was settled before.
func speaks(hello *tls.ClientHelloInfo, c *tls.Certificate) bool {
	h := *hello
	h.ServerName = ""
	return h.SupportsCertificate(c) == nil
}

func (s *fileSet) names() string {
	var all []string
	for _, p := range *s.pairs.Load() {
		all = append(all, namesOf(p.cert.Leaf)...)
	}
	return strings.Join(all, ", ")
}

// folders are those of all files, to be watched. A folder sees the change of a
// link in it too, which is how Kubernetes swaps a volume (..data).
func (s *fileSet) folders() []string {
	var out []string
	for _, p := range *s.pairs.Load() {
		out = append(out, filepath.Dir(p.files.Certificate), filepath.Dir(p.files.Key))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reload reads every pair again. A bad new one keeps the old; it is said once,
// and only when final is set: a key is often written a moment after its
// certificate. It reports whether all is well.
func (s *fileSet) reload(ctx context.Context, final bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.pairs.Load()
	fresh := slices.Clone(old)
	ok := true
	for i, p := range old {
		q, err := readPair(p.files, s.now())
		switch {
		case err != nil && q != nil && q.sum == p.sum && errors.Is(err, errNotNow):
			// The same certificate, which has ended since: checkExpiry tells.
		case err != nil:
			ok = false
			if final {
				s.sayBad(ctx, p, err)
			}
		case q.sum != p.sum:
			fresh[i] = q
			delete(s.said, p.files.Certificate)
			s.notes.info(ctx, "certificate "+p.files.Certificate+" was read anew; it is good until "+date(q.cert.Leaf.NotAfter), detailOf(q))
		default:
			delete(s.said, badKey(p))
		}
	}
	s.pairs.Store(&fresh)
	return ok
}

func badKey(p *pair) string { return "bad " + p.files.Certificate }

func (s *fileSet) sayBad(ctx context.Context, p *pair, err error) {
	words := "the new certificate is not used, the old one is served on until " + date(p.cert.Leaf.NotAfter) + ": " + err.Error()
	if s.said[badKey(p)] == words {
		return
	}
	s.said[badKey(p)] = words
	s.notes.warn(ctx, words, detailOf(p))
}

// checkExpiry tells once of each certificate that ends soon, and once that it
// has ended. It is served all the same: a browser's warning tells more than a
// closed port.
func (s *fileSet) checkExpiry(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, p := range *s.pairs.Load() {
		end := p.cert.Leaf.NotAfter
		state, words := "", ""
		switch {
		case now.After(end):
			state, words = "expired", "certificate "+p.files.Certificate+" expired on "+date(end)+"; browsers refuse it: put a new one in its place"
		case now.Add(expiryWarning).After(end):
			state, words = "ending", "certificate "+p.files.Certificate+" ends on "+date(end)+" and nobody has renewed it"
		}
		if state == "" || s.said[p.files.Certificate] == state {
			continue
		}
		s.said[p.files.Certificate] = state
		if state == "expired" {
			s.notes.critical(ctx, words, detailOf(p))
		} else {
			s.notes.warn(ctx, words, detailOf(p))
		}
	}
}
