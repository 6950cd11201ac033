// Package sqlgate is what SQL gates of every engine have in common: the
// accounts by which an application signs in to the gate, and what the gate asks
// of whoever judges its statements. Package pgwire is the one for PostgreSQL.
//
// An SQL gate ends the session on both sides: an application signs in to the
// gate with credentials that are worth nothing at the database, and the gate to
// the database with those of a reduced role. Nothing here decides; a [Judge]
// that is missing or that panics refuses.
package sqlgate
