// Package gateway puts the layers together into one gate. It alone knows all of
// them; ladder.go is the only ordered list of what a connection, a request and a
// response pass through, and judge.go the only place where a layer's decision
// becomes what happens: by mode, by `allow` entry, recorded, and told to the
// client in one form (problem.go).
//
// A Gate lives as long as the process; what is made from the configuration, an
// assembly, is replaced as a whole by a reload, so that a request meets either
// the old configuration or the new one, never a mixture.
package gateway
