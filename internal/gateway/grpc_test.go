package gateway

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/exchange"
)

func TestExpired_GoesByTheClientsOwnDeadline(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		kind, timeout string
		after         time.Duration
		want          bool
	}{
		{"application/grpc", "100m", 100 * time.Millisecond, true},
		{"application/grpc+proto", "2S", 3 * time.Second, true},
		{"application/grpc", "100m", 99 * time.Millisecond, false},
		{"application/grpc", "1H", time.Minute, false},
		{"application/grpc", "", time.Hour, false},
		{"application/grpc", "m", time.Hour, false},
		{"application/grpc", "-5S", time.Hour, false},
		{"application/grpc", "5x", time.Hour, false},
		{"application/grpc", "999999999S", time.Hour, false},
		{"application/grpc", "99999999H", time.Hour, false},
		{"application/json", "1n", time.Hour, false},
	} {
		r := httptest.NewRequest("POST", "/service/Method", nil)
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("Grpc-Timeout", c.timeout)
		tr := &transit{r: r, x: &exchange.Exchange{Started: now}, gate: &Gate{now: func() time.Time { return now.Add(c.after) }}}
		if got := tr.expired(); got != c.want {
			t.Errorf("%s with Grpc-Timeout %q after %s: %v, want %v", c.kind, c.timeout, c.after, got, c.want)
		}
	}
}
