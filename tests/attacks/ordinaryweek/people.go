package ordinaryweek

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

var categories = strings.Fields("shoes coats hats bags belts scarves gloves socks shirts trousers skirts dresses jumpers boots sandals sale new gifts kids outdoor")

var posts = strings.Fields("how-we-make-boots spring-collection winter-care the-last-of-the-wool our-new-shop meet-the-team repairs sizes-explained leather-guide holiday-hours")

// missing are what browsers and telephones ask every site for, and this one lacks.
var missing = strings.Fields("/apple-touch-icon.png /apple-touch-icon-precomposed.png /apple-touch-icon-120x120.png /browserconfig.xml /.well-known/appspecific/com.chrome.devtools.json /.well-known/change-password /.well-known/assetlinks.json /ads.txt")

// homes are people at home: some with an account.
func (w *week) homes() {
	for range 1500 {
		a := &actor{w: w, sort: "home", device: fmt.Sprintf("browser-%d", w.rand.Uint32())}
		a.addr = fixed(w.ipv4())
		if w.chance(0.4) {
			a.addr = w.household6()
		}
		account, photos := "", false
		var orders []int
		if w.chance(0.45) {
			account, photos = w.account(), w.chance(0.15)
			for range 1 + w.rand.IntN(6) {
				orders = append(orders, 10_000+w.rand.IntN(40_000))
			}
		}
		newDevice := w.chance(0.03)
		for visit := range 1 + w.rand.IntN(5) {
			if newDevice && visit == 2 {
				a.device = fmt.Sprintf("browser-%d", w.rand.Uint32())
			}
			a.at, a.principal = w.daytime(w.rand.IntN(7)), ""
			a.visit(account, orders, photos)
		}
	}
}

// visit is one look around the shop.
func (a *actor) visit(account string, orders []int, photos bool) {
	w := a.w
	a.get("/")
	a.get("/static/v2/app.css")
	a.get("/static/v2/app.js")
	if w.chance(0.3) {
		for range 1 + w.rand.IntN(4) {
			a.ask("GET", missing[w.rand.IntN(len(missing))], 404)
		}
	}
	if account != "" && w.chance(0.4) {
		a.signIn(account, a.mistypes())
	} else if account != "" && w.chance(0.7) {
		a.principal = account // the session still lives
	}
	for range 3 + w.rand.IntN(15) {
		a.pass(3*time.Second, 90*time.Second)
		a.page(orders)
	}
	if photos && a.principal != "" {
		a.album()
	}
}

// mistypes is how often a person fails before the password is right: rarely five
// times.
func (a *actor) mistypes() int {
	n := 0
	for n < 5 && a.w.chance(0.22) {
		n++
	}
	return n
}

func (a *actor) page(orders []int) {
	w := a.w
	product := 1 + w.rand.IntN(3000)
	switch k := w.rand.IntN(100); {
	case k < 40:
		a.get(fmt.Sprintf("/products/%d", product))
		if w.chance(0.5) {
			a.get(fmt.Sprintf("/products/%d/reviews", product))
		}
	case k < 55:
		a.get("/categories/" + categories[w.rand.IntN(len(categories))])
		for range 3 + w.rand.IntN(6) { // the pictures that the browser has not yet
			a.get(fmt.Sprintf("/pictures/%d.jpg", 1+w.rand.IntN(9000)))
		}
	case k < 65:
		a.get("/search?q=" + categories[w.rand.IntN(len(categories))] + fmt.Sprintf("&page=%d", 1+w.rand.IntN(4)))
	case k < 73:
		a.get(fmt.Sprintf("/blog/2026/%s", posts[w.rand.IntN(len(posts))]))
	case k < 81:
		a.ask("POST", "/cart", 303)
		a.get("/cart")
	case k < 90 && a.principal != "" && len(orders) > 0:
		a.get("/orders")
		a.get(fmt.Sprintf("/orders/%d", orders[w.rand.IntN(len(orders))]))
	case k < 92 && a.principal != "":
		a.ask("POST", "/account", []int{303, 303, 422}[w.rand.IntN(3)])
	case k < 94: // an old bookmark, or a product that is sold out for good
		a.ask("GET", fmt.Sprintf("/products/%d", 3001+w.rand.IntN(2000)), 404)
	case k < 95:
		a.ask("GET", "/"+categories[w.rand.IntN(len(categories))]+fmt.Sprintf("-%c", 'a'+rune(w.rand.IntN(26))), 404)
	case k < 96 && a.principal == "":
		a.ask("GET", "/orders", 302)
	default:
		a.get("/")
	}
}

// album shows pictures that were uploaded one after the other: the browser asks
// for two dozen consecutive numbers within a second.
func (a *actor) album() {
	w := a.w
	for range 1 + w.rand.IntN(4) {
		first := 1 + w.rand.IntN(w.attached)
		a.pass(10*time.Second, 60*time.Second)
		a.get(fmt.Sprintf("/albums/%d", first/24))
		for i := range 24 {
			a.get(fmt.Sprintf("/attachments/%d", first+i))
		}
	}
}

// offices have one address each for everybody in them; on Monday morning they
// sign in.
func (w *week) offices() {
	for office := range 15 {
		people := 10 + w.rand.IntN(100)
		if office == 0 {
			people = 400
		}
		addr := fixed(w.ipv4())
		for range people {
			a := &actor{w: w, sort: "office", addr: addr, device: fmt.Sprintf("browser-%d", w.rand.Uint32())}
			account := w.account()
			orders := []int{10_000 + w.rand.IntN(40_000)}
			for day := range 5 {
				if day > 0 && w.chance(0.4) {
					continue
				}
				a.principal = account
				a.at = Begin().AddDate(0, 0, day).Add(9*time.Hour + time.Duration(w.rand.Int64N(int64(8*time.Hour))))
				if day == 0 {
					a.at = Begin().Add(8*time.Hour + 45*time.Minute + time.Duration(w.rand.Int64N(int64(40*time.Minute))))
					a.signIn(account, a.mistypes())
				}
				for range 4 + w.rand.IntN(8) {
					a.pass(5*time.Second, 4*time.Minute)
					a.page(orders)
				}
			}
		}
	}
}

// school: a class of thirty makes accounts in one lesson, behind one address.
func (w *week) school() {
	addr := fixed(w.ipv4())
	for range 30 {
		a := &actor{w: w, sort: "school", addr: addr, device: fmt.Sprintf("browser-%d", w.rand.Uint32())}
		a.at = Begin().Add(3*24*time.Hour + 10*time.Hour + time.Duration(w.rand.Int64N(int64(6*time.Minute))))
		a.ask("GET", "/signup", 200)
		for range w.rand.IntN(3) {
			a.pass(10*time.Second, time.Minute)
			a.ask("POST", "/signup", 422)
		}
		a.pass(10*time.Second, time.Minute)
		a.ask("POST", "/signup", 303)
		a.signIn(w.account(), w.rand.IntN(5))
		for range 10 + w.rand.IntN(15) {
			a.pass(2*time.Second, 40*time.Second)
			a.page(nil)
		}
	}
}

// phones share a carrier's addresses, and their own changes from one request to
// the next.
func (w *week) phones() {
	var carrier []netip.Addr
	for range 12 {
		carrier = append(carrier, w.ipv4())
	}
	for range 400 {
		a := &actor{w: w, sort: "phone", device: fmt.Sprintf("phone-%d", w.rand.Uint32())}
		current := carrier[w.rand.IntN(len(carrier))]
		a.addr = func(time.Time) netip.Addr {
			if w.chance(0.1) {
				current = carrier[w.rand.IntN(len(carrier))]
			}
			return current
		}
		account := ""
		if w.chance(0.6) {
			account = w.account()
		}
		for range 2 + w.rand.IntN(5) {
			a.at, a.principal = w.daytime(w.rand.IntN(7)), ""
			a.visit(account, []int{10_000 + w.rand.IntN(40_000)}, w.chance(0.05))
		}
	}
}
