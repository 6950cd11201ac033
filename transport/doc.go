// Package transport is how clients and the gate, and the gate and the backend,
// talk to each other: certificates, what TLS is spoken, port 80.
//
// It stops listening in on the wire, old versions and ciphers, certificates
// that run out unseen, and credentials sent over plain HTTP. It trusts the
// certificate files, the store that keeps ACME's keys, and the system's
// certificate authorities. It does not limit who connects (package network),
// read requests, or send Strict-Transport-Security: it only says where that
// may be sent ([TLS.MayHSTS]).
package transport
