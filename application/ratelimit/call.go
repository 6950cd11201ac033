package ratelimit

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/limit"
)

// What a key begins with. No key is another's beginning with something after it:
// what comes next has a length of its own or is the last.
const (
	keyAddress   = 'a'
	keySignIn    = 's'
	keyPrincipal = 'p'
	keyRoute     = 'r'
	keyClaim     = 'c'
)

// maxTakes: address, sign-in, principal, route.
const maxTakes = 4

// A call gathers the takes of one question. Their keys are parts of one text, so
// that they cost one allocation together.
type call struct {
	all      [maxTakes]limit.Take
	policies [maxTakes]*policy
	ends     [maxTakes]int
	n        int
	keys     []byte
}

// release takes a call back for the next request.
func (l *Limits) release(c *call) {
	*c = call{keys: c.keys[:0]}
	l.calls.Put(c)
}

func (c *call) begin(kind byte) { c.keys = append(c.keys, kind) }

// end ends the key that was begun.
func (c *call) end(p *policy, cost int) {
	c.all[c.n] = limit.Take{Rate: p.rate, Cost: cost}
	c.policies[c.n], c.ends[c.n] = p, len(c.keys)
	c.n++
}

// takes gives the takes once all keys are there.
func (c *call) takes() []limit.Take {
	if c.n == 0 {
		return nil
	}
	text, from := string(c.keys), 0
	for i := range c.n {
		c.all[i].Key, from = text[from:c.ends[i]], c.ends[i]
	}
	return c.all[:c.n]
}

// where writes what an address counts as: itself, or the /64 of an IPv6 address,
// the least that one household has (RFC 6177). An address that is none is one for
// all. In a replica's own memory it is another key than in what is shared, as both
// may be the same memory.
func (c *call) where(a netip.Addr, shared bool) {
	if shared {
		c.begin('*')
	} else {
		c.begin('.')
	}
	a = a.Unmap()
	switch {
	case a.Is4():
		four := a.As4()
		c.keys = append(c.keys, four[:]...)
	case a.Is6():
		sixteen := a.As16()
		c.keys = append(c.keys, sixteen[:8]...)
	}
}

func (c *call) text(s string) {
	c.keys = binary.AppendUvarint(c.keys, uint64(len(s)))
	c.keys = append(c.keys, s...)
}

// maxName is the longest name of a principal that is a key by itself.
const maxName = 256

func (c *call) principal(p *gatehouse.Principal) {
	from := len(c.keys)
	c.text(p.Issuer)
	c.text(p.Tenant)
	c.text(p.ID)
	if name := c.keys[from:]; len(name) > maxName {
		sum := sha256.Sum256(name)
		c.keys = append(c.keys[:from], sum[:]...)
	}
}

// whoever writes the principal, or the address of nobody in particular.
func (c *call) whoever(q *Request) {
	if q.Principal.Known() {
		c.begin(keyPrincipal)
		c.principal(&q.Principal)
		return
	}
	c.begin(keyAddress)
	c.where(q.Addr, true)
}
