package learn

import (
	"math/bits"

	"github.com/gatehousehq/gatehouse"
)

const (
	kindID = iota
	kindTenant
	// maxKinds and maxRoles bound how many are told apart.
	maxKinds = 32
	maxRoles = 32
	// maxNames bounds the names of one person.
	maxNames = 12
)

// A person is a principal, without a name.
type person struct {
	id    uint64
	names []name
	roles uint32 // bits, by the place in Learner.roles
}

type name struct {
	kind uint8
	// learned: of an answer that tells who is signed in, not of the principal.
	learned bool
	value   uint64
}

// person finds or makes the entry of a principal; nil for nobody, and where there
// is no room.
func (l *Learner) person(p *gatehouse.Principal) *person {
	if !p.Known() {
		return nil
	}
	id := sum(l.key, p.ID)
	at := l.key.join(sum(l.key, p.Issuer), id)
	who := l.people[at]
	if who == nil {
		if len(l.people) >= l.o.MaxPrincipals {
			return nil
		}
		who = &person{id: at}
		l.people[at] = who
	}
	who.is(kindID, id, false)
	if p.Tenant != "" {
		who.is(kindTenant, sum(l.key, p.Tenant), false)
	}
	for i, a := range p.Aliases {
		if i == maxNames {
			break
		}
		if k, ok := l.kind(a.Name); ok && a.Value != "" {
			who.is(k, sum(l.key, a.Value), false)
		}
	}
	for _, role := range p.Roles {
		who.roles |= l.role(role)
	}
	return who
}

// kind is the number of a kind of names.
func (l *Learner) kind(of string) (uint8, bool) {
	for i, k := range l.kinds {
		if k == of {
			return uint8(i), true
		}
	}
	if len(l.kinds) >= maxKinds || len(of) > maxName || of == "" {
		return 0, false
	}
	l.kinds = append(l.kinds, of)
	return uint8(len(l.kinds) - 1), true
}

func (l *Learner) role(name string) uint32 {
	for i, r := range l.roles {
		if r == name {
			return 1 << i
		}
	}
	if len(l.roles) >= maxRoles || len(name) > maxName || name == "" {
		return 0
	}
	l.roles = append(l.roles, name)
	return 1 << (len(l.roles) - 1)
}

// is adds a name.
func (p *person) is(kind uint8, value uint64, learned bool) {
	for i, n := range p.names {
		if n.kind == kind && n.value == value {
			p.names[i].learned = n.learned && learned
			return
		}
	}
	if len(p.names) < maxNames {
		p.names = append(p.names, name{kind, learned, value})
	}
}

// has reports whether value is a name of that kind; named whether there is any.
func (p *person) has(kind uint8, value uint64) (own, named bool) {
	for _, n := range p.names {
		if n.kind == kind {
			named = true
			own = own || n.value == value
		}
	}
	return own, named
}

// calls reports whether value is one of the person's own names, of whichever kind.
func (p *person) calls(value uint64) bool {
	for _, n := range p.names {
		if n.value == value && n.kind != kindTenant {
			return true
		}
	}
	return false
}

// roleNames are those of a set of bits.
func (l *Learner) roleNames(set uint32) (names []string) {
	for ; set != 0; set &= set - 1 {
		names = append(names, l.roles[bits.TrailingZeros32(set)])
	}
	return names
}
