// Package network decides who may connect: allow and deny lists, and bans with
// an expiry, which strikes lead to and which survive a restart; limits on the connections and
// requests that one address holds at once ([LimitOptions]).
//
// It trusts the address of the TCP peer, and beyond it only what a declared proxy
// wrote, in a PROXY header ([Network.ProxyProtocol]) or in HTTP's: the client's
// address is settled once per request ([Network.Settle]), and what a client may
// have written itself is taken out of the headers ([Clean]). Slow headers, bodies
// and readers are cut ([Timeouts]).
//
// It limits no rates, and of users it knows only that many share an address
// ([Network.Good]). It can't tell people behind one address apart, nor a proxy
// with a public address that nobody declared from an attacker: a ban of it hits
// everybody behind it. A private peer that sends forwarding headers is taken for
// such a proxy, so strikes never ban it: somebody on the same private network
// evades them (never the deny list, nor a person's ban) until the proxies are
// declared.
package network
