// Package ownership asks for what is somebody else's, in every way that clients
// name things: testdata/cases.jsonl is a frozen table of requests, made by the
// tests' generator from ways (ways_test.go), seeds and directions: sideways to a
// colleague, upwards to an administrator, across to another customer. The backend
// that they go to checks nothing; its twin is the same program with checks. An
// attack counts only if it works at the bare backend and not at the twin, and is
// refused if nothing of anybody else's came back and no row of theirs changed,
// whatever the status said. Beside each attack stand the requests of those who may:
// the owner, an administrator, whom it was shared with. What gets through is listed
// in testdata/misses-*.txt, which the tests hold to what happens.
package ownership
