//go:build unix

package secret

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// worked is how long this process has had a processor: what else the machine does is
// not in it.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func TestRedact_TimeGrowsLinearly(t *testing.T) {
	for name, unit := range map[string]string{
		"pairs": "password=", "quotes": `password="`, "escapes": `\\\"`, "begin": "-----BEGIN PRIVATE KEY-----", "jwt": "eyJaaaaaa.", "urls": "a://b:c", "at": "a://b:@",
		"cookies": "cookie: a=b;", "digits": "4", "digit groups": "4 ", "bearer": "bearer ", "xml": "<password>a", "multipart": "name=\"password\"\r\n", "brackets": "key=[", "spaces": "key      ",
		"options": " --password", "auth": "authorization: basic \\", "dsn": "a:b@tcp", "letters": "passwordpassword",
	} {
		measure := func(n int) time.Duration {
			s := strings.Repeat(unit, n/len(unit))
			best := time.Hour
			for range 3 {
				start := worked(t)
				Redact(s)
				best = min(best, worked(t)-start)
			}
			return best
		}
		small, large := measure(32<<10), measure(256<<10)
		// Eight times the text; quadratic would be 64 times the time.
		if large > 30*small+20*time.Millisecond {
			t.Errorf("%s: %v for 32 KiB, %v for 256 KiB", name, small, large)
		}
		if large > 2*time.Second {
			t.Errorf("%s: %v for 256 KiB", name, large)
		}
	}
}
