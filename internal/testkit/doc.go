// Package testkit is what tests share: programs that may be missing, programs
// started and ended, and `gatehouse run` as a process of its own, as a person
// starts it. Subpackages have a browser and certificates.
//
// Only tests import it. Everything it starts listens on loopback and ends with
// the test, by its process; what is left running then fails the test.
package testkit
