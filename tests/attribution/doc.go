// Package attribution holds the gate to its word on whose a statement is: fifty
// clients, a backend of eight workers with a pool of four connections, a queue
// worker on the same account, clients that leave, and an adversary who knows what
// everybody sends. Each statement carries its true cause, which is taken out
// before the gate sees it. Unknown is allowed, wrong is not.
package attribution
