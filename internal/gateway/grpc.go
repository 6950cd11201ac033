package gateway

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// isGRPC recognises gRPC over HTTP/2, which the backend must get as HTTP/2, and
// whose bodies are messages over time.
func isGRPC(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// grpcUnits are those of the Grpc-Timeout header (gRPC over HTTP/2, "Requests").
var grpcUnits = map[byte]time.Duration{
	'H': time.Hour, 'M': time.Minute, 'S': time.Second,
	'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
}

// expired reports whether the deadline that a gRPC client gave its call has
// passed. The backend ends such a call by itself, a moment before or after the
// client does, and that is no failure of the backend's.
func (t *transit) expired() bool {
	timeout := t.r.Header.Get("Grpc-Timeout")
	if len(timeout) < 2 || len(timeout) > 9 || !isGRPC(t.r) {
		return false
	}
	n, err := strconv.ParseUint(timeout[:len(timeout)-1], 10, 32)
	unit, known := grpcUnits[timeout[len(timeout)-1]]
	if err != nil || !known || n > uint64(math.MaxInt64/unit) {
		return false
	}
	return t.gate.now().Sub(t.x.Started) >= time.Duration(n)*unit
}

// answerExpired tells a gRPC client what its own clock is about to: status 4,
// DEADLINE_EXCEEDED, as an answer of trailers alone. A status of HTTP would be
// read as UNAVAILABLE, which clients try again.
func (t *transit) answerExpired() {
	h := t.w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", "4")
	h.Set("Grpc-Message", "the deadline has passed")
	t.w.WriteHeader(http.StatusOK)
}
