// Package pgwire is the SQL gate for PostgreSQL (protocol 3.0 and 3.2). It
// stands between an application and its database, ends the session on both
// sides, and has every statement judged before the database sees it: of Query
// and of Parse, and again where values are bound to one that executes text.
//
// It trusts the database, and what a [sqlgate.Judge] says. It does not look
// into what COPY carries, nor into SQL put together inside the database, and
// holds no result: messages pass as they come. Of functions called by number,
// those of large objects pass; replication does not.
//
// A refused statement is replaced by one that certainly fails, and the error
// that comes back is rewritten (42501 with the request's identifier). So the
// server itself ends the transaction, and skips what follows in a pipeline, as
// it does for any error; answering in the server's place committed the first
// half of a pipeline when it was tried.
//
// Each direction of a session has a goroutine and a buffer: [upward] reads what
// the client sends, enters what will be answered into a [queue], and [downward]
// follows the answers. Everything read at once is sent on by one write.
//
// Passwords are taken as they are, without SASLprep (RFC 4013): it changes none
// that is ASCII.
package pgwire
