// Package shop is a small web shop that is vulnerable on purpose: it is what
// `gatehouse demo` puts behind the gate. It stops nothing. It trusts everybody.
//
// What protects the machine it runs on: it serves on loopback addresses only
// and refuses everything else, its files are confined to one folder
// ([os.Root]), its SQLite database cannot attach other files, its PostgreSQL is
// one on this machine, and its deliberate request forgery reaches one in-house
// server of its own, under three made-up names, and nothing more. What an
// injected statement reaches of PostgreSQL is up to the account that it is given.
//
// Every hole is marked by a comment that begins with "Hole:". Never copy code
// from here.
package shop
