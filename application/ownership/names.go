package ownership

import (
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// ownID is what Owner.As calls the principal's own ID.
const ownID = "id"

// called reports whether the principal has a name, by as: see Owner.As.
func called(p *gatehouse.Principal, as, name string) bool {
	if name == "" {
		return false
	}
	if (as == "" || as == ownID) && same(p.ID, name) {
		return true
	}
	for i := range p.Aliases {
		if a := &p.Aliases[i]; (as == "" || as == a.Name) && same(a.Value, name) {
			return true
		}
	}
	return false
}

// named reports whether the principal has any name by as.
func named(p *gatehouse.Principal, as string) bool {
	if as == "" || as == ownID {
		return p.Known()
	}
	for i := range p.Aliases {
		if p.Aliases[i].Name == as && p.Aliases[i].Value != "" {
			return true
		}
	}
	return false
}

// same compares two names: exactly, but for the case of e-mail addresses, in which
// applications differ.
func same(a, b string) bool {
	return a == b || strings.IndexByte(a, '@') > 0 && strings.EqualFold(a, b)
}

// keyOf is the principal for the ledger: one name over all issuers.
func keyOf(p *gatehouse.Principal) string { return p.Issuer + "\x00" + p.ID }

// namesOf are the principal's names by as.
func namesOf(p *gatehouse.Principal, as string) (all []string) {
	if (as == "" || as == ownID) && p.Known() {
		all = append(all, p.ID)
	}
	for i := range p.Aliases {
		if a := &p.Aliases[i]; (as == "" || as == a.Name) && a.Value != "" {
			all = append(all, a.Value)
		}
	}
	return all
}
