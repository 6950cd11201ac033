package headers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"
)

// Bounds of what strangers can make Reports keep.
const (
	// MaxReport is how large a body of reports may be, in bytes.
	MaxReport    = 64 << 10
	maxInOne     = 32  // reports of one body
	maxSightings = 512 // different things that were reported or seen
	maxClients   = 32  // clients counted of each
)

// ErrReport is a body that holds no report.
var ErrReport = errors.New("headers: this is no CSP report")

// A Sighting is one thing that a strict policy would have refused, or an inline
// script or style that a page has: plain data, to be saved and given back.
type Sighting struct {
	// Directive is what refuses it: "script-src", "style-src", "img-src" …
	Directive string `json:"directive"`
	// Source is an origin, a scheme such as "data:", "inline", "eval", or the
	// hash of an inline script or style that a page was seen with.
	Source string `json:"source"`
	// Clients are keyed hashes of the addresses that it came from.
	Clients []string  `json:"clients"`
	Seen    uint64    `json:"seen"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// Reports collects what browsers report of the strict policy, and what pages
// have inline. It is bounded: when it is full, what was seen by the fewest
// clients and longest ago leaves. Make it with [NewReports].
type Reports struct {
	key [16]byte
	now func() time.Time

	mu   sync.Mutex
	seen map[[2]string]*Sighting
}

// NewReports takes what [Reports.Sightings] gave before. A nil now is time.Now.
func NewReports(saved []Sighting, now func() time.Time) (*Reports, error) {
	r := &Reports{now: now, seen: make(map[[2]string]*Sighting)}
	if now == nil {
		r.now = time.Now
	}
	if _, err := rand.Read(r.key[:]); err != nil {
		return nil, err
	}
	for _, s := range saved {
		if len(r.seen) < maxSightings && known(s.Directive) {
			r.seen[[2]string{s.Directive, s.Source}] = &s
		}
	}
	return r, nil
}

// Sightings gives all, by directive and source.
func (r *Reports) Sightings() []Sighting {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Sighting, 0, len(r.seen))
	for _, s := range r.seen {
		one := *s
		one.Clients = append([]string(nil), s.Clients...)
		all = append(all, one)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Directive != all[j].Directive {
			return all[i].Directive < all[j].Directive
		}
		return all[i].Source < all[j].Source
	})
	return all
}

// A violation is what both forms of a report have.
type violation struct {
	Document  string `json:"documentURL"`
	Blocked   string `json:"blockedURL"`
	Effective string `json:"effectiveDirective"`
}

// old is a report as report-uri sends it (CSP 2, section 4.4).
type old struct {
	Report *struct {
		Document  string `json:"document-uri"`
		Blocked   string `json:"blocked-uri"`
		Effective string `json:"effective-directive"`
		Violated  string `json:"violated-directive"`
	} `json:"csp-report"`
}

// Take takes a body of reports of one client, in either form, and gives the
// directives that were new to it. Anybody can send one: it says nothing true by
// itself, see [Reports.Suggest].
func (r *Reports) Take(client string, body []byte) (taken int, err error) {
	if len(body) > MaxReport {
		return 0, ErrReport
	}
	var many []struct {
		Type string    `json:"type"`
		Body violation `json:"body"`
	}
	var one old
	switch {
	case json.Unmarshal(body, &one) == nil && one.Report != nil:
		directive := one.Report.Effective
		if directive == "" {
			directive, _, _ = strings.Cut(one.Report.Violated, " ")
		}
		return r.take(client, violation{one.Report.Document, one.Report.Blocked, directive}), nil
	case json.Unmarshal(body, &many) == nil && len(many) > 0:
		for _, v := range many[:min(len(many), maxInOne)] {
			if v.Type == "csp-violation" {
				taken += r.take(client, v.Body)
			}
		}
		return taken, nil
	}
	return 0, ErrReport
}

func (r *Reports) take(client string, v violation) int {
	directive, source := directiveOf(v.Effective), sourceOf(v.Blocked, v.Document)
	if directive == "" || source == "" {
		return 0
	}
	r.note(client, directive, source)
	return 1
}

func (r *Reports) note(client, directive, source string) {
	now := r.now()
	sum := sha256.Sum256(append(r.key[:], client...))
	hashed := hex.EncodeToString(sum[:8])
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{directive, source}
	s := r.seen[key]
	if s == nil {
		if len(r.seen) >= maxSightings {
			r.forget()
		}
		s = &Sighting{Directive: directive, Source: source, First: now}
		r.seen[key] = s
	}
	s.Last, s.Seen = now, s.Seen+1
	for _, c := range s.Clients {
		if c == hashed {
			return
		}
	}
	if len(s.Clients) < maxClients {
		s.Clients = append(s.Clients, hashed)
	}
}

// forget makes room. The caller holds mu.
func (r *Reports) forget() {
	var least [2]string
	var of *Sighting
	for key, s := range r.seen {
		if of == nil || len(s.Clients) < len(of.Clients) || len(s.Clients) == len(of.Clients) && s.Last.Before(of.Last) {
			least, of = key, s
		}
	}
	delete(r.seen, least)
}

// directives are those that the strict policy has or stands for.
var directives = map[string]string{
	"script-src": "script-src", "script-src-elem": "script-src", "script-src-attr": "script-src-attr", "worker-src": "worker-src",
	"style-src": "style-src", "style-src-elem": "style-src", "style-src-attr": "style-src-attr", "img-src": "img-src", "font-src": "font-src",
	"connect-src": "connect-src", "media-src": "media-src", "frame-src": "frame-src", "child-src": "frame-src", "manifest-src": "manifest-src",
	"form-action": "form-action", "prefetch-src": "default-src",
}

func directiveOf(name string) string { return directives[strings.ToLower(strings.TrimSpace(name))] }

func known(directive string) bool {
	for _, d := range directives {
		if d == directive {
			return true
		}
	}
	return false
}

// sourceOf is what a policy would have to name; "" where a report names nothing
// that a policy can.
func sourceOf(blocked, document string) string {
	switch blocked {
	case "inline", "eval":
		return blocked
	case "wasm-eval":
		return "wasm-eval"
	case "data", "blob", "filesystem", "mediastream":
		return blocked + ":"
	case "self":
		return ""
	}
	u, err := url.Parse(blocked)
	if err != nil || u.User != nil || len(u.Host) > 253 {
		return ""
	}
	switch u.Scheme {
	case "data", "blob":
		return u.Scheme + ":"
	case "https", "wss", "http", "ws":
	default:
		return "" // extensions, about:, what a browser adds itself
	}
	for _, c := range []byte(u.Host) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == ':' || c == '[' || c == ']') {
			return ""
		}
	}
	if d, err := url.Parse(document); u.Host == "" || err == nil && strings.EqualFold(d.Host, u.Host) && d.Scheme == u.Scheme {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
