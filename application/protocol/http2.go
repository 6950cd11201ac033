package protocol

import (
	"net/http"
	"time"
)

// HTTP2 is how net/http is to speak HTTP/2: docs/decisions/http2-floods.md says what
// each flood costs with it. idle is how long a silent connection is kept before it is
// asked whether anybody is there.
func HTTP2(idle time.Duration) *http.HTTP2Config {
	return &http.HTTP2Config{
		// Browsers open a few dozen streams; RFC 9113 asks for at least 100. No more
		// handlers than this run for a connection, whatever it resets.
		MaxConcurrentStreams: 250,
		// The protocol's own default. net/http's is 1 MiB, which is held for each
		// connection that sends such a frame.
		MaxReadFrameSize: 16 << 10,
		SendPingTimeout:  idle,
	}
}
