package patterns

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/input"
)

// A Kind is what is unusual.
type Kind uint8

const (
	// Scan: many different routes that do not exist.
	Scan Kind = iota + 1
	// Tool: what scanners look for.
	Tool
	// Walk: the identifiers of one route, one after the other or by guessing.
	Walk
	// Failures above the client's and the site's ordinary level.
	Failures
	// SignIns: attempts to sign in fail at the whole site above its ordinary level.
	SignIns
	// Device: an account's new device. It is a notice, no alarm.
	Device
)

var kindNames = [...]string{Scan: "scan", Tool: "tool", Walk: "walk", Failures: "failures", SignIns: "sign-ins", Device: "device"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A SignIn is what became of an attempt to sign in.
type SignIn uint8

const (
	// NoSignIn: the request was none.
	NoSignIn SignIn = iota
	Failed
	Succeeded
)

// A Seen is one request with its answer. Nothing of it is kept but hashes.
type Seen struct {
	Addr   netip.Addr
	Method string
	// Path is as it came, escaped; Query what followed it.
	Path, Query string
	// Route is its template by package input; empty: it is made of Path.
	Route  string
	Status int
	// Principal is who is signed in, or who the attempt to sign in named.
	Principal string
	// Device names the browser, such as by the hash of its device cookie; empty
	// where nothing tells.
	Device string
	SignIn SignIn
}

// An Alarm is something unusual that was seen, told once for each window.
type Alarm struct {
	Kind   Kind
	Client netip.Prefix // the zero value where it is about the site
	// Principal is set where the alarm is about an account.
	Principal string
	Route     string
	// Count is how many of what Words say, within Window.
	Count  int
	Window time.Duration
	Words  string
}

// Event is the alarm for the security log.
func (a Alarm) Event(about events.About) gatehouse.Event {
	switch a.Kind {
	case Scan:
		return events.ExcessNotFound(about, a.Count, a.Window)
	case Tool:
		return events.AttackTool(about, a.Count, a.Window)
	case Walk:
		return events.DirectReference(about, a.Route, a.Words, a.Count, a.Window)
	case Device:
		return events.NewDevice(about, a.Count)
	case SignIns:
		return events.FailureRise(events.About{}, a.Words, a.Count, a.Window)
	}
	return events.FailureRise(about, a.Words, a.Count, a.Window)
}

// An Exemption leaves out of walks a route or a principal that is meant to go
// through everything, such as a partner's export.
type Exemption struct {
	Path      string // a pattern of package input; empty: every route
	Principal string // empty: everybody
	Reason    gatehouse.Reason
}

// Options configure Patterns. The zero value has the thresholds of
// docs/decisions/patterns.md.
type Options struct {
	Exempt []Exemption
	// MaxClients bounds the addresses and accounts that are held; beyond it those
	// make room that were silent longest. Default 20,000, which take 40 MB at
	// most.
	MaxClients int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Patterns watches. Make it with [New]. It may be used concurrently.
type Patterns struct {
	exempt []exemption
	now    func() time.Time
	seed   maphash.Seed

	mu      sync.Mutex
	clients generations[client]
	walkers generations[walker]
	devices generations[account]
	misses  generations[crowd] // by route: who found nothing there
	routes  generations[route]
	site    site
}

type exemption struct {
	path      input.Pattern
	any       bool
	principal string
}

// New checks the options. Its errors name the option.
func New(o Options) (*Patterns, error) {
	if o.MaxClients == 0 {
		o.MaxClients = 20_000
	}
	if o.MaxClients < 16 {
		return nil, fmt.Errorf("patterns: Options.MaxClients is %d: want 16 or more", o.MaxClients)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Patterns{now: o.Now, seed: maphash.MakeSeed()}
	half := o.MaxClients / 2
	p.clients.most, p.walkers.most, p.devices.most = half, half, half
	p.misses.most, p.routes.most = 8192, 2048
	for i, e := range o.Exempt {
		if !e.Reason.Given() {
			return nil, fmt.Errorf("patterns: Options.Exempt[%d] has no reason", i)
		}
		if e.Path == "" && e.Principal == "" {
			return nil, fmt.Errorf("patterns: Options.Exempt[%d] exempts everything: give a path or a principal", i)
		}
		made := exemption{any: e.Path == "", principal: e.Principal}
		if e.Path != "" {
			pattern, err := input.ParsePattern(e.Path)
			if err != nil {
				return nil, fmt.Errorf("patterns: Options.Exempt[%d]: %w", i, err)
			}
			made.path = pattern
		}
		p.exempt = append(p.exempt, made)
	}
	return p, nil
}

// Observe notes a request and its answer, and gives what is unusual with it:
// nearly always nothing.
func (p *Patterns) Observe(s Seen) []Alarm {
	if !s.Addr.IsValid() {
		return nil
	}
	unit := gatehouse.Household(s.Addr)
	if s.Route == "" {
		s.Route = input.Route(s.Method, s.Path)
	}
	v := view{Seen: s, unit: unit, client: maphash.Comparable(p.seed, unit), route: maphash.String(p.seed, s.Route)}
	var tools uint64
	if v.failed() {
		tools = toolsOf(s.Path)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v.now = p.now() // here, so that it never goes back
	var alarms []Alarm
	p.scan(&v, tools, &alarms)
	p.walk(&v, &alarms)
	p.failures(&v, &alarms)
	p.device(&v, &alarms)
	return alarms
}

// A view is what is seen of one request, with what names it.
type view struct {
	Seen
	unit          netip.Prefix
	now           time.Time
	client, route uint64
}

func (v *view) notFound() bool { return v.Status == 404 || v.Status == 410 }
func (v *view) failed() bool   { return v.Status >= 400 }

func (v *view) alarm(k Kind, n int, window time.Duration, format string, args ...any) Alarm {
	return Alarm{Kind: k, Client: v.unit, Route: v.Route, Count: n, Window: window, Words: fmt.Sprintf(format, args...)}
}

// generations keep the values of the keys seen lately, at most twice most: when
// the young are full they become the old, and the old are dropped.
type generations[V any] struct {
	most       int
	young, old map[uint64]*V
}

// of gives the value of a key, made where there is none.
func (g *generations[V]) of(key uint64) *V {
	if v, found := g.young[key]; found {
		return v
	}
	if g.young == nil || len(g.young) >= g.most {
		g.young, g.old = make(map[uint64]*V), g.young
	}
	v, found := g.old[key]
	if found {
		delete(g.old, key)
	} else {
		v = new(V)
	}
	g.young[key] = v
	return v
}

// A few is a set of at most so many hashes.
type few []uint32

// add reports whether h is new and there was room.
func (f *few) add(h uint32, most int) bool {
	for _, had := range *f {
		if had == h {
			return false
		}
	}
	if len(*f) >= most {
		return false
	}
	*f = append(*f, h)
	return true
}

// tools are beginnings and parts of paths that scanners ask every site for, by
// family. A site that runs one of these products answers with success, and what
// succeeds is not counted.
var tools = [...]string{
	"/.env", "/.git", "/.svn", "/.aws", "/.ssh", "/wp-login", "/wp-admin", "/wp-config", "/wp-content/plugins", "/xmlrpc.php", "/phpmyadmin", "/pma/", "/adminer", "/cgi-bin/",
	"/boaform", "/hnap1", "/actuator/", "/solr/", "/manager/html", "/console/login", "/vendor/phpunit", "/_ignition", "/telescope/", "/server-status", "/phpinfo", "/shell", "/etc/passwd",
	"/owa/", "/autodiscover", "/remote/login", "/druid/", "/jenkins", "/struts", "/invoker/", "/jmx-console", "/web-inf", "/config.json", "/.ds_store", "/backup.", "/dump.sql", "/.htaccess",
	"/.vscode", "/docker-compose", "/id_rsa", "/login.action", "/axis2", "/cfide", "/fckeditor", "/elmah.axd", "/trace.axd",
}

// toolsOf gives the families that a path is of, a bit each.
func toolsOf(path string) (families uint64) {
	for at := range len(path) - 1 {
		if path[at] != '/' { // as each of them begins
			continue
		}
		for i, t := range tools {
			if path[at+1]|0x20 == t[1]|0x20 && len(path)-at >= len(t) && strings.EqualFold(path[at:at+len(t)], t) {
				families |= 1 << i
			}
		}
	}
	return families
}
