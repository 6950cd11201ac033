package throttle

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// enumeration compares the answers to failures for accounts that are known to
// exist, since somebody signed in to them, with those for names that nobody ever
// did. Among the latter are people who were not seen yet: that hides a
// difference and never makes one.
type enumeration struct {
	mu     sync.Mutex
	routes map[string]*compared
}

// A compared is one route.
type compared struct {
	known, unknown sample
	shapes         map[uint64]*[2]int
	toldContent    bool
	toldTime       bool
}

const (
	maxCompared = 64
	maxShapes   = 32
	// enough is how many answers of either sort are compared.
	enough = 50
	// surely is how many standard errors two means differ by where they do: at six
	// chance alone does that once in 500 million looks.
	surely = 6
	// visible is the difference that can be measured over a network with some
	// hundred requests (Crosby, Wallach and Riedi 2009: 100 µs at best).
	visible = 3 * time.Millisecond
	// longest is what a time counts as at most: a backend that hung says nothing.
	longest = 2 * time.Second
)

// A sample is the mean and variance of times (Welford 1962).
type sample struct {
	n        int
	mean, m2 float64
}

func (s *sample) add(d time.Duration) {
	x := min(d, longest).Seconds()
	s.n++
	delta := x - s.mean
	s.mean += delta / float64(s.n)
	s.m2 += delta * (x - s.mean)
}

func (s *sample) squaredError() float64 { return s.m2 / float64(s.n-1) / float64(s.n) }

// told notes a failure, and gives what the answers of the route give away. Each
// is told once.
func (e *enumeration) told(route string, exists bool, shape uint64, took time.Duration) (found []Finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.routes[route]
	if c == nil {
		if len(e.routes) >= maxCompared {
			return nil
		}
		c = &compared{shapes: map[uint64]*[2]int{}}
		e.routes[route] = c
	}
	at, times := 0, &c.unknown
	if exists {
		at, times = 1, &c.known
	}
	if took > 0 {
		times.add(took)
	}
	if n := c.shapes[shape]; n != nil {
		n[at]++
	} else if shape != 0 && len(c.shapes) < maxShapes {
		n := new([2]int)
		n[at]++
		c.shapes[shape] = n
	}
	if f, ok := c.byContent(route); ok {
		found = append(found, f)
	}
	if f, ok := c.byTime(route); ok {
		found = append(found, f)
	}
	return found
}

// byContent looks for an answer that names alone get that nobody signed in with.
func (c *compared) byContent(route string) (Finding, bool) {
	total := [2]int{}
	for _, n := range c.shapes {
		total[0], total[1] = total[0]+n[0], total[1]+n[1]
	}
	if c.toldContent || total[0] < enough || total[1] < enough {
		return Finding{}, false
	}
	for _, n := range c.shapes {
		if n[0]*5 >= total[0] && n[1]*100 <= total[1] || n[1]*5 >= total[1] && n[0]*100 <= total[0] {
			c.toldContent = true
			return Finding{Rule: RuleEnumerationContent, Route: route,
				Evidence: fmt.Sprintf("the answer to a wrong password differs for accounts that exist: one form of it came for %d of %d names that nobody signed in with, and for %d of %d accounts", n[0], total[0], n[1], total[1])}, true
		}
	}
	return Finding{}, false
}

func (c *compared) byTime(route string) (Finding, bool) {
	if c.toldTime || c.known.n < enough || c.unknown.n < enough {
		return Finding{}, false
	}
	difference := math.Abs(c.known.mean - c.unknown.mean)
	if difference < visible.Seconds() || difference < surely*math.Sqrt(c.known.squaredError()+c.unknown.squaredError()) {
		return Finding{}, false
	}
	c.toldTime = true
	ms := func(s float64) time.Duration {
		return time.Duration(s * float64(time.Second)).Round(100 * time.Microsecond)
	}
	return Finding{Rule: RuleEnumerationTime, Route: route,
		Evidence: fmt.Sprintf("a wrong password takes %s for accounts that exist and %s for names that nobody signed in with", ms(c.known.mean), ms(c.unknown.mean))}, true
}
