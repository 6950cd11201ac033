//go:build race

package ratelimit_test

// raceEnabled is set where the race detector counts along.
const raceEnabled = true
