// Package owned uses programs that others wrote, each with several people's
// things, with rules of ownership that nobody wrote: those that were proposed
// after an ordinary session of each person, applied as they stand.
//
// With application/ownership in enforce, the same sessions must go on as they
// did, and each request of each of them, sent with everybody else's credentials,
// must show and change nothing. What the programs themselves would have shown to
// others is measured with the rung observing: most check for themselves, and
// those that can be told not to are told so.
//
// A program that is missing skips its test; scripts/setup.sh installs all.
package owned
