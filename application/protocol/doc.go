// Package protocol lets through requests that can be read in one way only. What
// two programs read differently is how a request is hidden from one of them (RFC
// 9112, section 11.2).
//
// [Listener] wraps the connections of a listener: over HTTP/1 it reads each head and
// follows each body before net/http does, and is held by fuzzing to agree with it
// about where requests begin and end. HTTP/2, chosen by ALPN, carries its lengths in
// frames, and goes to net/http as it is. [Protocol.Check] holds for both: methods,
// hosts, paths that a backend may take for other ones, sizes.
package protocol
