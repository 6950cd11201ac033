package throttle

import (
	"time"

	"github.com/gatehousehq/gatehouse"
)

// A sprayed is what became of one secret, by its keyed hash.
type sprayed struct {
	failed    crowd
	succeeded crowd
	since     int64
}

// sprayWindow is within what time a secret's failures count together.
const sprayWindow = 24 * time.Hour

func weighSprayed(s *sprayed, now time.Time) int {
	if now.UnixNano()-s.since > int64(sprayWindow) {
		return 0
	}
	return s.failed.count() + s.succeeded.count()
}

func (s *sprayed) turn(now time.Time) {
	if now.UnixNano()-s.since > int64(sprayWindow) {
		*s = sprayed{since: now.UnixNano()}
	}
}

// sprays reports whether a secret is one that is sprayed: it failed at many
// accounts. One that lets most in is a password that was handed out to all.
func (t *Throttle) sprays(s *sprayed) bool {
	failed := s.failed.less(s.succeeded).count()
	return failed >= t.o.Sprayed && s.succeeded.count() < failed
}

// admitSecret decides about a secret that strangers try.
func (t *Throttle) admitSecret(secrets []uint64, now time.Time) gatehouse.Decision {
	d := gatehouse.Passed()
	for _, key := range secrets {
		t.secrets.peek(key, func(s *sprayed) {
			s.turn(now)
			if t.sprays(s) {
				d = gatehouse.Denied(RuleSpraying, gatehouse.Place{}, "the same secret failed at %d accounts and more within a day", t.o.Sprayed)
			}
		})
	}
	return d
}

// secretTold notes where a secret failed or succeeded. It reports whether that
// makes one that is sprayed.
func (t *Throttle) secretTold(secrets []uint64, account uint64, succeeded bool, now time.Time) (begins bool) {
	for _, key := range secrets {
		t.secrets.with(key, now, func(s *sprayed) {
			s.turn(now)
			was := t.sprays(s)
			if succeeded {
				s.succeeded.add(account)
			} else {
				s.failed.add(account)
			}
			begins = begins || !was && t.sprays(s)
		})
	}
	return begins
}
