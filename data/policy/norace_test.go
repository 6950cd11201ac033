//go:build !race

package policy_test

// raceEnabled is set where the race detector has sync.Pool drop at random what
// it is given.
const raceEnabled = false
