package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// FallbackOptions configure a Fallback. The zero value of each number means its
// default.
type FallbackOptions struct {
	// Primary is asked while it answers. It must return when its context ends.
	Primary Limiter
	// Secondary is asked in its place: a [Memory].
	Secondary Limiter
	// Timeout is how long one call waits for Primary. Default 100 ms, at most 5 s.
	Timeout time.Duration
	// Retry is when Primary is tried again after it failed; each further failure
	// doubles it, up to MaxRetry. Default 1 s and 30 s, and at least Timeout.
	Retry, MaxRetry time.Duration
	// Down is told once that Primary failed, and Up that it answers again, and
	// after how long. They run in the call that saw it, and must not wait. Either
	// may be nil.
	Down func(error)
	Up   func(after time.Duration)
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Fallback is a [Limiter] that outlives the one it prefers. Make it with
// [NewFallback].
//
// While Primary is down, Secondary answers every call at once, and one call in
// each span of Retry tries Primary first: no call waits longer than Timeout. What
// Primary has counted Secondary does not know, nor the other way round, so each
// change from one to the other begins anew: it errs towards letting pass, by one
// burst of a key for each change, and, with several replicas, by the rate once
// for each. A call of which Primary's answer was lost may be counted in both.
type Fallback struct {
	o FallbackOptions

	mu    sync.Mutex
	down  bool
	since time.Time     // of being down
	wait  time.Duration // until the next try
	next  time.Time
	// era counts the changes: a call that began before the last one says nothing
	// about now.
	era uint64
}

var _ Limiter = (*Fallback)(nil)

// NewFallback checks the options.
func NewFallback(o FallbackOptions) (*Fallback, error) {
	for value, standard := range map[*time.Duration]time.Duration{&o.Timeout: 100 * time.Millisecond, &o.Retry: time.Second, &o.MaxRetry: 30 * time.Second} {
		if *value == 0 {
			*value = standard
		}
	}
	switch {
	case o.Primary == nil || o.Secondary == nil:
		return nil, errors.New("limit: FallbackOptions: Primary or Secondary is missing")
	case o.Timeout < 0 || o.Timeout > 5*time.Second:
		return nil, fmt.Errorf("limit: FallbackOptions.Timeout is %v: want up to 5s", o.Timeout)
	case o.Retry < o.Timeout || o.MaxRetry < o.Retry:
		return nil, fmt.Errorf("limit: FallbackOptions: Retry is %v and MaxRetry %v: want Timeout (%v) or more, the second no less than the first", o.Retry, o.MaxRetry, o.Timeout)
	}
	if o.Down == nil {
		o.Down = func(error) {}
	}
	if o.Up == nil {
		o.Up = func(time.Duration) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Fallback{o: o}, nil
}

// Take implements [Limiter].
func (f *Fallback) Take(ctx context.Context, takes []Take) error {
	if era, ask := f.ask(); ask {
		err := f.primary(ctx, takes)
		if err == nil || errors.Is(err, ErrInvalid) {
			f.answered(era)
			return err
		}
		f.failed(era, err)
	}
	return f.o.Secondary.Take(ctx, takes)
}

// primary asks Primary. That the client has gone is no failure of it, and must
// not cost a connection to it: only the timeout ends the call.
func (f *Fallback) primary(ctx context.Context, takes []Take) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.o.Timeout)
	defer cancel()
	return f.o.Primary.Take(ctx, takes)
}

// Down reports whether Secondary answers, and since when.
func (f *Fallback) Down() (since time.Time, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.since, f.down
}

// ask says whether this call asks Primary. While that is down, it books the next
// try, so that no other call makes this one.
func (f *Fallback) ask() (era uint64, ask bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		now := f.o.Now()
		if now.Before(f.next) {
			return 0, false
		}
		f.next = now.Add(f.wait)
	}
	return f.era, true
}

func (f *Fallback) answered(era uint64) {
	f.mu.Lock()
	if !f.down || era != f.era {
		f.mu.Unlock()
		return
	}
	after := f.o.Now().Sub(f.since)
	f.down, f.since = false, time.Time{}
	f.era++
	f.mu.Unlock()
	f.o.Up(after)
}

func (f *Fallback) failed(era uint64, err error) {
	f.mu.Lock()
	if era != f.era {
		f.mu.Unlock()
		return
	}
	now, first := f.o.Now(), !f.down
	if first {
		f.down, f.since, f.wait = true, now, f.o.Retry
		f.era++
	} else {
		f.wait = min(2*f.wait, f.o.MaxRetry)
	}
	f.next = now.Add(f.wait)
	f.mu.Unlock()
	if first {
		f.o.Down(err)
	}
}
