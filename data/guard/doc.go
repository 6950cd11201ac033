// Package guard is the rung before the database: it stops statements that an
// input of a request became structure of (SQL injection, also of values stored
// earlier), and notes what the application does itself: statements built by
// concatenation, and passwords stored in plain or as a fast hash.
//
// It trusts package taint's judgement, and what the exchange says was in
// flight. It does not tell a wrong value from a right one, sees nothing of
// dynamic SQL put together inside the database, and recognises a stored
// password only where the statement hands over the whole of it, or of its hash.
package guard
