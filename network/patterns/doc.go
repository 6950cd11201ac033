// Package patterns watches for what no single request shows: scanning, a walk
// through the identifiers of a route, failures above the ordinary level, and an
// account's new device.
//
// It is told of each request after its answer ([Patterns.Observe]) and says what
// is unusual; it refuses nothing, and holds nothing up. docs/decisions/patterns.md
// has each threshold with its false alarms, and tests/attacks/ordinaryweek an
// ordinary week in which there are none.
//
// It trusts the client's address and the principal that it is told. A client is
// its principal where one is known for walks, else its address (IPv6: the /64):
// who has many of them and asks little by each is not seen, nor is a walk at a
// person's pace through what the application hands out.
package patterns
