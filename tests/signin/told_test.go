package signin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/identity/signin"
)

// serveShop serves a shop on loopback until the test ends.
func serveShop(t *testing.T, s *shop.Shop) string {
	t.Helper()
	l, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func(l net.Listener) { done <- s.Serve(ctx, l) }(l)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the shop: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// A try is one attempt to sign in, as people make them.
type try struct {
	what           string
	name, password string
}

// tryOf draws one, of an account that is not signed in. After three failures in a
// row a person has found the password: MediaWiki takes no more than five itself.
func (a *application) tryOf(r *rand.Rand, signedIn string, failures map[string]int) try {
	name := a.names[r.IntN(len(a.names))]
	for name == signedIn {
		name = a.names[r.IntN(len(a.names))]
	}
	right := a.passwords[name]
	if failures[name] >= 3 {
		return try{"the right password at last", name, right}
	}
	all := []try{
		{"the right password", name, right}, {"the right password", name, right}, {"the right password", name, right},
		{"a name in other letters", strings.ToUpper(name[:1]) + name[1:], right}, {"a name in capitals", strings.ToUpper(name), right},
		{"a password that is mistyped", name, right[1:]}, {"a password that is mistyped", name, right + "."},
		{"another's password", name, a.passwords[a.names[(r.IntN(len(a.names)-1)+1)%len(a.names)]] + " "},
		{"no password", name, ""}, {"no account of that name", fmt.Sprintf("nobody%d@example.net", r.IntN(50)), right},
	}
	return all[r.IntN(len(all))]
}

func TestSignIn_OfRealApplications(t *testing.T) {
	n := 20
	if longRun() {
		n = 200
	}
	for name, start := range applications {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t)
			t.Run("WhoMistypes_GetsIn", a.within(mistypes))
			t.Run("RenewedSession_IsFollowed", a.within(renews[name]))
			t.Run("Session_IsItsOwnersUntilTheSignOut", a.within(owns))
			t.Run("EachTry_IsTold", a.within(func(t *testing.T, a *application) { checkTries(t, a, n) }))
		})
	}
}

// within has a part of a test fail by itself.
func (a *application) within(part func(*testing.T, *application)) func(*testing.T) {
	return func(t *testing.T) {
		all := a.site.t
		a.site.t = t
		defer func() { a.site.t = all }()
		part(t, a)
	}
}

// checkTries compares what the gate's events say of n tries with what the
// application says happened.
func checkTries(t *testing.T, a *application, n int) {
	r := rand.New(rand.NewPCG(7, 7))
	p := a.newPerson()
	succeeded, failed, wrong := 0, 0, 0
	failures := map[string]int{}
	for i := range n {
		a.site.pass(15 * time.Second)
		if r.IntN(3) == 0 {
			p = a.newPerson()
		}
		was := a.who(p)
		if was != "" && r.IntN(5) > 0 {
			a.signOut(p)
			was = a.who(p)
		}
		by, c := a.ways[r.IntN(len(a.ways))], a.tryOf(r, was, failures)
		res := by.signIn(p, c.name, c.password)
		is := a.who(p)
		what := fmt.Sprintf("try %d, by %s, %s (%q, as %q), answered %s", i, by.name, c.what, c.name, was, res.Status)
		trouble := a.checkTry(p, res, c, was, is)
		switch {
		case trouble != "":
			wrong++
			t.Errorf("%s: %s", what, trouble)
		case is != "" && is != was:
			succeeded++
			failures[is] = 0
		default:
			failed++
			for _, name := range a.names {
				if signin.Account(name) == signin.Account(c.name) {
					failures[name]++
				}
			}
		}
	}
	t.Logf("%d of %d tries told rightly: %d successes, %d failures", n-wrong, n, succeeded, failed)
	if succeeded == 0 || failed == 0 {
		t.Errorf("%d successes and %d failures: the tries prove nothing", succeeded, failed)
	}
}

// checkTry says what is wrong with what the gate says of one try. was and is are
// who the application says was signed in before and after.
func (a *application) checkTry(p *person, res answered, c try, was, is string) string {
	if _, arrived := a.user(res.request()); !arrived {
		return fmt.Sprintf("it did not arrive at the application: %v", a.site.told(res.request(), ""))
	}
	good, bad := a.site.told(res.request(), "authn_login_success"), a.site.told(res.request(), "authn_login_fail")
	really := is != "" && is != was // who is signed in already and fails stays so
	switch {
	case really && (len(good) != 1 || len(bad) > 0):
		return fmt.Sprintf("%s is signed in, and the gate tells %v%v", is, good, bad)
	case !really && (len(bad) != 1 || len(good) > 0):
		return fmt.Sprintf("nobody signed in (%q before, %q after), and the gate tells %v%v", was, is, good, bad)
	case really && good[0].Detail["account"] != signin.Account(c.name):
		return fmt.Sprintf("the event says that it was %q", good[0].Detail["account"])
	}
	got, _ := a.user(p.get(a.home).request())
	if got != signin.Account(is) {
		return fmt.Sprintf("it is %q, and the gate names %q to the application", is, got)
	}
	return ""
}
