package attacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
)

// guessing are attacks on passwords, and on who has one. Each address that they
// come from is one that nobody else has.
func guessing() []Case {
	throttle := []string{"identity/throttle"}
	// Who has an account is asked first: later ones leave a gate that asks strangers to
	// come again, which would hide what the answers tell.
	return []Case{
		{ID: "unlimited-sign-in", Title: "Guess a password forty times", Class: signInClass, Stops: []string{"identity/throttle", "ratelimit/principal"},
			Try: "{base}/login as marta@example.com with one password after another; the last is sunflower", Run: bruteForce},
		{ID: "enumeration", Title: "Find out who has an account", Class: signInClass, Stops: throttle,
			Try: "{base}/login as marta@example.com and as nobody@example.com, and compare what it says", Run: enumerate},
		{ID: "spraying", Title: "Try one password at forty accounts, each from another address", Class: signInClass, Stops: throttle,
			Try: "{base}/login with sunflower and one e-mail address after another", Run: spray},
		{ID: "stuffing", Title: "Try a stolen list of accounts, from five addresses", Class: signInClass, Stops: throttle,
			Try: "{base}/login with 150 e-mail addresses, each with the password that its owner had elsewhere", Run: stuff(5)},
		{ID: "stuffing-spread", Title: "The same, each guess from an address of its own", Class: signInClass, Stops: throttle,
			Try: "the same from 150 machines at {base}/login", Run: stuff(150)},
	}
}

// commonPasswords are the first that everybody tries.
func commonPasswords() []string {
	words := []string{"123456", "password", "qwerty", "letmein", "dragon", "monkey", "iloveyou", "abc123", "111111", "welcome", "password1", "sunshine",
		"princess", "football", "charlie", "shadow", "master", "superman", "trustno1", "hello123", "freedom", "whatever", "starwars", "summer", "flower",
		"butterfly", "dragonfly", "lighthouse", "purple", "ginger", "pepper", "cookie", "banana", "orange", "silver", "diamond", "phoenix", "tigger"}
	return append(words, "moonlight", "sunflower")
}

// guess tries a password from a browser that has never been here. It does not come again
// when it is asked to.
func (v *visitor) guess(ctx context.Context, email, password string) (*reply, error) {
	hurried := *v
	hurried.hurried = true
	return hurried.post(ctx, "/login", "email", email, "password", password)
}

// opens tells whether the visitor is signed in to the account.
func (v *visitor) opens(ctx context.Context, email, yes, no string) (Result, error) {
	r, err := v.get(ctx, "/account")
	if err != nil {
		return Result{}, err
	}
	return judged(r, r.status == http.StatusOK && r.has(email), yes, no)
}

func bruteForce(ctx context.Context, t *Target) (Result, error) {
	words := commonPasswords()
	victim, err := signUp(ctx, t, words[len(words)-1])
	if err != nil {
		return Result{}, err
	}
	attacker := newVisitor(t)
	for _, word := range words {
		if _, err := attacker.guess(ctx, victim.email, word); err != nil {
			return Result{}, err
		}
	}
	return attacker.opens(ctx, victim.email, "the fortieth guess was right", "the right password was not taken any more")
}

// spray tries the password that is in fashion at one name after another, from an
// address each.
func spray(ctx context.Context, t *Target) (Result, error) {
	fashion := "Summer-" + marker()
	victim, err := signUp(ctx, t, fashion)
	if err != nil {
		return Result{}, err
	}
	err = atOnce(39, func(int) error {
		_, err := newVisitor(t).guess(ctx, marker()+"@example.com", fashion)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	attacker := newVisitor(t)
	if _, err := attacker.guess(ctx, victim.email, fashion); err != nil {
		return Result{}, err
	}
	return attacker.opens(ctx, victim.email, "the fortieth account had the password", "the password was not taken any more")
}

// stuff tries a list of 150 accounts with their passwords of elsewhere, the last of
// which is right, from so many addresses by turns. An address that is refused is
// given up, and the next goes on.
func stuff(addresses int) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		const list = 150
		victim, err := signUp(ctx, t, "elsewhere-"+marker())
		if err != nil {
			return Result{}, err
		}
		machines := make([]*visitor, addresses)
		for i := range machines {
			machines[i] = newVisitor(t)
		}
		var next, left atomic.Int64
		left.Store(int64(addresses))
		err = atOnce(addresses, func(at int) error {
			for guesses := 0; addresses < list || guesses == 0; guesses++ {
				if next.Add(1) >= list { // the last one is the victim's
					return nil
				}
				_, err := machines[at].guess(ctx, marker()+"@example.com", "elsewhere-"+marker())
				var refused *refusedError
				if errors.As(err, &refused) && left.Add(-1) > 0 {
					machines[at] = nil
					next.Add(-1) // another goes on with it
					return nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Result{}, err
		}
		attacker := machines[slices.IndexFunc(machines, func(v *visitor) bool { return v != nil })]
		if _, err := attacker.guess(ctx, victim.email, victim.password); err != nil {
			return Result{}, err
		}
		return attacker.opens(ctx, victim.email, "the last of the list had the same password here", "the right password was not taken any more")
	}
}

// machinesAtOnce is how many of an attacker's machines are at work at a time.
const machinesAtOnce = 16

// atOnce does n things, some at a time as an attacker's machines do, and gives the
// first error.
func atOnce(n int, do func(i int) error) error {
	turns, errs := make(chan struct{}, machinesAtOnce), make(chan error, n)
	for i := range n {
		turns <- struct{}{}
		go func() {
			defer func() { <-turns }()
			errs <- do(i)
		}()
	}
	var first error
	for range n {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// enumerate asks about names that have an account and about some that have none,
// often enough that whoever watches can see it too.
func enumerate(ctx context.Context, t *Target) (Result, error) {
	const accounts, tries = 10, 5
	alert := regexp.MustCompile(`role="alert">[^<]*`)
	told := map[bool]map[string]bool{true: {}, false: {}}
	last := &reply{}
	for range accounts {
		victim, err := signUp(ctx, t, "here I am")
		if err != nil {
			return Result{}, err
		}
		if _, err := victim.post(ctx, "/login", "email", victim.email, "password", victim.password); err != nil {
			return Result{}, preparing(err)
		}
		var mu sync.Mutex
		err = atOnce(2*tries, func(n int) error {
			name, exists := victim.email, n%2 == 0
			if !exists {
				name = marker() + "@example.com"
			}
			r, err := newVisitor(t).guess(ctx, name, fmt.Sprint("wrong ", n, marker()))
			if err != nil {
				return err
			}
			words := alert.FindString(string(r.body))
			if words == "" { // another page than the shop's: all of it counts
				words = string(r.body)
			}
			mu.Lock()
			defer mu.Unlock()
			told[exists][words], last = true, r
			return nil
		})
		if err != nil {
			return Result{}, err
		}
	}
	apart := len(told[true]) > 0
	for words := range told[true] {
		apart = apart && !told[false][words]
	}
	return judgedBy("identity/throttle", last, apart, "the answers tell accounts from strangers", "the answers are alike")
}
