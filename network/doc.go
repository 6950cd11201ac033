// Package network decides who may connect: allow and deny lists, bans with an
// expiry that survive a restart, and the strikes that lead to them.
//
// It trusts the address of the TCP peer, and beyond it only forwarding headers
// that a declared proxy wrote: the client's address is settled once per request
// ([Network.Settle]), and whatever a client may have written itself is taken out
// of the headers ([Clean]). Slow headers and slow bodies are cut ([Timeouts]).
//
// It does not limit rates or connections per address, does not know users, and
// can't tell apart the people behind one address, or a proxy with a public
// address that nobody declared from an attacker: the bans of such an address hit
// everybody behind it. A private peer that sends forwarding headers is taken for
// such a proxy, and no strike bans it; a person on the same private network can
// therefore evade bans (never the deny list) until its proxies are declared.
package network
