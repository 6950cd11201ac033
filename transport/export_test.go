package transport

import "time"

// PollACME sets how often renewals are looked for, before Run.
func (t *TLS) PollACME(d time.Duration) { t.acme.pollEvery = d }
