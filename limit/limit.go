package limit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is returned for takes that no limiter answers: a mistake of the
// caller's, never a limiter's failure.
var ErrInvalid = errors.New("limit: invalid take")

const (
	// MaxTakes is the most takes of one call.
	MaxTakes = 8
	// MaxKey is the longest key, in bytes.
	MaxKey = 1024
)

// A Take asks for units of one key, and is told the answer.
type Take struct {
	// Key is whose units they are. Its bytes are compared, nothing more.
	Key string
	// Rate is the key's. One key has one rate; where it was changed (a new
	// configuration), what the key has used stands, up to the new burst.
	Rate Rate
	// Cost is how many units: zero means 1, and no more than the burst.
	Cost int
	// Look asks and takes nothing.
	Look bool
	// Result is the answer; [Limiter.Take] writes it.
	Result Result
}

// cost is Cost, or 1.
func (t *Take) cost() int {
	if t.Cost == 0 {
		return 1
	}
	return t.Cost
}

// A Result says what is left of a key, after the call. The zero value refuses.
type Result struct {
	// Allowed is set where the key had the units. They were taken if that is so
	// of every take of the call.
	Allowed bool
	// Remaining is how many units could be taken now.
	Remaining int
	// RetryAfter is when the take would be allowed, if nothing else is taken
	// meanwhile; zero where it is allowed.
	RetryAfter time.Duration
	// ResetAfter is when the whole burst is there again.
	ResetAfter time.Duration
}

// A Limiter answers takes.
type Limiter interface {
	// Take takes the units of all takes if every key has them, else of none, and
	// writes the Result of each. With an error no Result may be used: who gets
	// one denies. It is safe for concurrent use, and does not keep takes.
	Take(ctx context.Context, takes []Take) error
}

// Allowed reports whether a call's takes were all allowed, and so taken. It is
// false for none.
func Allowed(takes []Take) bool {
	for i := range takes {
		if !takes[i].Result.Allowed {
			return false
		}
	}
	return len(takes) > 0
}

// Check returns an error that wraps [ErrInvalid] where no limiter would answer
// the takes: none or too many; a key that is empty, too long or there twice; a
// rate that is none; a cost that is never allowed.
func Check(takes []Take) error {
	if len(takes) == 0 || len(takes) > MaxTakes {
		return fmt.Errorf("%w: %d takes in a call, want 1 to %d", ErrInvalid, len(takes), MaxTakes)
	}
	for i := range takes {
		t := &takes[i]
		if t.Key == "" || len(t.Key) > MaxKey {
			return fmt.Errorf("%w: a key of %d bytes, want 1 to %d", ErrInvalid, len(t.Key), MaxKey)
		}
		if err := t.Rate.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if t.Cost < 0 || t.Cost > t.Rate.Size() {
			return fmt.Errorf("%w: a cost of %d, want 1 to the burst of %d", ErrInvalid, t.Cost, t.Rate.Size())
		}
		for j := range i {
			if takes[j].Key == t.Key {
				return fmt.Errorf("%w: a key is there twice", ErrInvalid)
			}
		}
	}
	return nil
}

// A bucket is one take while it is judged, in microseconds: what its key has used
// of its room, and what it wants.
type bucket struct{ used, want, room, interval int64 }

// open reads a key's moment: when it will have run out. One that is further off
// than a whole burst (the rate was changed, the clock set back) counts as that, and
// the limiter writes it down so, or the key would stay at its limit until then.
func (t *Take) open(until, now int64) bucket {
	interval := t.Rate.Interval().Microseconds()
	b := bucket{interval: interval, want: interval * int64(t.cost()), room: interval * int64(t.Rate.Size())}
	b.used = min(max(until-now, 0), b.room)
	return b
}

func (b bucket) fits() bool { return b.used+b.want <= b.room }

// result is the answer once it is settled whether the take was taken.
func (b bucket) result(taken bool) Result {
	r := Result{Allowed: b.fits()}
	if !r.Allowed {
		r.RetryAfter = micros(b.used + b.want - b.room)
	}
	if taken {
		b.used += b.want
	}
	r.Remaining = int((b.room - b.used) / b.interval)
	r.ResetAfter = micros(b.used)
	return r
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
