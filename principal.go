package gatehouse

import "time"

// A Principal is who a request is from, whichever source told so. The zero
// value is nobody.
type Principal struct {
	// ID is the subject at its issuer, such as a user name or `sub`.
	ID string
	// Issuer is who vouches for ID: "backend", an OpenID issuer's URL, "accounts".
	Issuer string
	Tenant string
	Roles  []string
	// Scopes are what a token was issued for, such as "orders:read": at most
	// that, whatever the roles say. Nil where the source knows of none.
	Scopes []string
	// SignedIn is when the person proved who they are; zero where unknown.
	SignedIn time.Time
	// SecondFactor is set where that proof took two factors.
	SecondFactor bool
	// Aliases are other names of the same person, such as the database's
	// users.id beside an e-mail address.
	Aliases []Alias
}

// An Alias is another name of a principal, with where that was learned.
type Alias struct {
	// Name is what the value is, such as "users.id".
	Name string
	// Value is the alias itself.
	Value string
	// Provenance says who claimed it: "sign-in row", "/me", "configuration".
	Provenance string
}

// Known reports whether the principal is somebody.
func (p Principal) Known() bool { return p.ID != "" }

// A Reason is why something that is ordinarily refused may pass. Every bypass
// of the gate takes one; it is printed at start, recorded as an event, and
// stands in `gatehouse layers`. The zero value is not a reason.
type Reason string

// Given reports whether a person wrote a reason.
func (r Reason) Given() bool {
	for _, c := range r {
		if c != ' ' && c != '\t' && c != '\n' {
			return true
		}
	}
	return false
}
