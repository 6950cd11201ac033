package network

import (
	"fmt"
	"time"
)

// Timeouts are how long a client may take. The zero value of each means its
// default; a negative one means no bound, where that is said.
type Timeouts struct {
	// Header is for the whole head of a request, TLS handshake included:
	// http.Server's ReadHeaderTimeout. Default 20 s, the lower bound of Apache's
	// mod_reqtimeout (header=20-40).
	Header time.Duration
	// Idle is for how long a connection is kept between two requests:
	// http.Server's IdleTimeout. Default 75 s, as nginx's keepalive_timeout;
	// longer than the 60 s for which load balancers reuse a connection.
	Idle time.Duration
	// BodyIdle is for how long a request's body may be silent, and what a body
	// slower than BodyMinRate has before it is cut. Default 30 s: long enough
	// for a telephone in a tunnel.
	BodyIdle time.Duration
	// BodyMinRate is how many bytes a second a body must bring in the long run.
	// Default 240, as in Kestrel (MinRequestBodyDataRate). Negative: no bound.
	BodyMinRate int
	// Write is for how long one write to the client may wait for it to read
	// ([SlowClient]). Never http.Server's WriteTimeout, which
	// bounds the whole answer, and with it a download. Default 60 s, as nginx's
	// send_timeout.
	Write time.Duration
}

// WithDefaults fills in what is zero. Its errors name the field.
func (t Timeouts) WithDefaults() (Timeouts, error) {
	for _, f := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"Header", &t.Header, 20 * time.Second},
		{"Idle", &t.Idle, 75 * time.Second},
		{"BodyIdle", &t.BodyIdle, 30 * time.Second},
		{"Write", &t.Write, 60 * time.Second},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < 0 {
			return t, fmt.Errorf("network: Timeouts.%s is %s: want a positive duration", f.name, *f.value)
		}
	}
	if t.BodyMinRate == 0 {
		t.BodyMinRate = 240
	}
	return t, nil
}

// ForStream are the timeouts of a body that is a stream of messages, such as
// gRPC over HTTP/2, where a client may have nothing to say for minutes: no
// least rate, and silent for five minutes, the least interval at which gRPC's
// servers let clients ping.
func (t Timeouts) ForStream() Timeouts {
	t.BodyMinRate, t.BodyIdle = -1, max(t.BodyIdle, 5*time.Minute)
	return t
}
