//go:build !race

package jwt_test

// raceEnabled is set where the race detector allocates.
const raceEnabled = false
