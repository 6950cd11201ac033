package patterns

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// The thresholds of failures.
const (
	failuresMost  = 60  // of different targets within failuresTime
	failuresShare = 0.5 // of the client's requests in it
	failuresTimes = 4   // as often as others' in it, and as its own ordinarily
	failuresEach  = 20  // requests of a client that count for the site's level
	failuresTime  = 10 * time.Minute
	// A site's attempts to sign in within an hour, and how much worse than its own
	// ordinary hours.
	signInsMost  = 150
	signInsShare = 0.6
	signInsTimes = 2
	signInsTime  = time.Hour
	maxDevices   = 16
)

// failing is what fails of one client. A program that asks for the same again and
// again, as an app with an expired token does, has one failing target.
type failing struct {
	began    time.Time
	requests int
	failed   int
	// counted and distinct are what of them stands in the site's numbers.
	counted, distinct int
	targets           few
	told              bool
	ordinary          float64 // its share of failures in the windows before, smoothed
	hasBefore         bool
}

// site is what fails of everybody.
type site struct {
	began                  time.Time
	requests, failed       int
	before                 float64
	signInsAt              time.Time
	signIns, signInsFailed int
	signInsBefore          float64
	signInsHours           int
	signInsTold            bool
}

func (p *Patterns) failures(v *view, alarms *[]Alarm) {
	s := &p.site
	if v.now.Sub(s.began) >= failuresTime {
		if s.requests > 0 {
			s.before = float64(s.failed) / float64(s.requests)
		}
		s.began, s.requests, s.failed = v.now, 0, 0
	}
	f := &p.clients.of(v.client).failing
	f.at(v.now)
	f.requests++
	p.signIns(v, alarms)
	counts := f.counted < failuresEach && v.SignIn == NoSignIn
	if !v.failed() {
		if counts {
			s.requests++
			f.counted++
		}
		return
	}
	f.failed++
	had := len(f.targets)
	if v.SignIn == NoSignIn {
		h := maphash.String(p.seed, v.Path) ^ maphash.String(p.seed, v.Query)*31 ^ v.route
		f.targets.add(uint32(h), failuresMost)
	} else {
		f.targets.add(uint32(maphash.String(p.seed, v.Principal)), failuresMost) // each account once
	}
	if counts && (len(f.targets) > had || had == failuresMost) {
		// The site's level is of different targets too, and of many clients: an app
		// that asks for the same in vain each second is no site that fails, nor are
		// two attackers who come at the same time.
		s.requests++
		s.failed++
		f.counted++
		f.distinct++
	}
	if f.told || len(f.targets) < failuresMost {
		return
	}
	own := float64(f.failed) / float64(f.requests)
	others := max(float64(max(s.failed-f.distinct, 0))/float64(max(s.requests-f.counted, 1)), s.before/2)
	if own < failuresShare || own < failuresTimes*min(others, 0.2) || f.hasBefore && own < failuresTimes*f.ordinary {
		return
	}
	if others > failuresShare/2 {
		return // the site itself fails
	}
	f.told = true
	*alarms = append(*alarms, v.alarm(Failures, f.failed, failuresTime, "%d of %d requests, of %d different targets; others fail in %.0f of 100", f.failed, f.requests, len(f.targets), 100*others))
}

func (f *failing) at(now time.Time) {
	if now.Sub(f.began) < failuresTime && !now.Before(f.began) {
		return
	}
	ordinary, has := f.ordinary, f.hasBefore
	if f.requests >= 5 && !f.told {
		share := float64(f.failed) / float64(f.requests)
		if has {
			share = float64(0.7*ordinary) + float64(0.3*share)
		}
		ordinary, has = share, true
	}
	*f = failing{began: now, targets: f.targets[:0], ordinary: ordinary, hasBefore: has}
}

// signIns watches the whole site: stuffing from many addresses shows nowhere else.
func (p *Patterns) signIns(v *view, alarms *[]Alarm) {
	if v.SignIn == NoSignIn {
		return
	}
	s := &p.site
	if v.now.Sub(s.signInsAt) >= signInsTime {
		if s.signIns >= 10 && !s.signInsTold {
			share := float64(s.signInsFailed) / float64(s.signIns)
			if s.signInsHours > 0 {
				share = float64(0.8*s.signInsBefore) + float64(0.2*share)
			}
			s.signInsBefore, s.signInsHours = share, s.signInsHours+1
		}
		s.signInsAt, s.signIns, s.signInsFailed, s.signInsTold = v.now, 0, 0, false
	}
	s.signIns++
	if v.SignIn == Failed {
		s.signInsFailed++
	}
	share := float64(s.signInsFailed) / float64(s.signIns)
	if s.signInsTold || s.signInsFailed < signInsMost || share < signInsShare || s.signInsHours > 0 && share < signInsTimes*min(s.signInsBefore, 0.45) {
		return
	}
	s.signInsTold = true
	a := v.alarm(SignIns, s.signInsFailed, signInsTime, "%d of %d attempts to sign in at the site; ordinarily %.0f of 100", s.signInsFailed, s.signIns, 100*s.signInsBefore)
	a.Client, a.Route = netip.Prefix{}, ""
	*alarms = append(*alarms, a)
}

// An account is which devices it signed in from.
type account struct{ devices few }

// device tells an account's new device at its sign-in; its first is none.
func (p *Patterns) device(v *view, alarms *[]Alarm) {
	if v.SignIn != Succeeded || v.Device == "" || v.Principal == "" {
		return
	}
	a := p.devices.of(maphash.String(p.seed, v.Principal))
	known := len(a.devices)
	h := uint32(maphash.String(p.seed, v.Device))
	if known == maxDevices {
		for _, had := range a.devices {
			if had == h {
				return
			}
		}
		a.devices = append(a.devices[:0], a.devices[1:]...) // the oldest is forgotten
	}
	if !a.devices.add(h, maxDevices) || known == 0 {
		return
	}
	al := v.alarm(Device, known, 0, "beside %d others", known)
	al.Principal = v.Principal
	*alarms = append(*alarms, al)
}
