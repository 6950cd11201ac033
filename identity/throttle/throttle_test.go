package throttle_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/identity/throttle"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/memory"
)

// A world is a throttle, its clock, and a backend that knows passwords.
type world struct {
	*testing.T
	*throttle.Throttle
	now       time.Time
	store     store.Store
	passwords map[string]string
	judged    map[string]int // guesses that the backend saw, by account
	findings  []throttle.Finding
}

func newWorld(t *testing.T, o throttle.Options) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2030, 1, 7, 8, 0, 0, 0, time.UTC), passwords: map[string]string{}, judged: map[string]int{}}
	s, err := memory.New(memory.Options{Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	w.restart(o)
	return w
}

func (w *world) restart(o throttle.Options) {
	w.Helper()
	o.Store, o.Now = w.store, func() time.Time { return w.now }
	var err error
	if w.Throttle, err = throttle.New(o); err != nil {
		w.Fatal(err)
	}
}

func signIn(account, password, client, device string) throttle.Attempt {
	a := throttle.Attempt{Client: netip.MustParseAddr(client), Device: device}
	a.Kind, a.Route, a.Account, a.Named = signin.SignIn, "POST /login", signin.Account(account), true
	a.Secrets = []secret.Text{secret.Text(password)}
	return a
}

// enter tries to sign in: it gives the rule of a refusal, and the device's
// cookie after a success.
func (w *world) enter(a throttle.Attempt) (ok bool, rule, device string) {
	w.Helper()
	try := w.Check(w.Context(), a)
	w.findings = append(w.findings, try.Findings...)
	if try.Decision.Verdict != gatehouse.Pass {
		if s := try.Decision.HTTPStatus(); s != http.StatusTooManyRequests && s != http.StatusBadRequest {
			w.Fatalf("refused with status %d", s)
		}
		return false, try.Decision.Rule, ""
	}
	w.judged[a.Account]++
	outcome := signin.Failure
	if want, exists := w.passwords[a.Account]; exists && want == a.Secrets[0].Reveal() {
		outcome = signin.Success
	}
	settled := w.Told(w.Context(), try, throttle.Result{Outcome: outcome, Binds: outcome == signin.Success})
	w.findings = append(w.findings, settled.Findings...)
	if settled.Device != nil {
		device = settled.Device.Value
	}
	return outcome == signin.Success, "", device
}

func (w *world) found(rule string) bool {
	return slices.ContainsFunc(w.findings, func(f throttle.Finding) bool { return f.Rule == rule })
}

func TestCheck_PersonMistypesFiveTimes_GetsIn(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"] = "right"
	for i := range 5 {
		if ok, rule, _ := w.enter(signIn("Ann", fmt.Sprint("typo", i), "192.0.2.1", "")); ok || rule != "" {
			t.Fatalf("try %d: %v %q", i, ok, rule)
		}
		w.now = w.now.Add(time.Second)
	}
	if ok, rule, device := w.enter(signIn("ann", "right", "192.0.2.1", "")); !ok || device == "" {
		t.Fatalf("refused by %q, device %q", rule, device)
	}
	if len(w.findings) > 0 {
		t.Errorf("findings about a person: %v", w.findings)
	}
}

// TestCheck_ManyAtOnce_PassNoMoreThanThose fires before any outcome is told.
func TestCheck_ManyAtOnce_PassNoMoreThanAllowed(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for g := range 16 {
		wg.Go(func() {
			for i := range 50 {
				try := w.Check(t.Context(), signIn("victim", fmt.Sprint(g, "-", i), fmt.Sprintf("10.0.%d.%d", g, i), ""))
				if try.Decision.Verdict == gatehouse.Pass {
					mu.Lock()
					passed++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if passed > 7 {
		t.Errorf("%d guesses passed at one moment, want those without a delay", passed)
	}
}

// Whoever read the clock first may take the lane second.
func TestCheck_ClockReadBeforeAnother_IsNotRefusedForThat(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 4 {
		if _, rule, _ := w.enter(signIn("ann", fmt.Sprint("typo", i), fmt.Sprintf("192.0.2.%d", i), "")); rule != "" {
			t.Fatalf("try %d is refused: %s", i, rule)
		}
		w.now = w.now.Add(-time.Microsecond)
	}
}

func TestCheck_OldPasswordOfAProgram_ClosesNothing(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"] = "new"
	for range 2000 { // a mail program, each minute for more than a day
		if _, rule, _ := w.enter(signIn("ann", "old", "192.0.2.1", "")); rule != "" && rule != throttle.RuleAddress {
			t.Fatalf("refused by %q", rule)
		}
		w.now = w.now.Add(time.Minute)
	}
	if ok, rule, _ := w.enter(signIn("ann", "new", "192.0.2.77", "")); !ok {
		t.Errorf("the owner was refused by %q", rule)
	}
}

// TestCheck_MondayMorning has 300 people behind one address, none with a known
// device: one in six mistypes, one in thirty has forgotten the password.
func TestCheck_MondayMorning_NobodyIsRefused(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 300 {
		account := fmt.Sprint("person", i)
		w.passwords[account] = fmt.Sprint("right", i)
	}
	type due struct {
		at     int
		person int
		typos  int
	}
	var all []due
	for i := range 300 {
		typos := 0
		switch {
		case i%30 == 7:
			typos = 5 // and gives up
		case i%6 == 1:
			typos = 1 + i%3
		}
		all = append(all, due{i * 1800 / 300, i, typos})
	}
	for _, d := range all { // within half an hour
		account := fmt.Sprint("person", d.person)
		for n := range d.typos {
			if _, rule, _ := w.enter(signIn(account, fmt.Sprint("typo", d.person, n), "192.0.2.1", "")); rule != "" {
				t.Fatalf("person %d, typo %d: refused by %q", d.person, n, rule)
			}
			w.now = w.now.Add(time.Second)
		}
		if d.typos < 5 {
			if ok, rule, _ := w.enter(signIn(account, w.passwords[account], "192.0.2.1", "")); !ok {
				t.Fatalf("person %d: refused by %q", d.person, rule)
			}
		}
		w.now = w.now.Add(5 * time.Second)
	}
	if len(w.findings) > 0 {
		t.Errorf("findings about an office: %v", w.findings)
	}
}

// TestCheck_ASchoolsFirstDay has a password that was handed out to all.
func TestCheck_SchoolsFirstPassword_IsNotSpraying(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 400 {
		account := fmt.Sprint("pupil", i)
		w.passwords[account] = "Welcome2030"
		if i%10 == 0 {
			w.passwords[account] = "changed"
		}
		ok, rule, _ := w.enter(signIn(account, "Welcome2030", "192.0.2.1", ""))
		if rule != "" || ok == (i%10 == 0) {
			t.Fatalf("pupil %d: %v %q", i, ok, rule)
		}
		w.now = w.now.Add(3 * time.Second)
	}
}

func TestCheck_StuffingFromOneAddress_IsRefusedSoon(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	judged := 0
	for i := range 5000 {
		if i%200 == 100 {
			w.passwords[fmt.Sprint("leaked", i)] = fmt.Sprint("password", i)
		}
		a := signIn(fmt.Sprint("leaked", i), fmt.Sprint("password", i), "2001:db8::"+fmt.Sprintf("%x", i+1), "")
		w.enter(a)
		judged += w.judged[a.Account]
		w.now = w.now.Add(time.Second)
	}
	if judged > 120 || !w.found(throttle.RuleStuffing) {
		t.Errorf("%d of 5000 were judged, findings %v", judged, w.findings)
	}
	t.Logf("%d of 5,000 from one /64 were judged", judged)
}

func TestDevice_ForgedStolenOrOld_IsAStranger(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"], w.passwords["bob"] = "a", "b"
	_, _, device := w.enter(signIn("ann", "a", "192.0.2.1", ""))
	lane := func(account, device string) string {
		try := w.Check(t.Context(), signIn(account, "x", "192.0.2.1", device))
		w.Told(t.Context(), try, throttle.Result{Outcome: signin.Unjudged})
		return try.Lane
	}
	if lane("ann", device) != throttle.LaneKnown || lane("Ánn", device) != throttle.LaneKnown {
		t.Error("the device is not known")
	}
	if lane("bob", device) != throttle.LaneStrangers {
		t.Error("a device of ann's is known to bob")
	}
	for i := range device {
		forged := device[:i] + string(device[i]^1) + device[i+1:]
		if lane("ann", forged) == throttle.LaneKnown && i < len(device)-1 { // the last character has bits that mean nothing
			t.Fatalf("forged at %d, and known", i)
		}
	}
	for _, forged := range []string{"", "x", strings.Repeat("A", 300), strings.Repeat("A", 1<<20), device + device} {
		if lane("ann", forged) == throttle.LaneKnown {
			t.Errorf("%.20q is known", forged)
		}
	}
	other := newWorld(t, throttle.Options{})
	other.passwords["ann"] = "a"
	_, _, foreign := other.enter(signIn("ann", "a", "192.0.2.1", ""))
	if lane("ann", foreign) == throttle.LaneKnown {
		t.Error("another gate's cookie is known")
	}
	// Whoever stole the cookie has some guesses, and the owner's next cookie none less.
	_, _, next := w.enter(signIn("ann", "a", "192.0.2.1", device))
	for i := range 300 {
		w.enter(signIn("ann", fmt.Sprint("thief", i), "203.0.113.1", device))
		w.now = w.now.Add(10 * time.Minute)
	}
	if got := w.judged["ann"] - 2; got > 10+100 {
		t.Errorf("the thief had %d guesses", got)
	}
	if ok, rule, _ := w.enter(signIn("ann", "a", "192.0.2.1", next)); !ok {
		t.Errorf("the owner was refused by %q", rule)
	}
	w.now = w.now.Add(200 * 24 * time.Hour)
	if lane("ann", next) == throttle.LaneKnown {
		t.Error("a cookie of 200 days ago is known")
	}
}

func TestDevice_AFamilys_KnowsTheLastEight(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	device := ""
	for i := range 12 {
		account := fmt.Sprint("child", i)
		w.passwords[account] = account + "pw"
		ok, rule, next := w.enter(signIn(account, account+"pw", "192.0.2.1", device))
		if !ok || next == device || len(next) > 400 {
			t.Fatalf("child %d: %v %q, a cookie of %d bytes", i, ok, rule, len(next))
		}
		device = next
	}
	for i := range 12 {
		try := w.Check(t.Context(), signIn(fmt.Sprint("child", i), "x", "192.0.2.1", device))
		if known := try.Lane == throttle.LaneKnown; known != (i >= 4) {
			t.Errorf("child %d: lane %q", i, try.Lane)
		}
	}
}

func TestDevice_Cookie_IsOneThatOnlyTheGateReads(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	try := w.Check(t.Context(), signIn("ann", "x", "192.0.2.1", ""))
	c := w.Told(t.Context(), try, throttle.Result{Outcome: signin.Success, Binds: true}).Device
	if c == nil || c.Name != throttle.DeviceCookie || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge < 3600 {
		t.Fatalf("the cookie is %+v", c)
	}
	r, err := http.NewRequest("GET", "https://shop.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(c)
	if throttle.DeviceOf(r) != c.Value {
		t.Error("it is not read back")
	}
	for name, result := range map[string]throttle.Result{
		"not whose": {Outcome: signin.Success}, "unsure": {Outcome: signin.Unsure, Binds: true}, "halfway": {Outcome: signin.Halfway, Binds: true}, "failure": {Outcome: signin.Failure, Binds: true},
	} {
		try := w.Check(t.Context(), signIn(name, "x", "192.0.2.2", ""))
		if c := w.Told(t.Context(), try, result).Device; c != nil {
			t.Errorf("%s: a device is made known", name)
		}
	}
}

// TestCheck_TwoAccountsNamed_BothAreCharged: naming another beside the victim must
// not give more guesses, nor a success as oneself reset the victim's.
func TestCheck_TwoAccountsNamed_BothAreCharged(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	passed := 0
	for i := range 1000 {
		a := signIn(fmt.Sprint("mallory", i), fmt.Sprint("guess", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), "")
		a.Others, a.Ambiguous = []string{"victim"}, true
		try := w.Check(t.Context(), a)
		if try.Decision.Verdict == gatehouse.Pass {
			passed++
			w.Told(t.Context(), try, throttle.Result{Outcome: []signin.Outcome{signin.Failure, signin.Success}[i%2], Binds: true})
		}
		w.now = w.now.Add(6 * time.Minute)
	}
	if passed > 210 {
		t.Errorf("%d passed", passed)
	}
	if _, rule, _ := w.enter(signIn("victim", "x", "203.0.113.1", "")); rule != throttle.RuleClosed && rule != throttle.RuleDelay {
		t.Errorf("the victim's lane is untouched: %q", rule)
	}
}

func TestCheck_Batch_IsRefused(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	a := signIn("ann", "x", "192.0.2.1", "")
	a.Batch = true
	if try := w.Check(t.Context(), a); try.Decision.Verdict == gatehouse.Pass || try.Decision.HTTPStatus() != 400 || try.Decision.Rule != throttle.RuleBatch {
		t.Errorf("a batch: %+v", try.Decision)
	}
	a = signIn("ann", "x", "192.0.2.1", "")
	a.Secrets, a.Ambiguous = append(a.Secrets, "y"), true
	if try := w.Check(t.Context(), a); try.Decision.Verdict == gatehouse.Pass {
		t.Error("two guesses in one request pass")
	}
}

func TestCheck_SecondFactor_CountsByItself(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	judged := 0
	for i := range 3000 {
		a := signIn("ann", fmt.Sprintf("%06d", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), "")
		a.Kind = signin.SecondFactor
		try := w.Check(t.Context(), a)
		if try.Decision.Verdict == gatehouse.Pass {
			judged++
			w.Told(t.Context(), try, throttle.Result{Outcome: signin.Failure})
		}
		w.now = w.now.Add(6 * time.Minute)
	}
	if judged != 100 {
		t.Errorf("%d codes of 3000 were judged, want 100", judged)
	}
	w.passwords["ann"] = "right"
	if ok, rule, _ := w.enter(signIn("ann", "right", "192.0.2.1", "")); !ok {
		t.Errorf("the password's lane: %q", rule)
	}
}

func TestCheck_CouponsAndRecovery_AreLimitedByAddress(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	passed := map[signin.Kind]int{}
	for i := range 500 {
		for _, kind := range []signin.Kind{signin.Coupon, signin.Recovery, signin.SignUp} {
			a := signIn(fmt.Sprint("name", i), fmt.Sprint("code", i), fmt.Sprintf("10.0.%d.1", kind), "")
			a.Kind = kind
			if kind == signin.Recovery {
				a.Secrets = nil
			}
			try := w.Check(t.Context(), a)
			if try.Decision.Verdict == gatehouse.Pass {
				passed[kind]++
				w.Told(t.Context(), try, throttle.Result{Outcome: signin.Failure})
			}
		}
	}
	if passed[signin.Coupon] != 50 || passed[signin.Recovery] != 60 || passed[signin.SignUp] != 60 {
		t.Errorf("passed: %v", passed)
	}
	// One account is not to get a thousand mails, however many ask.
	mails := 0
	for i := range 500 {
		a := signIn("victim", "", fmt.Sprintf("10.1.%d.%d", i/250, i%250), "")
		a.Kind, a.Secrets = signin.Recovery, nil
		if w.Check(t.Context(), a).Decision.Verdict == gatehouse.Pass {
			mails++
		}
	}
	if mails != 5 {
		t.Errorf("%d recoveries of one account at once", mails)
	}
}

func TestCheck_Proven_IsNoGuess(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 200 {
		w.enter(signIn("ann", fmt.Sprint(i), fmt.Sprintf("10.0.0.%d", i), ""))
		w.now = w.now.Add(6 * time.Minute)
	}
	a := signIn("ann", "right", "192.0.2.1", "")
	a.Proven = true
	if try := w.Check(t.Context(), a); try.Decision.Verdict != gatehouse.Pass || try.Lane != throttle.LaneProven {
		t.Errorf("refused by %q", try.Decision.Rule)
	}
}

func TestCheck_WithoutAnAccount_ClosesNobodysLane(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 1000 {
		w.enter(signIn("", fmt.Sprint(i), fmt.Sprintf("10.0.%d.%d", i/250, i%250), ""))
		w.now = w.now.Add(time.Second)
	}
	w.passwords[""] = "right"
	if ok, rule, _ := w.enter(signIn("", "right", "192.0.2.1", "")); !ok {
		t.Errorf("refused by %q", rule)
	}
	// A declared route with one password for all has one lane.
	for i := range 1000 {
		a := signIn("", fmt.Sprint(i), fmt.Sprintf("10.1.%d.%d", i/250, i%250), "")
		a.Declared, a.Route = true, "POST /admin"
		w.enter(a)
		w.now = w.now.Add(6 * time.Minute)
	}
	a := signIn("", "right", "192.0.2.1", "")
	a.Declared, a.Route = true, "POST /admin"
	if _, rule, _ := w.enter(a); rule != throttle.RuleClosed {
		t.Errorf("the declared route: %q, want %q", rule, throttle.RuleClosed)
	}
}

func TestClosed_OpensAfterAMonth(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"] = "right"
	for i := range 110 {
		w.enter(signIn("ann", fmt.Sprint(i), fmt.Sprintf("10.0.0.%d", i), ""))
		w.now = w.now.Add(6 * time.Minute)
	}
	if _, rule, _ := w.enter(signIn("ann", "right", "192.0.2.1", "")); rule != throttle.RuleClosed {
		t.Fatalf("%q, want %q", rule, throttle.RuleClosed)
	}
	w.now = w.now.Add(31 * 24 * time.Hour)
	if ok, rule, _ := w.enter(signIn("ann", "right", "192.0.2.1", "")); !ok {
		t.Errorf("after a month: %q", rule)
	}
}

func TestTold_GuessedAfterManyFailures_IsFound(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	w.passwords["ann"] = "right"
	for i := range 50 {
		w.enter(signIn("ann", fmt.Sprint(i), fmt.Sprintf("10.0.0.%d", i), ""))
		w.now = w.now.Add(6 * time.Minute)
	}
	if ok, rule, _ := w.enter(signIn("ann", "right", "10.0.0.99", "")); !ok || !w.found(throttle.RuleGuessed) {
		t.Errorf("%q, findings %v", rule, w.findings)
	}
}

func TestTold_BackendDown_CostsNothing(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	for i := range 1000 {
		try := w.Check(t.Context(), signIn("ann", fmt.Sprint(i), "192.0.2.1", ""))
		if try.Decision.Verdict != gatehouse.Pass {
			t.Fatalf("try %d: refused by %q", i, try.Decision.Rule)
		}
		w.Told(t.Context(), try, throttle.Result{Outcome: signin.Unjudged})
	}
}

// TestTold_AnswersThatGiveAwayWhoExists has a backend that hashes for accounts
// that exist alone, and says so; and one that does neither.
func TestTold_AnswersThatGiveAwayWhoExists_AreFound(t *testing.T) {
	for _, careless := range []bool{true, false} {
		w := newWorld(t, throttle.Options{Global: throttle.Rate{Burst: 1 << 20, Every: time.Millisecond}})
		for i := range 400 {
			account := fmt.Sprint("person", i)
			client := fmt.Sprintf("10.1.%d.%d", i/250, i%250)
			result := throttle.Result{Outcome: signin.Failure, Shape: 1, Took: 80*time.Millisecond + time.Duration(i*7919%20)*time.Millisecond}
			if i%2 == 0 {
				w.passwords[account] = "right"
				w.enter(signIn(account, "right", client, ""))
			} else if careless {
				result.Shape, result.Took = 2, time.Millisecond+time.Duration(i*7919%9)*time.Millisecond
			}
			try := w.Check(t.Context(), signIn(account, fmt.Sprint("wrong", i), client, ""))
			w.findings = append(w.findings, w.Told(t.Context(), try, result).Findings...)
			w.now = w.now.Add(time.Minute)
		}
		if w.found(throttle.RuleEnumerationContent) != careless || w.found(throttle.RuleEnumerationTime) != careless {
			t.Errorf("careless %v: findings %v", careless, w.findings)
		}
	}
}

func TestFindings_HoldNothingThatWasSent(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	var said strings.Builder
	for i := range 300 {
		try := w.Check(t.Context(), signIn("canary-account", fmt.Sprint("canary-secret", i), fmt.Sprintf("10.0.%d.1", i%250), ""))
		fmt.Fprintln(&said, try.Decision, try.Findings)
		fmt.Fprintf(&said, "%+v %v", *try, try)
		w.Told(t.Context(), try, throttle.Result{Outcome: signin.Failure})
		w.now = w.now.Add(6 * time.Minute)
	}
	if strings.Contains(said.String(), "canary-secret") {
		t.Error("a secret is printed")
	}
	for r, err := range w.store.Scan(t.Context(), store.Query{Kind: "identity.throttle"}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Key+string(r.Value), "canary") {
			t.Errorf("the store has %s %s", r.Key, r.Value)
		}
	}
}

func TestNew_BadOptions_AreRefusedByName(t *testing.T) {
	s, err := memory.New(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]throttle.Options{
		"Store": {}, "MaxFailures": {Store: s, MaxFailures: 101}, "Free": {Store: s, Free: 200}, "MaxDelay": {Store: s, MaxDelay: 1}, "DeviceFailures": {Store: s, DeviceFailures: -1},
		"Stuffed": {Store: s, Stuffed: 1}, "Newcomers": {Store: s, Newcomers: -1}, "Again": {Store: s, Again: throttle.Rate{Burst: 1}}, "Accounts": {Store: s, Accounts: 1}, "Address": {Store: s, Address: throttle.Rate{Burst: 1}},
	} {
		if _, err := throttle.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func TestStoreGone_IsSaidAndGuessesStayLimited(t *testing.T) {
	w := newWorld(t, throttle.Options{})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		w.enter(signIn("ann", fmt.Sprint(i), fmt.Sprintf("10.0.%d.1", i%250), ""))
		w.now = w.now.Add(6 * time.Minute)
	}
	if w.judged["ann"] != 100 || !w.found(throttle.RuleStore) {
		t.Errorf("%d guesses were judged, findings %v", w.judged["ann"], w.findings)
	}
}
