// Package throwaway runs a PostgreSQL server that is thrown away: a fresh
// cluster in a folder of its own, on a Unix socket and a loopback port, gone when
// it is closed. The demo keeps its shops in one, and tests use it through
// internal/testkit/postgres.
//
// With a password it lets in who knows it, and stops nobody else's statements;
// without one it trusts every local connection, which is for tests. It does not
// keep data safe: nothing is synchronised to the disk. Nothing in it outlives
// Close, and on Linux the server ends with the process that started it.
package throwaway
