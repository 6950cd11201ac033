// Package ledger remembers whose a thing is, where neither the answer nor the
// database says so: who created it, who was shown it in a list of their own,
// whom an answer named, and with whom it was shared until when.
//
// It stops who asks for a thing that is known to be another's, and says of a
// thing it never saw that it does not know: [Unknown], the zero value, is a no.
// An error is a no, too.
//
// It trusts its caller to note only what is so (that a list was the
// principal's own, that who shares a thing owns it), to hand in identifiers in
// one canonical form (it compares bytes: "7", "007" and "7 " are three things)
// and principals that are not given to another person later, and to call
// [Ledger.Forget] for what was deleted, since backends give an identifier
// again. It trusts the store to end a call when its context ends.
//
// Things and principals are held as keyed hashes, in memory and in the store;
// whoever reads the state file without its key learns no name from it, only
// how many things each unnamed principal has.
//
// # Bounds
//
// Memory holds at most MaxEntries pairs of a thing and a principal; the store
// has all of them until their time is over. What was used longest ago leaves
// memory first, and a principal that has more than an eighth of a full memory
// pushes out its own. A note is written behind, in batches, within Every; what
// a crash loses is seen again at the next list or answer. Where the store is so
// far behind that half of memory waits for it, [ErrBehind] says so.
//
// # Several gates
//
// Gates that share a store see each other's notes at once where they hold none
// of their own, and each other's Forget, Revoke and Transfer within Every: each
// has a number of its own in the store, which every gate asks for. A gate that
// could not ask for ten seconds trusts its memory no longer.
package ledger
