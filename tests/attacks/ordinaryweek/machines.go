package ordinaryweek

import (
	"fmt"
	"net/netip"
	"time"
)

// apps poll. Two of them have a token that has expired, and go on for hours; each
// fetched its messages one by one when it was installed.
func (w *week) apps() {
	for n := range 60 {
		a := &actor{w: w, sort: "app", principal: w.account(), device: fmt.Sprintf("app-%d", w.rand.Uint32()), addr: fixed(w.ipv4())}
		account := a.principal
		for day := range 7 {
			a.at = w.daytime(day).Add(-3 * time.Hour)
			every := time.Duration(90+w.rand.IntN(240)) * time.Second
			for range 60 + w.rand.IntN(60) {
				a.at = a.at.Add(every)
				a.get("/api/notifications")
				if w.chance(0.05) {
					a.get(fmt.Sprintf("/api/messages/%d", 200_000+w.rand.IntN(50_000)))
				}
			}
		}
		a.at = w.daytime(w.rand.IntN(7))
		a.get("/api/messages")
		id := 100_000 + w.rand.IntN(50_000)
		for range 40 + w.rand.IntN(60) { // their own: others' stand between
			id += 1 + w.rand.IntN(90)
			a.pass(20*time.Millisecond, 200*time.Millisecond)
			a.get(fmt.Sprintf("/api/messages/%d", id))
		}
		if n < 2 {
			a.principal = ""
			a.at = w.daytime(2 + n)
			for range 2000 {
				a.at = a.at.Add(5 * time.Second)
				a.ask("GET", "/api/notifications", 401)
			}
		}
		a.principal = account
	}
}

// A crawler asks for all products, and for links that it remembers from a site
// that is no more: stale is their share.
func (w *week) crawler(addresses int, pages int, stale float64, least, most time.Duration, ordered bool) {
	base := w.ipv4().As4()
	a := &actor{w: w, sort: "crawler", at: Begin().Add(time.Duration(w.rand.Int64N(int64(2 * time.Hour))))}
	a.addr = func(time.Time) netip.Addr {
		b := base
		b[3] = byte(20 + w.rand.IntN(addresses))
		return netip.AddrFrom4(b)
	}
	for i := range pages {
		a.pass(least, most)
		if i%400 == 0 {
			a.get("/robots.txt")
			a.get("/sitemap.xml")
			continue
		}
		if w.chance(stale) {
			switch w.rand.IntN(4) {
			case 0:
				a.ask("GET", fmt.Sprintf("/old-shop/%s-%s.html", categories[w.rand.IntN(len(categories))], posts[w.rand.IntN(len(posts))]), 404)
			case 1:
				a.ask("GET", fmt.Sprintf("/catalogue/item%d.aspx", w.rand.IntN(5000)), 404)
			case 2:
				a.ask("GET", fmt.Sprintf("/tag/%s/%s", categories[w.rand.IntN(len(categories))], categories[w.rand.IntN(len(categories))]), 404)
			default:
				a.ask("GET", fmt.Sprintf("/products/%d", 3001+w.rand.IntN(4000)), 410)
			}
			continue
		}
		product := 1 + i%3000
		if !ordered {
			product = 1 + w.rand.IntN(3000)
		}
		switch k := w.rand.IntN(10); {
		case k < 7:
			a.get(fmt.Sprintf("/products/%d", product))
		case k < 8:
			a.get(fmt.Sprintf("/products/%d/reviews", product))
		case k < 9:
			a.get("/categories/" + categories[w.rand.IntN(len(categories))] + fmt.Sprintf("?page=%d", 1+w.rand.IntN(40)))
		default:
			a.get("/blog/2026/" + posts[w.rand.IntN(len(posts))])
		}
	}
}

func (w *week) crawlers() {
	w.crawler(20, 12_000, 0.06, 5*time.Second, 80*time.Second, false)
	w.crawler(6, 9_000, 0.08, 20*time.Second, 90*time.Second, true)
	w.crawler(1, 3_500, 0.35, 500*time.Millisecond, 6*time.Second, true) // one that sells reports about sites
	w.crawler(1, 1_500, 0.15, time.Minute, 8*time.Minute, false)
	w.crawler(2, 400, 0.45, 10*time.Minute, 40*time.Minute, false)
}

// monitors ask every minute.
func (w *week) monitors() {
	for n := range 5 {
		every := time.Minute
		if n > 1 {
			every = 5 * time.Minute
		}
		a := &actor{w: w, sort: "monitor", at: Begin().Add(time.Duration(w.rand.IntN(60)) * time.Second), addr: fixed(w.ipv4())}
		for range int(7 * 24 * time.Hour / every) {
			a.at = a.at.Add(every)
			a.get([]string{"/healthz", "/", "/login"}[n%3])
		}
	}
}

// readers ask for the feed; some for one that was taken away years ago.
func (w *week) readers() {
	for n := range 150 {
		a := &actor{w: w, sort: "reader", addr: fixed(w.ipv4()), at: Begin().Add(time.Duration(w.rand.IntN(3600)) * time.Second)}
		every := time.Duration(30+w.rand.IntN(60)) * time.Minute
		for a.at.Before(Begin().AddDate(0, 0, 7)) {
			a.at = a.at.Add(every)
			switch {
			case n < 20:
				a.ask("GET", []string{"/blog/rss", "/feed/", "/index.xml", "/rss.php"}[n%4], []int{404, 410}[n%2])
			case w.chance(0.9):
				a.ask("GET", "/feed.xml", 304)
			default:
				a.get("/feed.xml")
			}
		}
	}
}

// staff work through consecutive numbers: tickets all day, and once invoices.
func (w *week) staff() {
	addr := fixed(w.ipv4())
	ticket := 70_000
	for n := range 6 {
		account := w.account()
		for day := range 5 {
			a := &actor{w: w, sort: "staff", addr: addr, device: fmt.Sprintf("desk-%d", n)}
			a.at = Begin().AddDate(0, 0, day).Add(8*time.Hour + time.Duration(w.rand.IntN(3600))*time.Second)
			a.signIn(account, a.mistypes())
			for range 90 + w.rand.IntN(60) {
				ticket++
				if w.chance(0.7) { // next in the queue; else another
					a.get(fmt.Sprintf("/tickets/%d", ticket))
				} else {
					a.get(fmt.Sprintf("/tickets/%d", 65_000+w.rand.IntN(5000)))
				}
				a.pass(40*time.Second, 5*time.Minute)
				a.ask("POST", fmt.Sprintf("/tickets/%d/replies", ticket), 303)
				a.get("/tickets")
			}
		}
	}
	a := &actor{w: w, sort: "staff", addr: addr, device: "desk-a", principal: w.account()}
	a.at = Begin().Add(24*time.Hour + 14*time.Hour)
	a.get("/invoices")
	for i := range 140 {
		a.pass(6*time.Second, 40*time.Second)
		a.get(fmt.Sprintf("/invoices/%d.pdf", 31_000+i))
	}
}

// partner is a program with an account of its own that reads all stock each night.
func (w *week) partner() {
	a := &actor{w: w, sort: "partner", addr: fixed(w.ipv4()), principal: "partner-export", device: "export"}
	for night := range 7 {
		a.at = Begin().AddDate(0, 0, night).Add(3 * time.Hour)
		for id := range 1500 {
			a.pass(100*time.Millisecond, 900*time.Millisecond)
			a.get(fmt.Sprintf("/api/stock/%d", id+1))
		}
	}
}
