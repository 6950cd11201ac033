package taint

import "time"

// Version is the version of the lexers and the shape together. Templates of
// another version stay as they are, match nothing, and are learned anew.
const Version = 1

// A Fingerprint is the keyed hash of a statement's shape.
type Fingerprint [16]byte

// A Template is one shape that an account is known to send: plain data without
// any literal, to be saved and given back.
type Template struct {
	Account string  `json:"account"`
	Dialect Dialect `json:"dialect"`
	Version int     `json:"version"`
	// Shape is the statement with "?" for literals.
	Shape string `json:"shape"`
	// First and Last are when it was first seen, and when it was learned.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Origins is how many different origins had produced it when it was learned.
	Origins int `json:"origins"`
}

// Stats are an account's counts since the guard was made.
type Stats struct {
	Account     string
	Templates   int
	Old         int // of another Version
	Quarantined int
	Judged      uint64
	Known       uint64
	Unknown     uint64
	Denied      uint64
	Capped      uint64
}

// A Suspect is a shape in quarantine: passed, and not learned yet.
type Suspect struct {
	Account string
	Shape   string
	First   time.Time
	Last    time.Time
	Origins int
	Seen    uint64
	// Held says why it is not learned without a person's word, where so.
	Held string
}
