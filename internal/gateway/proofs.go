package gateway

import (
	"strings"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ownership"
	"github.com/gatehousehq/gatehouse/events"
)

// This file remembers what let the last requests pass under application/ownership,
// for whoever asks: why could she see that?

// keptProofs bounds them. They take some 500 bytes each.
const keptProofs = 4096

// A proven is a request that passed, with what was shown of it.
type proven struct {
	about  events.About
	route  string
	at     time.Time
	proofs []ownership.Proof
}

// proofs are the last ones. The zero value is empty.
type proofs struct {
	mu   sync.Mutex
	last []proven
	next int // where the next goes, once there are keptProofs
}

func (p *proofs) add(one proven) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.last) < keptProofs {
		p.last = append(p.last, one)
		return
	}
	p.last[p.next] = one
	p.next = (p.next + 1) % keptProofs
}

// find gives a request's, as an event that is in no log.
func (p *proofs) find(request string) []gatehouse.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.last {
		one := &p.last[i]
		if one.about.Request != request {
			continue
		}
		said := make([]string, len(one.proofs))
		for i, proof := range one.proofs {
			said[i] = proof.Path + ": " + proof.Why
		}
		e := events.OwnerProven(one.about, one.route, strings.Join(said, "; "))
		e.Time = one.at
		return []gatehouse.Event{e}
	}
	return nil
}

// keepProofs remembers what let the request pass.
func (t *transit) keepProofs() {
	if !t.owns.proven {
		return
	}
	if all := t.owns.rules.Proofs(); len(all) > 0 {
		about := t.about()
		about.Path = strings.Clone(about.Path) // and not the rest of the request
		t.gate.proofs.add(proven{about, t.x.Route, t.gate.now(), all})
	}
}
