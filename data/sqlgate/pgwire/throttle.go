package pgwire

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

const (
	// freeGuesses are wrong passwords that cost nothing: a person mistypes.
	freeGuesses = 3
	// firstWait doubles with each wrong password after those, up to longestWait.
	firstWait   = 250 * time.Millisecond
	longestWait = 4 * time.Second
	// maxWaiting are sign-ins that wait at once for the same address and account;
	// one more is refused, so that guessing in parallel gains nothing.
	maxWaiting = 2
	// forgetAfter is when wrong passwords are forgotten.
	forgetAfter = 10 * time.Minute
	// maxGuessers bounds what is remembered.
	maxGuessers = 4096
)

// A throttle makes guessing passwords slow: by address and account, and by
// account alone for addresses that have not signed in to it. An application
// that knows its password is not kept out by who guesses it elsewhere.
type throttle struct {
	now func() time.Time

	mu       sync.Mutex
	guessers map[guesser]*guesses
	good     map[guesser]time.Time
}

// A guesser is an address, or the network of an IPv6 one, and an account; the
// address is not valid for all of them.
type guesser struct {
	from netip.Prefix
	user string
}

type guesses struct {
	wrong   int
	last    time.Time
	waiting int
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, guessers: make(map[guesser]*guesses), good: make(map[guesser]time.Time)}
}

// A turn is one sign-in.
type turn struct {
	t       *throttle
	by, all guesser
}

// enter waits as long as wrong passwords before this one have it wait.
func (t *throttle) enter(ctx context.Context, client netip.Addr, user string) (*turn, error) {
	by := guesser{networkOf(client), clip(user)}
	w := &turn{t, by, guesser{user: by.user}}
	t.mu.Lock()
	slowest := w.slowest()
	if slowest == nil {
		t.mu.Unlock()
		return w, nil
	}
	if slowest.waiting >= maxWaiting {
		t.mu.Unlock()
		return nil, faultf(stateTooMany, "too many wrong passwords: try again later")
	}
	slowest.waiting++
	wait := waitAfter(slowest.wrong)
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		slowest.waiting--
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return w, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// slowest is what has the sign-in wait; nil where nothing does. The caller
// holds mu.
func (w *turn) slowest() *guesses {
	own := w.t.guessers[w.by]
	if own != nil && own.wrong < freeGuesses {
		own = nil
	}
	if _, known := w.t.good[w.by]; known {
		return own
	}
	all := w.t.guessers[w.all]
	if all == nil || all.wrong < 10*freeGuesses || own != nil && own.wrong >= all.wrong {
		return own
	}
	return all
}

func waitAfter(wrong int) time.Duration {
	return min(firstWait<<min(wrong-freeGuesses, 10), longestWait)
}

// leave notes how the sign-in ended.
func (w *turn) leave(err error) {
	t := w.t
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	switch {
	case err == nil:
		delete(t.guessers, w.by)
		if _, ok := t.good[w.by]; !ok {
			makeRoom(t.good, func(at time.Time) (time.Time, bool) { return at, true })
		}
		t.good[w.by] = now
	case errors.Is(err, errProof):
		t.wrong(w.by, now)
		t.wrong(w.all, now)
	}
}

// wrong counts a wrong password. The caller holds mu.
func (t *throttle) wrong(by guesser, now time.Time) {
	g := t.guessers[by]
	if g == nil {
		makeRoom(t.guessers, func(g *guesses) (time.Time, bool) { return g.last, g.waiting == 0 })
		g = new(guesses)
		t.guessers[by] = g
	}
	if now.Sub(g.last) > forgetAfter {
		g.wrong = 0
	}
	g.wrong++
	g.last = now
}

// makeRoom forgets one of a full table: of a few, the one not seen for longest.
func makeRoom[V any](table map[guesser]V, seen func(V) (at time.Time, free bool)) {
	const few = 16
	if len(table) < maxGuessers {
		return
	}
	var oldest guesser
	var since time.Time
	looked := 0
	for k, v := range table {
		if at, free := seen(v); free && (since.IsZero() || at.Before(since)) {
			oldest, since = k, at
		}
		if looked++; looked == few {
			break
		}
	}
	delete(table, oldest)
}

// networkOf is the address, or the /64 that an IPv6 client may choose from.
func networkOf(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := client.BitLen()
	if client.Is6() {
		bits = 64
	}
	p, err := client.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // a Unix socket
	}
	return p
}
