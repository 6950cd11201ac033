// Package endtoend sends the frozen corpus of SQL injections (package sqli)
// over HTTP through both gates: to a backend in Python that decodes, cuts and
// concatenates as each case says, and by the SQL gate to PostgreSQL. What the
// guard refuses there is held to what it refuses within a test's own process.
//
// The backend's own code for a case, what stands before and behind the input
// and what is done to it, comes to it in a file: testdata/transforms.py finds
// it from the case. A line of the backend's journal says what it sent and what
// came of it, so that nothing here believes the answer that a client got.
package endtoend
