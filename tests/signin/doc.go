// Package signin uses real applications that keep their own accounts, MediaWiki,
// Django's admin and the demo's shop, behind a gate that nobody configured: it
// must find their sign-in by itself, tell success from failure each time, know
// whose the session is from then on, and not stand in the way of who mistypes.
// Then it attacks the whole gate: guesses from thousands of addresses, forged
// tokens, and a Redis that dies in mid-load.
//
// The gate runs in the test's process, so that the test owns its clock; between it
// and the application stands a recorder that sees what a backend sees. What really
// happened is asked of the application itself, past the gate. GATEHOUSE_LONG=1
// runs all tries; without it a tenth of them, and a hundredth of the attack.
//
// What is missing skips its test; scripts/setup.sh installs all.
package signin
