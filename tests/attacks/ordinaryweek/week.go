package ordinaryweek

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// A SignIn is what became of an attempt to sign in.
type SignIn uint8

// No attempt, one that failed, one that succeeded.
const (
	NoSignIn SignIn = iota
	Failed
	Succeeded
)

// A Request is one request and what it was answered with.
type Request struct {
	At     time.Time
	Client netip.Addr
	Method string
	Path   string // as it was sent, with the query
	Status int
	// Principal is who was signed in, or who the attempt to sign in named.
	Principal string
	// Device names the browser or app that a signed-in request came from.
	Device string
	SignIn SignIn
	// Sort says of whom the request is, for figures: "home", "crawler".
	Sort string
}

// Tuning are the seeds that thresholds may be chosen by; Held are for the figures.
func Tuning() []uint64 { return []uint64{1, 2, 3} }

// Held are seeds that nobody looked at while thresholds were chosen: the first
// eight until one look at them had a rule changed (docs/decisions/patterns.md),
// the next four until a second look had, the last four after that.
func Held() []uint64 {
	return []uint64{101, 102, 103, 104, 105, 106, 107, 108, 201, 202, 203, 204, 301, 302, 303, 304}
}

// Begin is when a week begins: a Monday.
func Begin() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

// A week is drawn by actors that each add what they ask for.
type week struct {
	rand     *rand.Rand
	requests []Request
	accounts int
	attached int // attachments that exist
}

// Week gives the requests of the seed's week, in the order of their time.
func Week(seed uint64) []Request {
	w := &week{rand: rand.New(rand.NewPCG(seed, 0x6f7264696e617279)), attached: 40_000}
	for _, draw := range []func(){w.homes, w.offices, w.school, w.phones, w.apps, w.crawlers, w.monitors, w.readers, w.staff, w.partner} {
		draw()
	}
	slices.SortStableFunc(w.requests, func(a, b Request) int { return a.At.Compare(b.At) })
	end := Begin().AddDate(0, 0, 7)
	cut, _ := slices.BinarySearchFunc(w.requests, end, func(r Request, t time.Time) int { return cmp.Or(r.At.Compare(t), 1) })
	return w.requests[:cut]
}

// Hash names a list of requests, so that a test can hold it.
func Hash(list []Request) string {
	h := sha256.New()
	var line []byte
	for _, r := range list {
		line = strconv.AppendInt(line[:0], r.At.UnixNano(), 10)
		line = r.Client.AppendTo(append(line, ' '))
		for _, s := range []string{r.Method, r.Path, r.Principal, r.Device} {
			line = append(append(line, ' '), s...)
		}
		line = strconv.AppendInt(append(line, ' '), int64(r.Status), 10)
		line = append(line, ' ', '0'+byte(r.SignIn), '\n')
		h.Write(line) // a hash's Write never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// An actor is somebody's browser or program at one address.
type actor struct {
	w         *week
	sort      string
	at        time.Time
	addr      func(at time.Time) netip.Addr
	principal string
	device    string
}

func (a *actor) pass(least, most time.Duration) {
	a.at = a.at.Add(least + time.Duration(a.w.rand.Int64N(int64(most-least)+1)))
}

func (a *actor) ask(method, path string, status int) {
	r := Request{At: a.at, Client: a.addr(a.at), Method: method, Path: path, Status: status, Principal: a.principal, Sort: a.sort}
	if a.principal != "" {
		r.Device = a.device
	}
	a.w.requests = append(a.w.requests, r)
}

// get asks for a page that exists, and gets what the site answers at the time.
func (a *actor) get(path string) { a.ask("GET", path, answer(a.at, path)) }

// signIn fails some times, then succeeds as account.
func (a *actor) signIn(account string, failures int) {
	a.principal = ""
	a.ask("GET", "/login", 200)
	for i := range failures + 1 {
		a.pass(4*time.Second, 25*time.Second)
		r := Request{At: a.at, Client: a.addr(a.at), Method: "POST", Path: "/login", Status: 401, Principal: account, SignIn: Failed, Sort: a.sort}
		if i == failures {
			r.Status, r.SignIn, r.Device = 303, Succeeded, a.device
		}
		a.w.requests = append(a.w.requests, r)
	}
	a.principal = account
}

// The release of Wednesday, 14:00: for two hours the links to reviews and the new
// style sheets lead nowhere, and for twenty minutes the categories fail.
func answer(at time.Time, path string) int {
	since := at.Sub(Begin().Add(2*24*time.Hour + 14*time.Hour))
	if since < 0 || since > 2*time.Hour {
		return 200
	}
	switch {
	case hasPrefix(path, "/static/v2/"), hasSuffix(path, "/reviews"), hasPrefix(path, "/blog/2026/"):
		return 404
	case hasPrefix(path, "/categories/") && since < 20*time.Minute:
		return 500
	}
	return 200
}

func hasPrefix(s, p string) bool { return len(s) >= len(p) && s[:len(p)] == p }
func hasSuffix(s, p string) bool { return len(s) >= len(p) && s[len(s)-len(p):] == p }

func fixed(a netip.Addr) func(time.Time) netip.Addr {
	return func(time.Time) netip.Addr { return a }
}

// ipv4 draws an address from those that carriers give out in this model.
func (w *week) ipv4() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(60 + w.rand.IntN(40)), byte(w.rand.IntN(256)), byte(w.rand.IntN(256)), byte(1 + w.rand.IntN(254))})
}

// household6 draws a /64 in which the device takes a new address each day.
func (w *week) household6() func(time.Time) netip.Addr {
	var net [16]byte
	net[0], net[1], net[2], net[3] = 0x2a, 0x02, byte(w.rand.IntN(256)), byte(w.rand.IntN(256))
	net[4], net[5], net[6], net[7] = byte(w.rand.IntN(256)), byte(w.rand.IntN(256)), byte(w.rand.IntN(256)), byte(w.rand.IntN(256))
	salt := w.rand.Uint64()
	return func(at time.Time) netip.Addr {
		a := net
		host := (salt + uint64(at.YearDay())) * 0x9e3779b97f4a7c15
		for i := range 8 {
			a[8+i] = byte(host >> (8 * i))
		}
		return netip.AddrFrom16(a)
	}
}

func (w *week) account() string {
	w.accounts++
	return fmt.Sprintf("user%d@example.org", w.accounts)
}

// chance is true in share of the cases.
func (w *week) chance(share float64) bool { return w.rand.Float64() < share }

// daytime draws a moment of a day as people are awake.
func (w *week) daytime(day int) time.Time {
	// Whole seconds, around one o'clock: no machine's way of rounding shows.
	second := 13*3600 + int(float64(w.rand.NormFloat64()*3.5*3600))
	return Begin().AddDate(0, 0, day).Add(time.Duration(min(max(second, 0), 86_000)) * time.Second)
}
