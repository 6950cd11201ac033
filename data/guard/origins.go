package guard

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

const (
	// maxOriginShapes bounds the shapes whose origins are told apart. Of more,
	// all are forgotten, and count as seen before.
	maxOriginShapes = 4096
	// maxPossible bounds whom one statement may be of; of more it is nobody's.
	maxPossible = 1024
	// lasting is since when a request must have been there not to count where
	// others are: streams and WebSockets always are, and nothing would be learned
	// beside them.
	lasting = time.Minute
	// maxGroups is more than a shape needs to be learned.
	maxGroups = 8
)

// origins tell how many different clients have made an application send a
// shape, where it is known of each statement only whose it may be: as few as
// could have sent them all. So one client that sends the same again and again
// beside changing others stays one. The zero value is ready.
type origins struct {
	mu     sync.Mutex
	shapes map[originKey][][]string
}

type originKey struct {
	account string
	shape   taint.Fingerprint
}

// of gives a name for whoever of the possible ones it was: that of others
// before, if it may have been one of those; empty where there is none.
func (o *origins) of(key originKey, possible []string) string {
	if len(possible) == 0 || len(possible) > maxPossible {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	groups, seen := o.shapes[key]
	if !seen && len(o.shapes) >= maxOriginShapes || o.shapes == nil {
		o.shapes = make(map[originKey][][]string)
	}
	for i, g := range groups {
		both := slices.DeleteFunc(slices.Clone(g), func(one string) bool { return !slices.Contains(possible, one) })
		if len(both) > 0 {
			groups[i] = both
			return strconv.Itoa(i + 1)
		}
	}
	if len(groups) < maxGroups {
		groups = append(groups, slices.Clone(possible))
	}
	o.shapes[key] = groups
	return strconv.Itoa(len(groups))
}

// origin is who made the application send a statement: empty for the application
// itself, with nobody in flight.
func (p *Protection) origin(j *Judgement) string {
	var possible []string
	if x := j.by.Proven(); x != nil {
		possible = []string{clientOf(x)}
	} else if p.inFlight != nil {
		all := p.inFlight()
		lately := slices.DeleteFunc(slices.Clone(all), func(x *exchange.Exchange) bool { return p.now().Sub(x.Started) > lasting })
		if len(lately) > 0 {
			all = lately
		}
		for _, x := range all {
			possible = append(possible, clientOf(x))
		}
		slices.Sort(possible)
		possible = slices.Compact(possible)
	}
	return p.origins.of(originKey{j.statement.Account, j.taint.Fingerprint}, possible)
}

// clientOf is who sent a request: the principal, else the client's address, IPv6
// by /64 as one household has that many.
func clientOf(x *exchange.Exchange) string {
	switch {
	case x.Principal.Known():
		return "principal " + x.Principal.Issuer + " " + x.Principal.ID
	case !x.Client.IsValid():
		return "unknown"
	}
	return gatehouse.Household(x.Client).Addr().String()
}
