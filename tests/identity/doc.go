// Package identity runs the backends of examples/identity, which verify
// Gate-Identity in Node, Python and Go, against real assertions and forged ones.
//
// The backends run as processes of their own and listen on loopback; what is
// not installed is skipped.
package identity
