package gateway

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse/network"
)

// A watchedBody is a request's body on its way to the backend: cut where the
// client is too slow, and remembered where the client failed to send it, so
// that the failure is not blamed on the backend.
type watchedBody struct {
	*network.Body
	transit *transit
	err     atomic.Pointer[error]
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.Body.Read(p)
	if errors.Is(err, io.EOF) {
		b.transit.passTrailers()
	} else if err != nil {
		b.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// watchBody puts the watch in place, before anything reads the body.
func (t *transit) watchBody(timeouts network.Timeouts) {
	if t.r.Body == nil || t.r.Body == http.NoBody {
		return
	}
	if isStream(t.r) {
		timeouts = timeouts.ForStream()
	}
	t.body = &watchedBody{Body: network.SlowBody(t.r.Body, http.NewResponseController(t.w), timeouts), transit: t}
	t.r.Body = t.body
}

// passTrailers hands on the trailers that the client announced, which came with
// the body's end, less the names that a client must not set. ReverseProxy's copy
// of the request was made before they came. The transport reads them after the
// body's end, on the goroutine that this is called on.
func (t *transit) passTrailers() {
	if len(t.r.Trailer) == 0 || t.out == nil {
		return
	}
	network.Clean(t.r.Trailer, false, t.asm.config.Network.RemoveHeaders)
	for name := range t.out.Trailer {
		if values, ok := t.r.Trailer[name]; ok {
			t.out.Trailer[name] = values
		} else {
			delete(t.out.Trailer, name)
		}
	}
}

// isStream recognises bodies that are messages over time.
func isStream(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// bodyError is the client's failure to send its body, with the status to tell;
// zero where it did not fail.
func (t *transit) bodyStatus() int {
	if t.body == nil {
		return 0
	}
	if t.body.Cut() {
		return http.StatusRequestTimeout
	}
	if t.body.err.Load() != nil {
		return http.StatusBadRequest
	}
	return 0
}
