// Package ratelimit refuses clients that ask too often: by address before anything
// of a request is read, and by principal once that is known, each at a rate, with
// routes that cost more or have a rate of their own, and sign-in routes at one that
// suits a person.
//
// It is two rungs: [Limits.CheckAddress] and [Limits.CheckPrincipal]. With a
// limiter that replicas share, the first asks this replica's memory alone, and the
// second asks the shared one for everything in one call: a flood is stopped where
// it arrives, and what passes is counted by all replicas together.
//
// It trusts the address and the principal that it is given, and nothing that the
// request says of itself. That a request is for an asset (a picture, a style sheet:
// a page loads hundreds) is the client's word until the answer shows it: those whose
// answers keep showing otherwise are no longer believed ([Limits.Answered]).
//
// It does not tell people behind one address apart before they sign in, nor one
// person's many addresses; IPv6 counts by /64. Addresses behind which everybody may
// stand (an undeclared proxy, loopback) are not limited. It does not judge guesses of
// passwords: an account's failures are identity/throttle's, and a limit of an account
// by rate would let strangers lock its owner out.
package ratelimit
