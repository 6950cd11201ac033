//go:build !race

package input

// raceEnabled is set where the race detector makes long tests longer.
const raceEnabled = false
