package throttle_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
)

// A crowdWorld is people and machines who sign in beside each other, at a backend that takes
// its time: guesses are under way while others come.
type crowdWorld struct {
	*world
	rand    *rand.Rand
	due     dues
	latency time.Duration
	// down has the backend say that every password is wrong.
	down func(now time.Time) bool
	// people and machines are what became of them.
	people, machines became
	// devices are those who got in, with their cookies; refusedAt is told of each right
	// password that is refused.
	devices   []*actor
	refusedAt func(now time.Time)
	order     int
	// flooded is how many of a list have been tried.
	flooded int
}

// became is what became of some.
type became struct {
	// came and in are how many came and got in; late, how many of them had the right
	// password refused before; never are those who did not get in though they had it.
	came, in, late, never int
	// refused are refusals of the right password, by rule; judged what the backend saw.
	refused map[string]int
	judged  int
	// longest is the longest that a right password waited.
	longest time.Duration
}

func newCrowd(t *testing.T, o throttle.Options) *crowdWorld {
	c := &crowdWorld{world: newWorld(t, o), rand: rand.New(rand.NewPCG(7, 11)), latency: 300 * time.Millisecond, down: func(time.Time) bool { return false }}
	c.people.refused, c.machines.refused = map[string]int{}, map[string]int{}
	return c
}

// An actor signs in at an account from somewhere.
type actor struct {
	account, from, device string
	right                 string
	// typos are how many wrong passwords come before the right one; gives up: it does
	// not come.
	typos   int
	givesUp bool
	// pause is between tries.
	pause time.Duration
	// returns: it comes again when it is told to, up to so many times.
	returns int
	became  *became

	at     int // of the typos
	waited time.Time
	late   bool
}

type dueAt struct {
	at    time.Time
	order int
	do    func()
}

type dues []dueAt

func (d dues) Len() int { return len(d) }
func (d dues) Less(i, j int) bool {
	return d[i].at.Before(d[j].at) || d[i].at.Equal(d[j].at) && d[i].order < d[j].order
}
func (d dues) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x any)   { *d = append(*d, x.(dueAt)) }
func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func (c *crowdWorld) at(when time.Time, do func()) {
	c.order++
	heap.Push(&c.due, dueAt{when, c.order, do})
}

// run does what is due, until nothing is.
func (c *crowdWorld) run() {
	for len(c.due) > 0 {
		d := heap.Pop(&c.due).(dueAt)
		if d.at.After(c.now) {
			c.now = d.at
		}
		d.do()
	}
}

// comes has an actor come after some time.
func (c *crowdWorld) comes(after time.Duration, a *actor) {
	a.became.came++
	c.at(c.now.Add(after), func() { c.tries(a) })
}

func (c *crowdWorld) tries(a *actor) {
	right := a.at == a.typos
	password := a.right
	if !right {
		password = fmt.Sprint("typo ", a.at, a.right)
	}
	try := c.Check(c.Context(), signIn(a.account, password, a.from, a.device))
	c.findings = append(c.findings, try.Findings...)
	if try.Decision.Verdict != gatehouse.Pass {
		c.isRefused(a, try, right)
		return
	}
	a.became.judged++
	c.at(c.now.Add(c.latency), func() { c.isTold(a, try, right) })
}

func (c *crowdWorld) isRefused(a *actor, try *throttle.Try, right bool) {
	if right {
		if c.refusedAt != nil {
			c.refusedAt(c.now)
		}
		a.became.refused[try.Decision.Rule]++
		if !a.late {
			a.late, a.waited = true, c.now
			a.became.late++
		}
	}
	if a.returns == 0 {
		if right {
			a.became.never++
		}
		return
	}
	a.returns--
	c.at(c.now.Add(try.RetryAfter.Round(time.Second)+time.Second), func() { c.tries(a) })
}

func (c *crowdWorld) isTold(a *actor, try *throttle.Try, right bool) {
	outcome := signin.Failure
	down := c.down(c.now)
	if right && !down && c.passwords[a.account] == a.right {
		outcome = signin.Success
	}
	settled := c.Told(c.Context(), try, throttle.Result{Outcome: outcome, Binds: outcome == signin.Success})
	c.findings = append(c.findings, settled.Findings...)
	switch {
	case outcome == signin.Success:
		a.became.in++
		if a.late {
			a.became.longest = max(a.became.longest, c.now.Sub(a.waited))
		}
		if settled.Device != nil {
			a.device = settled.Device.Value
			c.devices = append(c.devices, a)
		}
	case right && a.givesUp, right && !down: // a machine's guess was wrong
	default:
		if !right {
			a.at++
		}
		if a.at == a.typos && a.givesUp {
			return
		}
		c.at(c.now.Add(a.pause/2+time.Duration(c.rand.Int64N(int64(a.pause)))), func() { c.tries(a) })
	}
}

// person is somebody who comes again when told to.
func (c *crowdWorld) person(name, from string, typos int) *actor {
	a := &actor{account: name, from: from, right: "right of " + name, typos: typos, pause: 8 * time.Second, returns: 10, became: &c.people}
	c.passwords[name] = a.right
	return a
}

// machine has one line of a list, and an address for it.
func (c *crowdWorld) machine(n, returns int) *actor {
	name := fmt.Sprint("leaked", n)
	return &actor{account: name, from: home(1<<20 + n), right: "elsewhere of " + name, returns: returns, became: &c.machines}
}

// home is an address of its own.
func home(n int) string { return fmt.Sprintf("2001:db8:%x:%x::1", n>>16, n&0xffff) }
