// Package wire has the SQL gate for PostgreSQL used by the clients that people
// use: each does its whole job at the bare server and through the gate, and
// must not be able to tell one from the other. A recording differ plays scripts
// of the protocol to both and compares what comes back message by message.
//
// Every server is a throwaway one on loopback that asks for passwords by SCRAM,
// so that both legs of a session sign in as in earnest. The judge before it is
// the real guard, with no request in flight, and refuses besides whatever
// contains a marker. A program that is missing skips its test;
// scripts/setup.sh installs all.
package wire
