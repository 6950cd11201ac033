//go:build race

package wire

// raceDetector says that the race detector is built in, which uses memory.
const raceDetector = true
