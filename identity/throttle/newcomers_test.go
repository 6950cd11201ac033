package throttle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
)

// class has n people come within a time, each from an address of their own or all from
// one office; typos says how often each mistypes.
func (c *crowdWorld) class(n int, within time.Duration, office bool, typos func(i int) int) {
	for i := range n {
		from := home(i)
		if office {
			from = home(0)
		}
		c.comes(time.Duration(c.rand.Int64N(int64(within))), c.person(fmt.Sprint("person", i), from, typos(i)))
	}
}

func fiveTypos(int) int { return 5 }

// someTypos is one in four who mistypes, once to three times.
func someTypos(i int) int {
	if i%4 == 0 {
		return 1 + i%3
	}
	return 0
}

// TestNewcomers_OrdinaryMornings: nobody who comes has the right password refused, and
// everybody gets in.
func TestNewcomers_OrdinaryMornings_NobodyIsRefused(t *testing.T) {
	for name, do := range map[string]func(c *crowdWorld){
		"30 at home within 10 s, five mistakes each":        func(c *crowdWorld) { c.class(30, 10*time.Second, false, fiveTypos) },
		"200 at home within a minute, five mistakes each":   func(c *crowdWorld) { c.class(200, time.Minute, false, fiveTypos) },
		"200 at home within 10 minutes, five mistakes each": func(c *crowdWorld) { c.class(200, 10*time.Minute, false, fiveTypos) },
		"30 in an office within 10 minutes, five each":      func(c *crowdWorld) { c.class(30, 10*time.Minute, true, fiveTypos) },
		"200 in an office within 10 minutes, five each":     func(c *crowdWorld) { c.class(200, 10*time.Minute, true, fiveTypos) },
		"200 in an office within a minute, one in four":     func(c *crowdWorld) { c.class(200, time.Minute, true, someTypos) },
		"1,000 at home within a minute, one in four":        func(c *crowdWorld) { c.class(1000, time.Minute, false, someTypos) },
		"tickets are sold, 500 at a slow backend": func(c *crowdWorld) {
			c.latency = 2 * time.Second
			c.class(500, time.Minute, false, someTypos)
		},
		"500 register within an hour, and sign in": func(c *crowdWorld) {
			for i := range 500 {
				p := c.person(fmt.Sprint("person", i), home(i), someTypos(i))
				after := time.Duration(c.rand.Int64N(int64(time.Hour)))
				c.at(c.now.Add(after), func() { c.registers(p) })
				c.comes(after+time.Minute, p)
				p.givesUp = i%20 == 4
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, throttle.Options{})
			do(c)
			c.run()
			gaveUp := 0
			if strings.HasPrefix(name, "500 register") {
				gaveUp = 500 / 20
			}
			if len(c.people.refused) > 0 || c.people.in+gaveUp != c.people.came {
				t.Errorf("%+v", c.people)
			}
		})
	}
}

// registers has somebody sign up, at a backend that signs nobody in by it.
func (c *crowdWorld) registers(p *actor) {
	a := signIn(p.account, p.right, p.from, "")
	a.Kind = signin.SignUp
	try := c.Check(c.Context(), a)
	if try.Decision.Verdict != gatehouse.Pass {
		c.Errorf("a sign-up is refused by %s", try.Decision.Rule)
	}
	c.Told(c.Context(), try, throttle.Result{Outcome: signin.Success})
}

// flood is a list of stolen passwords, each tried from an address of its own: no more of
// them pass than may, all at once.
func (c *crowdWorld) flood(n int) (judged int) {
	for range n {
		c.flooded++
		try := c.Check(c.Context(), signIn(fmt.Sprint("stolen", c.flooded), fmt.Sprint("elsewhere", c.flooded), home(1<<24+c.flooded), ""))
		c.findings = append(c.findings, try.Findings...)
		if try.Decision.Verdict == gatehouse.Pass {
			c.Told(c.Context(), try, throttle.Result{Outcome: signin.Failure})
			judged++
		} else if try.Decision.Rule != throttle.RuleStuffing || try.RetryAfter <= 0 {
			c.Errorf("refused by %q, and may come again in %s", try.Decision.Rule, try.RetryAfter)
		}
	}
	return judged
}

// TestNewcomers_KnownDevices has everybody sign in again, in the midst of stuffing: the
// sessions were lost, and the gate has forgotten what it need not write down.
func TestNewcomers_KnownDevices_AreNeverConcerned(t *testing.T) {
	c := newCrowd(t, throttle.Options{})
	c.class(500, 30*time.Minute, false, someTypos)
	c.run()
	if c.people.in != 500 || len(c.people.refused) > 0 {
		t.Fatalf("the first time: %+v", c.people)
	}
	known := c.devices
	c.restart(throttle.Options{})
	c.people = became{refused: map[string]int{}}
	c.flood(1000)
	for i, p := range known {
		again := c.person(p.account, home(9000+i), someTypos(i)) // from elsewhere
		again.device = p.device
		c.comes(time.Duration(c.rand.Int64N(int64(10*time.Minute))), again)
		// Another account of the household, by the same device.
		other := c.person(fmt.Sprint("sibling", i), home(9000+i), someTypos(i))
		other.device = p.device
		c.comes(time.Duration(c.rand.Int64N(int64(10*time.Minute))), other)
	}
	for n := range 600 {
		c.at(c.now.Add(time.Duration(n)*time.Second), func() { c.flood(3) })
	}
	c.run()
	if len(c.people.refused) > 0 || c.people.in != 1000 {
		t.Errorf("%+v", c.people)
	}
}

// TestNewcomers_Outage has a backend that takes every password for a wrong one for ten
// minutes, while 20 people who are new come each minute: half an hour after the gate
// was started, and at once.
func TestNewcomers_Outage_EndsWithIt(t *testing.T) {
	for _, test := range []struct {
		from           time.Duration
		refused, after int
	}{{30 * time.Minute, 0, 0}, {0, 200, 5}} {
		c := newCrowd(t, throttle.Options{})
		began := c.now.Add(test.from)
		ended := began.Add(10 * time.Minute)
		c.down = func(now time.Time) bool { return !now.Before(began) && now.Before(ended) }
		for i := range 60 * 20 {
			p := c.person(fmt.Sprint("person", i), home(i), 0)
			p.pause = time.Minute
			c.comes(time.Duration(i)*3*time.Second, p)
		}
		after := 0
		c.refusedAt = func(now time.Time) {
			if !now.Before(ended) {
				after++
			}
		}
		c.run()
		t.Logf("after %s: %+v; %d refused after the end", test.from, c.people, after)
		if c.people.late > test.refused || after > test.after || c.people.in != c.people.came {
			t.Errorf("after %s: %d refused after it has ended, of %+v", test.from, after, c.people)
		}
	}
}

// TestNewcomers_Stuffing from addresses that are all different, with passwords that are
// all different, while a newcomer comes each minute. What comes again when it is told to
// is stopped less: the numbers are in docs/decisions/sign-in-throttle.md.
func TestNewcomers_StuffingFromAsManyAddresses_IsBounded(t *testing.T) {
	for _, attack := range []struct {
		list    int
		within  time.Duration
		returns int
		judged  int
		starves bool // people who are new, while it goes on
	}{
		{150, time.Millisecond, 0, 60, false},
		{150, 2 * time.Second, 0, 62, false},
		{1000, time.Hour, 0, 200, false},
		{10_000, 24 * time.Hour, 0, 3400, false},
		{100_000, time.Hour, 0, 200, false},
		{150, 2 * time.Second, 1, 95, false},
		{1000, time.Hour, 1, 1000, false},
		{50_000, time.Hour, 1, 1500, true},
	} {
		t.Run(fmt.Sprint(attack.list, " within ", attack.within, ", coming again ", attack.returns), func(t *testing.T) {
			c := newCrowd(t, throttle.Options{})
			if attack.list > 10_000 && !long() {
				attack.list /= 10
			}
			for i := range attack.list {
				c.comes(time.Duration(int64(attack.within)*int64(i)/int64(attack.list)), c.machine(i, attack.returns))
			}
			for i := range max(int(attack.within/time.Minute), 5) {
				c.comes(time.Duration(i)*time.Minute+10*time.Second, c.person(fmt.Sprint("person", i), home(i), someTypos(i)))
			}
			c.run()
			t.Logf("%d of %d judged; people %+v", c.machines.judged, c.machines.came, c.people)
			if c.machines.judged > attack.judged {
				t.Errorf("%d judged, want %d at most", c.machines.judged, attack.judged)
			}
			if !attack.starves && (c.people.in != c.people.came || c.people.longest > 10*time.Second) {
				t.Errorf("people: %+v", c.people)
			}
			if c.machines.judged < attack.list && !c.found(throttle.RuleStuffing) {
				t.Error("nothing says so")
			}
		})
	}
}

func TestNewcomers_WhoComesAgain_GetsInFromThereAlone(t *testing.T) {
	c := newCrowd(t, throttle.Options{})
	c.passwords["ann"], c.passwords["bob"] = "right", "right too"
	if judged := c.flood(200); judged != 60 {
		t.Fatalf("%d judged", judged)
	}
	enter := func(account, from string) string {
		ok, rule, _ := c.enter(signIn(account, c.passwords[account], from, ""))
		if ok {
			return "in"
		}
		return rule
	}
	for _, step := range []struct {
		after         time.Duration
		account, from string
		want          string
	}{
		{0, "ann", home(1), throttle.RuleStuffing},
		{time.Second, "ann", home(1), throttle.RuleStuffing},     // too soon
		{4 * time.Second, "ann", home(2), throttle.RuleStuffing}, // from elsewhere
		{0, "bob", home(1), throttle.RuleStuffing},               // another
		{0, "ann", home(1), "in"},
		{0, "bob", home(1), "in"}, // somebody signed in there
	} {
		c.now = c.now.Add(step.after)
		if got := enter(step.account, step.from); got != step.want {
			t.Errorf("%s from %s: %q, want %q", step.account, step.from, got, step.want)
		}
	}
	told := 0
	for _, f := range c.findings {
		if f.Rule == throttle.RuleStuffing {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times: %v", told, c.findings)
	}
}

// TestNewcomers_WhereAKnownDeviceIs has a new telephone at home, where the laptop signs
// in.
func TestNewcomers_WhereAKnownDeviceIs_AreNotAsked(t *testing.T) {
	c := newCrowd(t, throttle.Options{})
	c.passwords["ann"], c.passwords["bob"] = "right", "right too"
	_, _, device := c.enter(signIn("ann", "right", home(1), ""))
	if ok, rule, _ := c.enter(signIn("ann", "right", home(2), device)); !ok {
		t.Fatalf("the laptop is refused by %q", rule)
	}
	c.flood(200)
	if ok, rule, _ := c.enter(signIn("bob", "right too", home(2), "")); !ok {
		t.Errorf("the telephone is refused by %q", rule)
	}
}

// TestNewcomers_AnAttackersOwnAccount must not open what strangers are kept from: by
// signing in at each address first, by the device's cookie, or by getting in often.
func TestNewcomers_AnAttackersOwnAccount_OpensLittle(t *testing.T) {
	for name, prepare := range map[string]func(c *crowdWorld, n int) (device string){
		"at each address": func(c *crowdWorld, n int) string {
			c.enter(signIn("mallory", "mine", home(1<<24+n), ""))
			return ""
		},
		"with its cookie": func(c *crowdWorld, _ int) string {
			_, _, device := c.enter(signIn("mallory", "mine", home(1), ""))
			return device
		},
		"getting in elsewhere": func(c *crowdWorld, n int) string {
			c.enter(signIn("mallory", "mine", home(1<<25+n), ""))
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, throttle.Options{})
			c.passwords["mallory"] = "mine"
			judged := 0
			for i := range 1000 {
				a := signIn(fmt.Sprint("stolen", i), fmt.Sprint("elsewhere", i), home(1<<24+i), prepare(c, i))
				if try := c.Check(t.Context(), a); try.Decision.Verdict == gatehouse.Pass {
					c.Told(t.Context(), try, throttle.Result{Outcome: signin.Failure})
					judged++
				}
				c.now = c.now.Add(time.Second / 10)
			}
			if judged > 85 { // 60, 8 addresses or 4 guests, and what fades meanwhile
				t.Errorf("%d were judged", judged)
			}
			t.Logf("%d were judged", judged)
		})
	}
}

// TestNewcomers_WhatIsNoSign: answers that do not tell, and of routes that are not there,
// make nobody come again.
func TestNewcomers_WhatTellsNothing_CountsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		result throttle.Result
		first  bool // somebody signed in at the route
		counts bool
	}{
		"a wrong password":                       {throttle.Result{Outcome: signin.Failure}, true, true},
		"unsure":                                 {throttle.Result{Outcome: signin.Unsure}, true, false},
		"the backend failed":                     {throttle.Result{Outcome: signin.Unjudged}, true, false},
		"a code is asked for":                    {throttle.Result{Outcome: signin.Halfway}, true, false},
		"nothing there":                          {throttle.Result{Outcome: signin.Failure, Missing: true}, false, false},
		"404 for names that the sign-in has not": {throttle.Result{Outcome: signin.Failure, Missing: true}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, throttle.Options{})
			c.passwords["ann"] = "right"
			if test.first {
				c.enter(signIn("ann", "right", home(1), ""))
			}
			for i := range 300 {
				try := c.Check(t.Context(), signIn(fmt.Sprint("name", i), fmt.Sprint("password", i), home(1<<24+i), ""))
				if try.Decision.Verdict == gatehouse.Pass {
					c.Told(t.Context(), try, test.result)
				}
			}
			ok, rule, _ := c.enter(signIn("ann", "right", home(2), ""))
			if ok == test.counts || test.counts && rule != throttle.RuleStuffing {
				t.Errorf("then somebody new: %v %q", ok, rule)
			}
		})
	}
}
