// Package gatehouse holds the vocabulary that every layer of the gate shares:
// what was decided ([Decision], [Verdict], [Mode]), about what ([Place]), for
// whom ([Principal]), why something may pass that ordinarily may not
// ([Reason]), and what is written down about it ([Event], [Recorder]).
//
// It imports the standard library alone. A layer imports this package and the
// leaves (events, input, exchange, secret, store), never another layer;
// internal/gateway puts the layers together, and internal/gateway/ladder.go is
// the only ordered list of them. architecture_test.go holds these rules.
//
// The zero value of everything here denies: a Verdict is [Deny], a Mode is
// [Enforce], a Reason is missing.
package gatehouse
