package limit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rate allows Count units in Per, of which Burst at once. The zero value allows
// nothing: a Limiter refuses it as an error.
//
// The bucket of a key runs out evenly, so that a key which uses its burst and
// then goes on as fast as it may has at most Burst and Count units in any Per.
type Rate struct {
	// Count is how many units are allowed in Per: at least 1, at most 10,000 a
	// second.
	Count int
	// Per is the time for Count units, in whole seconds, up to 366 days.
	Per time.Duration
	// Burst is how many units may come at once. Zero means Count.
	Burst int
}

// Bounds of a rate. The fastest one leaves 100 units of the clock (a microsecond)
// for each unit, so that rounding costs at most one percent of it.
const (
	maxPerSecond = 10_000
	maxPer       = 366 * 24 * time.Hour
)

// Check says what is wrong with a rate.
func (r Rate) Check() error {
	switch {
	case r.Count < 1:
		return errors.New("a rate allows at least 1")
	case r.Per < time.Second || r.Per > maxPer || r.Per%time.Second != 0:
		return fmt.Errorf("a rate is in whole seconds, from 1s to 366d, and this is in %v", r.Per)
	case int64(r.Count) > maxPerSecond*int64(r.Per/time.Second):
		return fmt.Errorf("a rate allows at most %d/s", maxPerSecond)
	case r.Burst < 0 || int64(r.burst()) > int64(maxPer/r.Interval()):
		return fmt.Errorf("a burst is from 1 to what takes 366 days to run out, and this is %d", r.Burst)
	}
	return nil
}

func (r Rate) burst() int {
	if r.Burst == 0 {
		return r.Count
	}
	return r.Burst
}

// Size is how many units may come at once: Burst, or Count where that is zero.
func (r Rate) Size() int { return r.burst() }

// Interval is how long one unit takes to run out, in whole microseconds, rounded
// up: never more is allowed than the rate says. The rate must be valid.
func (r Rate) Interval() time.Duration {
	count := time.Duration(r.Count) * time.Microsecond
	return (r.Per + count - 1) / count * time.Microsecond
}

// Capacity is how long a whole burst takes to run out. The rate must be valid.
func (r Rate) Capacity() time.Duration { return r.Interval() * time.Duration(r.burst()) }

// A unit of time that rates are written in.
type unit struct {
	name string
	long time.Duration
}

// units, longest first.
var units = [...]unit{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}

// ParseRate reads "600/min", "5/min burst 10" or "100/15min": a number of units,
// the time they may come in (s, min, h or d, or a number of them), and how many of
// them at once where that is not all.
func ParseRate(s string) (Rate, error) {
	r, ok := parseRate(s)
	if !ok {
		return Rate{}, fmt.Errorf("%q is no rate: want such as 600/min, 5/15min or 5/min burst 10", s)
	}
	if err := r.Check(); err != nil {
		return Rate{}, fmt.Errorf("%q: %w", s, err)
	}
	return r, nil
}

func parseRate(s string) (Rate, bool) {
	var r Rate
	words := strings.Fields(s)
	switch {
	case len(words) == 3 && words[1] == "burst":
		burst, ok := number(words[2])
		if !ok || burst == 0 {
			return Rate{}, false
		}
		r.Burst = burst
	case len(words) != 1:
		return Rate{}, false
	}
	count, per, _ := strings.Cut(words[0], "/")
	var ok bool
	if r.Count, ok = number(count); !ok {
		return Rate{}, false
	}
	r.Per, ok = parsePer(per)
	return r, ok
}

// parsePer reads "min" or "15min".
func parsePer(s string) (time.Duration, bool) {
	at := strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' })
	if at < 0 {
		return 0, false
	}
	times := 1
	if at > 0 {
		var ok bool
		if times, ok = number(s[:at]); !ok {
			return 0, false
		}
	}
	for _, u := range units {
		if s[at:] == u.name {
			return time.Duration(min(times, int(maxPer/time.Second)+1)) * u.long, true
		}
	}
	return 0, false
}

// number reads digits alone: no sign, no more than fits.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil && s[0] != '+'
}

// String is how [ParseRate] reads it; "" for the zero value.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	per := r.Per.String() // of a rate that Check refuses
	for _, u := range units {
		if r.Per == u.long {
			per = u.name
			break
		}
		if r.Per > 0 && r.Per%u.long == 0 {
			per = strconv.FormatInt(int64(r.Per/u.long), 10) + u.name
			break
		}
	}
	text := strconv.Itoa(r.Count) + "/" + per
	if r.Burst != 0 && r.Burst != r.Count {
		text += " burst " + strconv.Itoa(r.Burst)
	}
	return text
}

// MarshalText writes the rate as [Rate.String] does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [ParseRate] does.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}
