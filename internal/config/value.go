package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Duration is a time.Duration that is written with the units ns, us, ms, s,
// m, h, d (24 hours) and w (7 days), such as "1d12h".
type Duration time.Duration

// Std is d as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	const day = 24 * time.Hour
	rest := time.Duration(d)
	if rest >= 2*day && rest%day == 0 {
		return strconv.FormatInt(int64(rest/day), 10) + "d"
	}
	s := rest.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ParseDuration reads a duration of at most some 290 years; a negative one is
// an error.
func ParseDuration(s string) (Duration, error) {
	bad := fmt.Errorf("%q is not a duration; write one such as 10s, 5m or 30d", s)
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		letter byte
		length time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}} {
		i := strings.IndexByte(rest, unit.letter)
		if i < 0 {
			continue
		}
		n, err := strconv.ParseUint(rest[:i], 10, 31)
		if err != nil || time.Duration(n) > (math.MaxInt64-total)/unit.length {
			return 0, bad
		}
		total += time.Duration(n) * unit.length
		rest = rest[i+1:]
	}
	if rest == "" && s != "" {
		return Duration(total), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.ContainsAny(rest, "+-") || d > math.MaxInt64-total {
		return 0, bad
	}
	return Duration(total + d), nil
}

// A Size is a number of bytes, written with the units B, kB, MB, GB (powers of
// 1000), KiB, MiB, GiB (powers of 1024), or none for bytes.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1},
}

func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// ParseSize reads a size.
func ParseSize(s string) (Size, error) {
	digits := strings.TrimRight(s, "BKMGkigb ")
	for _, u := range sizeUnits {
		if strings.TrimSpace(s[len(digits):]) != u.name {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || int64(n) > math.MaxInt64/u.bytes {
			break
		}
		return Size(int64(n) * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size; write one such as 64KiB, 1MiB or 10MB", s)
}

// A Rate is a number of bytes in a second, written as a size and "/s".
type Rate int64

func (r Rate) String() string { return Size(r).String() + "/s" }

// ParseRate reads a rate; 0 alone is one.
func ParseRate(s string) (Rate, error) {
	size, found := strings.CutSuffix(s, "/s")
	n, err := ParseSize(size)
	if err != nil || !found && n != 0 {
		return 0, fmt.Errorf("%q is not a rate; write one such as 500B/s or 1KiB/s", s)
	}
	return Rate(n), nil
}

// An Expiry is when something ends. The zero value is never.
type Expiry struct{ time.Time }

func (e Expiry) String() string {
	if e.IsZero() {
		return "never"
	}
	if t := e.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		return t.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return e.Format(time.RFC3339)
}

// ParseExpiry reads a date, which ends when that day does in UTC, or a time as
// RFC 3339 writes it.
func ParseExpiry(s string) (Expiry, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return Expiry{day.AddDate(0, 0, 1)}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Expiry{}, fmt.Errorf("%q is not a date; write one such as 2027-06-30 or 2027-06-30T18:00:00Z", s)
	}
	return Expiry{t}, nil
}
