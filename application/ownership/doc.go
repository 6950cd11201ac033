// Package ownership asks of every request for one thing of many whether the thing
// is the asker's own: the question that insecure direct object references leave
// out (CWE-639; OWASP API1:2023), and that nobody in front of an application could
// answer. A rule says, for a path, where the thing's identifier stands and how its
// owner is told: by the answer itself (a member of its JSON, a header field, an
// element of its HTML), by the rows of the database that the answer was made from,
// by the ledger of who made it or was shown it in a list of their own, by a probe
// with the caller's own credentials, or because the identifier is itself the name
// of a person.
//
// What nobody can tell is refused. Nothing of an answer leaves before its owner is
// known, and a change is refused before the backend acts. The client of a refused
// request is told what it would be told of a thing that does not exist.
//
// It trusts the principal that identity/source settled, with its aliases, and the
// backend's own answers: a backend that lies about owners, or lets clients choose
// them, is believed. It does not know of things that no rule is for: package learn
// proposes rules, and Uncovered lists what has none. Between a probe and the change
// that it let through, the thing may change hands; only the SQL gate, which asks in
// the statement's own transaction, closes that. A read is probed once more before
// its answer leaves.
package ownership
