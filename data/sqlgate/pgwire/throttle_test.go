package pgwire

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func guess(t *testing.T, th *throttle, from, user string, err error) (time.Duration, error) {
	t.Helper()
	start := time.Now()
	turn, refused := th.enter(t.Context(), netip.MustParseAddr(from), user)
	if refused == nil {
		turn.leave(err)
	}
	return time.Since(start), refused
}

func TestThrottle_WrongPasswords_TakeLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(time.Now)
		var took []time.Duration
		for range 10 {
			d, err := guess(t, th, "192.0.2.1", "app", errProof)
			if err != nil {
				t.Fatal(err)
			}
			took = append(took, d)
		}
		want := []time.Duration{0, 0, 0, firstWait, 2 * firstWait, 4 * firstWait, 8 * firstWait, longestWait, longestWait, longestWait}
		for i := range want {
			if took[i] != want[i] {
				t.Fatalf("took %v, want %v", took, want)
			}
		}
		// The right password waits too, once, and then no more.
		if d, err := guess(t, th, "192.0.2.1", "app", nil); d != longestWait || err != nil {
			t.Errorf("took %v, %v", d, err)
		}
		if d, err := guess(t, th, "192.0.2.1", "app", nil); d != 0 || err != nil {
			t.Errorf("took %v, %v", d, err)
		}
	})
}

func TestThrottle_ManyAtOnce_GainNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(time.Now)
		for range 10 {
			if _, err := guess(t, th, "192.0.2.1", "app", errProof); err != nil {
				t.Fatal(err)
			}
		}
		refused := make(chan bool)
		for range 50 {
			go func() {
				_, err := guess(t, th, "192.0.2.1", "app", errProof)
				refused <- err != nil
			}()
		}
		n := 0
		for range 50 {
			if <-refused {
				n++
			}
		}
		if n != 50-maxWaiting {
			t.Errorf("%d of 50 were refused, want %d", n, 50-maxWaiting)
		}
	})
}

func TestThrottle_GuessingElsewhere_KeepsNobodyOutWhoSignedInBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(time.Now)
		if _, err := guess(t, th, "192.0.2.1", "app", nil); err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			if _, err := guess(t, th, fmt.Sprintf("198.51.100.%d", i), "app", errProof); err != nil {
				t.Fatal(err)
			}
		}
		if d, err := guess(t, th, "192.0.2.1", "app", nil); d != 0 || err != nil {
			t.Errorf("the application waited %v, %v", d, err)
		}
		if d, err := guess(t, th, "203.0.113.1", "app", errProof); d == 0 || err != nil {
			t.Errorf("the next address that guesses waited %v, %v", d, err)
		}
		if d, err := guess(t, th, "203.0.113.1", "other", errProof); d != 0 || err != nil {
			t.Errorf("another account waited %v, %v", d, err)
		}
	})
}

func TestThrottle_ManyAddressesAndAccounts_AreBounded(t *testing.T) {
	th := newThrottle(time.Now)
	for i := range 3 * maxGuessers {
		err := error(nil)
		if i%2 == 0 {
			err = errProof
		}
		turn, refused := th.enter(t.Context(), netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint(i)+strings.Repeat("x", 100))
		if refused != nil {
			t.Fatal(refused)
		}
		turn.leave(err)
	}
	if len(th.guessers) > maxGuessers || len(th.good) > maxGuessers {
		t.Errorf("%d and %d are remembered", len(th.guessers), len(th.good))
	}
}

func TestThrottle_IPv6Network_CountsAsOne(t *testing.T) {
	if networkOf(netip.MustParseAddr("2001:db8::1")) != networkOf(netip.MustParseAddr("2001:db8::2")) {
		t.Error("addresses of one network count apart")
	}
	if networkOf(netip.MustParseAddr("::ffff:192.0.2.1")) != networkOf(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an IPv4 address counts apart from itself")
	}
}

func TestThrottle_OtherFailures_CountForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle(time.Now)
		for range 20 {
			if d, err := guess(t, th, "192.0.2.1", "app", errors.New("the connection broke")); d != 0 || err != nil {
				t.Fatalf("waited %v, %v", d, err)
			}
		}
	})
}
