package gateway

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gatehousehq/gatehouse/application/protocol"
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
	if isGRPC(t.r) {
		timeouts = timeouts.ForStream()
	}
	t.body = &watchedBody{Body: network.SlowBody(t.r.Body, http.NewResponseController(t.w), timeouts), transit: t}
	t.r.Body = t.body
}

// readBodies are the beginnings of media types of bodies whose inputs are read.
var readBodies = []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/graphql"}

// bringsMore reports whether the request brings, or will bring, more than its
// inputs: a body that was not read whole, an upgrade.
func (t *transit) bringsMore() bool {
	if t.r.Header.Get("Upgrade") != "" {
		return true
	}
	if t.body == nil || t.r.ContentLength == 0 {
		return false
	}
	in := t.x.Inputs
	if in == nil || in.Err() != nil || len(in.Body()) == 0 && !in.Streamed() {
		return true
	}
	types := t.r.Header.Values("Content-Type")
	media := ""
	if len(types) == 1 {
		media, _, _ = strings.Cut(strings.ToLower(types[0]), ";")
	}
	if strings.HasSuffix(strings.TrimSpace(media), "+json") {
		return false
	}
	return !slices.ContainsFunc(readBodies, func(known string) bool { return strings.HasPrefix(media, known) })
}

// bodyStatus is what to tell a client that failed to send its body; zero where
// it did not fail.
func (t *transit) bodyStatus() int {
	switch {
	case t.cutOff():
		return http.StatusRequestTimeout
	case t.body != nil && t.body.err.Load() != nil:
		return http.StatusBadRequest
	}
	return 0
}

// cutOff reports whether the client was too slow. It is there yet, though
// net/http ends the request's context with the deadline that cut it.
func (t *transit) cutOff() bool { return t.body != nil && t.body.Cut() }

// misframed reports whether the body's framing was refused, which application/protocol
// has recorded. Its client is there too, as one that was too slow.
func (t *transit) misframed() bool {
	if t.body == nil || t.body.err.Load() == nil {
		return false
	}
	var refused *protocol.Error
	return errors.As(*t.body.err.Load(), &refused)
}

// refuseBody answers a client that failed to send its body. That is no decision
// of a rung, so it is neither an event nor a matter of modes.
func (t *transit) refuseBody() {
	if t.r.ProtoMajor == 1 {
		t.w.Header().Set("Connection", "close") // the rest of the body may still come
	}
	writeProblem(t.w, t.r, problem{Status: t.bodyStatus(), Request: t.x.ID})
}
