package ordinaryweek

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// An Attack is a trace that a watch must find, to be mixed into a week.
type Attack struct {
	Name string
	// Kind is what it is: "scan", "tool", "walk", "failures", "sign-ins".
	Kind     string
	Requests []Request
}

// scanned are paths that scanners ask for; what follows are words that they try.
var scanned = strings.Fields("/.env /.git/config /wp-login.php /phpmyadmin/index.php /cgi-bin/test.cgi /xmlrpc.php /server-status /actuator/env /solr/admin /manager/html /.aws/credentials /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php")

var words = strings.Fields("admin backup test old dev staging private secret config db sql upload tmp logs api v2 internal debug panel portal intranet data files dump archive src build dist conf setup install update status info help user users account manage system root server console shell exec cmd proxy gateway")

// Attacks gives the traces for a seed. Each begins on Thursday, when the week's
// own level is known, at an hour drawn from the seed.
func Attacks(seed uint64) []Attack {
	w := &week{rand: rand.New(rand.NewPCG(seed, 0x61747461636b))}
	return []Attack{
		{"scan with a tool's list", "tool", w.scan(400, 0, 300*time.Millisecond, scanned)},
		{"scan with words alone", "scan", w.scan(400, 0, 300*time.Millisecond, nil)},
		{"slow scan over ten hours", "scan", w.scan(220, 0.1, 160*time.Second, nil)},
		{"slow scan with a tool's list", "tool", w.scan(120, 0.3, 5*time.Minute, scanned)},
		{"walk one after the other", "walk", w.walk(walkOf{ids: 600, addresses: 1, every: time.Second, missing: 0.05})},
		{"walk down, signed in, all answered", "walk", w.walk(walkOf{ids: 600, addresses: 1, every: time.Second, signedIn: true, down: true})},
		{"walk by guessing, signed in", "walk", w.walk(walkOf{ids: 500, addresses: 1, every: 2 * time.Second, signedIn: true, random: true, missing: 0.7})},
		{"walk by guessing, all answered", "walk", w.walk(walkOf{ids: 900, addresses: 1, every: 2 * time.Second, signedIn: true, random: true})},
		{"walk from many addresses of a /64", "walk", w.walk(walkOf{ids: 600, addresses: 500, every: time.Second, missing: 0.6})},
		{"walk of one account from many networks", "walk", w.walk(walkOf{ids: 600, addresses: 500, networks: true, every: time.Second, signedIn: true})},
		{"slow walk over a night", "walk", w.walk(walkOf{ids: 500, addresses: 1, every: 80 * time.Second, signedIn: true})},
		{"slow walk by guessing over a day", "walk", w.walk(walkOf{ids: 300, addresses: 1, every: 4 * time.Minute, signedIn: true, random: true, missing: 0.8})},
		{"failures by trying parameters", "failures", w.parameters()},
		{"stuffing from many addresses", "sign-ins", w.stuffing()},
	}
}

func (w *week) thursday() time.Time {
	return Begin().Add(3*24*time.Hour + time.Duration(w.rand.Int64N(int64(12*time.Hour))))
}

func (w *week) attacker() *actor {
	return &actor{w: w, sort: "attack", at: w.thursday(), addr: fixed(w.ipv4()), device: "attacker"}
}

// drawn gives what was asked for since the last call.
func (w *week) drawn() []Request {
	list := slices.Clone(w.requests)
	w.requests = nil
	return list
}

// scan asks for what is not there; found is the share of what is.
func (w *week) scan(n int, found float64, every time.Duration, list []string) []Request {
	a := w.attacker()
	for i := range n {
		a.pass(every/2, every*3/2)
		switch {
		case w.chance(found):
			a.get("/")
		case i%10 == 0 && len(list) > 0:
			a.ask("GET", list[i/10%len(list)], 404)
		default:
			a.ask("GET", "/"+words[w.rand.IntN(len(words))]+"/"+words[w.rand.IntN(len(words))]+[]string{"", ".php", ".bak", ".zip"}[w.rand.IntN(4)], 404)
		}
	}
	return w.drawn()
}

type walkOf struct {
	ids, addresses             int
	networks, signedIn, random bool
	down                       bool
	every                      time.Duration
	missing                    float64
}

func (w *week) walk(o walkOf) []Request {
	a := w.attacker()
	if o.addresses > 1 {
		base := w.household6()(a.at).As16()
		a.addr = func(time.Time) netip.Addr {
			if o.networks {
				return w.ipv4()
			}
			base[15], base[14] = byte(w.rand.IntN(256)), byte(w.rand.IntN(256))
			return netip.AddrFrom16(base)
		}
	}
	if o.signedIn {
		a.principal = fmt.Sprintf("mallory%d@example.org", w.rand.Uint32())
	}
	id := 20_000
	for range o.ids {
		a.pass(o.every/2, o.every*3/2)
		switch {
		case o.random:
			id = 10_000 + w.rand.IntN(40_000)
		case o.down:
			id--
		default:
			id++
		}
		status := 200
		if w.chance(o.missing) {
			status = []int{403, 404}[w.rand.IntN(2)]
		}
		a.ask("GET", fmt.Sprintf("/orders/%d", id), status)
	}
	return w.drawn()
}

// parameters tries one page with what might break it.
func (w *week) parameters() []Request {
	a := w.attacker()
	for i := range 300 {
		a.pass(500*time.Millisecond, 2*time.Second)
		a.ask("GET", fmt.Sprintf("/search?q=x%%27%%20and%%20%d", i), []int{500, 400, 200, 500}[w.rand.IntN(4)])
	}
	return w.drawn()
}

// stuffing tries an account once from each of many addresses.
func (w *week) stuffing() []Request {
	a := w.attacker()
	a.addr = func(time.Time) netip.Addr { return w.ipv4() }
	for i := range 2000 {
		a.pass(500*time.Millisecond, 1500*time.Millisecond)
		r := Request{At: a.at, Client: a.addr(a.at), Method: "POST", Path: "/login", Status: 401, Principal: fmt.Sprintf("leaked%d@example.net", i), SignIn: Failed, Sort: a.sort}
		w.requests = append(w.requests, r)
	}
	return w.drawn()
}
