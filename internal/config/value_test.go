package config

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "0s": 0, "0": 0, "1m30s": 90 * time.Second, "30d": 720 * time.Hour, "1w2d3h": (7*24 + 2*24 + 3) * time.Hour, "1.5h": 90 * time.Minute, "2w": 14 * 24 * time.Hour, "1d500ms": 24*time.Hour + 500*time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || got.Std() != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "10", "ten", "-5s", "+5s", "1d-5s", "-1d", "1.5d", "1d2w", "1D", "9999999w", "106751d23h59m59s10h", "1 d", "5s5", "0x1d", "1e3s", "99999999999999999999s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "0B": 0, "1": 1, "1048576": 1 << 20, "64KiB": 64 << 10, "1MiB": 1 << 20, "2GiB": 2 << 30, "10kB": 10_000, "10MB": 10_000_000, "1GB": 1_000_000_000, "5B": 5, "1 MiB": 1 << 20,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "MiB", "-1", "+1", "1.5MiB", "1Mib", "1mb", "1K", "1TiB", "99999999999GiB", "9223372036854775808", "0x10", "1_000", " 1", "1MiBMiB", "1 0"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{"240B/s": 240, "1KiB/s": 1024, "0": 0, "0/s": 0} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "240", "240B", "1KiB/m", "/s", "-1B/s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2027-06-30":                time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC),
		"2027-12-31":                time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC),
		"2027-06-30T18:00:00+02:00": time.Date(2027, 6, 30, 16, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseExpiry(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "30d", "2027-02-30", "30.6.2027", "2027-06-30 18:00", "2027-06"} {
		if got, err := ParseExpiry(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestExpired_LastsThroughTheDay(t *testing.T) {
	e, err := ParseExpiry("2027-06-30")
	if err != nil {
		t.Fatal(err)
	}
	entry := AllowEntry{Expires: e}
	end := time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)
	if entry.Expired(end.Add(-1)) || !entry.Expired(end) || (AllowEntry{}).Expired(end) {
		t.Error("an entry does not last through its day, or one without a date ends")
	}
}

// What is printed is read as the same again.
func TestValues_Printed_AreReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "n")
		if unit := rapid.SampledFrom([]int64{1, 1e3, 1 << 20, int64(time.Second), int64(time.Hour), int64(24 * time.Hour)}).Draw(t, "unit"); n < math.MaxInt64/unit {
			n *= unit
		}
		if d, err := ParseDuration(Duration(n).String()); err != nil || int64(d) != n {
			t.Errorf("Duration(%d) prints %s, which is %d, %v", n, Duration(n), d, err)
		}
		if s, err := ParseSize(Size(n).String()); err != nil || int64(s) != n {
			t.Errorf("Size(%d) prints %s, which is %d, %v", n, Size(n), s, err)
		}
		if r, err := ParseRate(Rate(n).String()); err != nil || int64(r) != n {
			t.Errorf("Rate(%d) prints %s, which is %d, %v", n, Rate(n), r, err)
		}
		at := Expiry{time.Unix(n%(1<<37), 0).UTC()}
		if e, err := ParseExpiry(at.String()); err != nil || !e.Equal(at.Time) {
			t.Errorf("Expiry %v prints %s, which is %v, %v", at.Time, at, e.Time, err)
		}
	})
}

// Any text that is written into a file is read as itself.
func TestScalar_Written_IsReadAsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[ -~]{1,20}`), rapid.StringMatching(`[0-9a-fxoeE.:_+-]{1,6}`),
			rapid.SampledFrom([]string{"true", "No", "null", "~", "1e5", "0x1f", ".inf", ".nan", "2027-06-30", "a: b", "- a", "#", "a #b", "${env:X}", "$${", "é\u2028", "\ta", "a\nb", " ", "=", "<<", "!x", "&a", "*a", "12:30:45"}),
		).Draw(t, "text")
		for _, file := range []string{"routes:\n  - path: /x\n    body: pass\n    reason: %s\n", "routes: [{path: /x, body: pass, reason: %s}]\n"} {
			c, err := Parse("f", fmt.Appendf(nil, "upstream: http://x\n"+file, scalar(text)), testOptions())
			if err != nil {
				if strings.TrimSpace(text) != "" {
					t.Fatalf("%q as %s: %v", text, scalar(text), err)
				}
				continue
			}
			if string(c.Routes[0].Reason) != text {
				t.Fatalf("%q as %s was read as %q", text, scalar(text), c.Routes[0].Reason)
			}
		}
	})
}
