// Package attacks is the table of what the demonstration tries on the shop:
// attacks, each of which succeeds on the bare shop, and ordinary uses, each of
// which must keep working behind a gate.
//
// A case looks at effects, never at statuses alone: an attack succeeded where
// something was disclosed or changed, an ordinary use where what was wanted is
// there afterwards. Every case makes its own accounts and orders, so that the
// cases run in any order, again, and on both shops; each sends at most a few
// dozen requests. It stops nothing, and it attacks only what Target names.
package attacks
