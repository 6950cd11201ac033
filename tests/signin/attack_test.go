package signin

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An office is a backend with accounts, whose sign-in costs nothing: it is there
// to be attacked. Its answers are those of a hundred others: the form again, or a
// cookie and a redirect.
type office struct {
	passwords map[string]string
	// judged is how many passwords it judged by account, and right how many of
	// those were.
	mu            sync.Mutex
	judged, right map[string]int
	given         atomic.Int64
}

func newOffice() *office {
	return &office{passwords: map[string]string{"ann": "correct horse", "bob": "battery staple"}, judged: map[string]int{}, right: map[string]int{}}
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	if r.Method != http.MethodPost || r.URL.Path != "/login" {
		fmt.Fprint(w, "<p>hello")
		return
	}
	name := r.FormValue("user")
	right := name != "" && o.passwords[name] == r.FormValue("password")
	o.mu.Lock()
	o.judged[name]++
	if right {
		o.right[name]++
	}
	o.mu.Unlock()
	if !right {
		fmt.Fprint(w, `<p class="error">Wrong name or password.</p><form method="post"><input name="user"><input type="password" name="password"></form>`)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: fmt.Sprintf("k3v9x0q27bz5m1w8r4t6y2c7d5f0hg%08d", o.given.Add(1)), Path: "/", HttpOnly: true})
	http.Redirect(w, r, "/home", http.StatusSeeOther)
}

func (o *office) wrong(name string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.judged[name] - o.right[name]
}

// A device signs in from somewhere, and keeps the gate's cookie.
type device struct {
	from   string
	cookie string
}

func (d *device) signIn(t *testing.T, s *site, c *http.Client, name, password string) int {
	r, err := http.NewRequest("POST", s.origin+"/login", strings.NewReader(url.Values{"user": {name}, "password": {password}}.Encode()))
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-For", d.from)
	if d.cookie != "" {
		r.Header.Set("Cookie", d.cookie)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	for _, one := range res.Cookies() {
		if strings.HasPrefix(one.Name, "__Host-gate") {
			d.cookie = one.Name + "=" + one.Value
		}
	}
	return res.StatusCode
}

const (
	attackers = 3000
	// span is how long the attack takes by the gate's clock: long enough for
	// every guess that the growing delay lets through.
	span = 24 * time.Hour
)

// TestAttack_OneAccountFromThreeThousandAddresses_ItsOwnerGetsIn has 300,000
// guesses at one account within a day, while the owner signs in every minute by
// the device that did so before, and somebody else, each hour, by one that did
// not, to another account.
func TestAttack_OneAccountFromThreeThousandAddresses_ItsOwnerGetsIn(t *testing.T) {
	guesses := 3000
	if longRun() {
		guesses = 300_000
	}
	o := newOffice()
	backend := httptest.NewServer(o)
	t.Cleanup(backend.Close)
	s := startSite(t, backend.URL, "network: {trusted_proxies: [127.0.0.1]}\n")
	c := &http.Client{Transport: s.transport(), Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	owner := &device{from: "198.51.100.7"}
	if status := owner.signIn(t, s, c, "ann", o.passwords["ann"]); status != http.StatusSeeOther || owner.cookie == "" {
		t.Fatalf("the owner's first sign-in: %d, and the cookie %q", status, owner.cookie)
	}
	statuses := [600]atomic.Int64{}
	var owned, strangers, turned int
	began := time.Now()
	each := span / time.Duration(guesses)
	minute, hour := time.Duration(0), time.Duration(0)
	var batch sync.WaitGroup
	places := make(chan struct{}, 16) // that many at once
	for i := range guesses {
		s.pass(each)
		now := time.Duration(i) * each
		for ; minute <= now; minute += time.Minute {
			if status := owner.signIn(t, s, c, "ann", o.passwords["ann"]); status != http.StatusSeeOther {
				turned++
				t.Errorf("after %d guesses and %s the owner is answered %d", i, now, status)
			}
			owned++
		}
		for ; hour <= now; hour += time.Hour {
			d := &device{from: fmt.Sprintf("203.0.113.%d", strangers+1)}
			if status := d.signIn(t, s, c, "bob", o.passwords["bob"]); status != http.StatusSeeOther {
				t.Errorf("after %d guesses another account's owner is answered %d", i, status)
			}
			strangers++
		}
		places <- struct{}{}
		batch.Go(func() {
			defer func() { <-places }()
			n := rand.IntN(attackers)
			d := &device{from: fmt.Sprintf("10.%d.%d.9", n/250, n%250)}
			statuses[d.signIn(t, s, c, "ann", fmt.Sprint("guess ", i))].Add(1)
		})
		if turned > 5 {
			t.FailNow()
		}
	}
	batch.Wait()
	took := time.Since(began)
	told := map[int]int64{}
	for status := range statuses {
		if n := statuses[status].Load(); n > 0 {
			told[status] = n
		}
	}
	judged := o.wrong("ann")
	t.Logf("%d guesses from %d addresses in %s (%.0f a second): %d reached the backend; answers by status %v; the owner signed in %d of %d times, and others %d",
		guesses, attackers, took.Round(time.Second), float64(guesses)/took.Seconds(), judged, told, owned-turned, owned, strangers)
	if judged > 100 || judged < 50 {
		t.Errorf("%d guesses reached the backend, want some and at most 100", judged)
	}
	if told[http.StatusSeeOther] > 0 {
		t.Errorf("%d guesses were taken for sign-ins", told[http.StatusSeeOther])
	}
}
