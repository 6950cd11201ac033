package gateway

import (
	"sync"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

// maxUnattributed bounds the inputs that a statement of no known request is
// held to. Beyond it some requests' inputs are left out, whichever come last.
const maxUnattributed = 8192

// inFlight are the exchanges that the backend works on: whatever sends a
// statement without saying for which request may be at work for any of them,
// such as a program that hands no context to its database.
type inFlight struct {
	mu  sync.Mutex
	all map[*exchange.Exchange]struct{}
}

// add enters an exchange whose request has climbed: its inputs are settled.
func (f *inFlight) add(x *exchange.Exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = make(map[*exchange.Exchange]struct{})
	}
	f.all[x] = struct{}{}
}

func (f *inFlight) remove(x *exchange.Exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, x)
}

// candidates are the inputs of all.
func (f *inFlight) candidates() []taint.Candidate {
	f.mu.Lock()
	exchanges := make([]*exchange.Exchange, 0, min(len(f.all), maxUnattributed))
	for x := range f.all {
		if len(exchanges) == maxUnattributed {
			break
		}
		exchanges = append(exchanges, x)
	}
	f.mu.Unlock()
	var all []taint.Candidate
	for _, x := range exchanges {
		more := x.Candidates()
		all = append(all, more[:min(len(more), maxUnattributed-len(all))]...)
	}
	return all
}
