package patterns

import (
	"math/bits"
	"time"
)

// The thresholds of scanning. docs/decisions/patterns.md has what they were
// chosen by.
const (
	scanHour = 40 // different routes that do not exist, in an hour
	scanDay  = 80 // and in a day
	// scanShare is the share of a client's requests that must have found nothing:
	// a crawler with stale links finds more than it misses.
	scanShare = 0.6
	// everybody is how many clients must find nothing at a route for it to count
	// for none: a broken link, or what browsers ask every site for.
	everybody = 4
	toolHour  = 4 // families of things that scanners look for
	toolDay   = 6
)

// A client is what is counted of an address.
type client struct {
	hour, day            scanWindow
	failing              failing
	tools, toolsHour     uint64 // families, a bit each
	toolsAt, toolsHourAt time.Time
	toolsTold            bool
}

type scanWindow struct {
	began    time.Time
	requests int
	missed   int
	routes   few
	told     bool
}

func (w *scanWindow) at(now time.Time, length time.Duration) {
	if now.Sub(w.began) >= length || now.Before(w.began) {
		*w = scanWindow{began: now, routes: w.routes[:0]}
	}
}

// crowd are the clients that found nothing at a route.
type crowd struct {
	clients few
	at      time.Time
}

func (p *Patterns) scan(v *view, tools uint64, alarms *[]Alarm) {
	c := p.clients.of(v.client)
	c.hour.at(v.now, time.Hour)
	c.day.at(v.now, 24*time.Hour)
	c.hour.requests++
	c.day.requests++
	if tools != 0 && v.failed() {
		c.tool(v, tools, alarms)
	}
	if !v.notFound() {
		return
	}
	c.hour.missed++
	c.day.missed++
	m := p.misses.of(v.route)
	if v.now.Sub(m.at) > 24*time.Hour {
		m.clients, m.at = m.clients[:0], v.now
	}
	m.clients.add(uint32(v.client), everybody)
	if len(m.clients) >= everybody && tools == 0 {
		return
	}
	c.hour.miss(v, scanHour, time.Hour, alarms)
	c.day.miss(v, scanDay, 24*time.Hour, alarms)
}

func (w *scanWindow) miss(v *view, most int, length time.Duration, alarms *[]Alarm) {
	w.routes.add(uint32(v.route), most)
	if w.told || len(w.routes) < most || float64(w.missed) < scanShare*float64(w.requests) {
		return
	}
	w.told = true
	*alarms = append(*alarms, v.alarm(Scan, len(w.routes), length, "%d different routes that do not exist, %d of %d requests", len(w.routes), w.missed, w.requests))
}

func (c *client) tool(v *view, families uint64, alarms *[]Alarm) {
	if v.now.Sub(c.toolsAt) >= 24*time.Hour {
		c.tools, c.toolsAt, c.toolsTold = 0, v.now, false
	}
	if v.now.Sub(c.toolsHourAt) >= time.Hour {
		c.toolsHour, c.toolsHourAt = 0, v.now
	}
	c.tools |= families
	c.toolsHour |= families
	n, hour := bits.OnesCount64(c.tools), bits.OnesCount64(c.toolsHour)
	if c.toolsTold || n < toolDay && hour < toolHour {
		return
	}
	c.toolsTold = true
	*alarms = append(*alarms, v.alarm(Tool, n, 24*time.Hour, "%d different things that scanners look for", n))
}
