// Package learn watches ordinary traffic and proposes rules of ownership, each with
// what it was seen by: where an answer names its owner, which identifiers are names
// of people, which lists are one's own, who was given what, what is everybody's, and
// which route tells who is signed in.
//
// It stops nothing. A proposal is for a person to read and to write into the
// configuration; what contradicts it is named beside it. A single attacker who walks
// through identifiers meanwhile neither prevents a proposal nor makes one: both take
// several principals, and what one of them alone did is shown as what the rule would
// have refused. Several who agree with each other can mislead it, as can a backend
// that lets people choose what its answers say of them.
//
// It trusts the principals that it is told, and that most of the traffic is ordinary.
// It keeps no body, no value and no name: values are compared as keyed hashes of 64
// bits, in memory as in the store. It does not find owners in HTML, nor things that
// are named by words (slugs), which no path tells from a page.
package learn
