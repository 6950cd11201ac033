// Package access decides who may call which route: everybody, who is signed in,
// who has a role or scopes, who comes from an address, with a second factor,
// after a recent sign-in. What stands below a prefix that denies by default is
// refused where no rule lets it in.
//
// It trusts the principal that it is handed, and the rules. It does not trust
// that a backend reads a path or a method as the gate does: a request must be let
// in by the rule of every reading that backends are known for (letter case,
// slashes, dot segments, escapes, parameters, file endings, overridden methods).
// A reading can only add what is asked for, never take away.
//
// It does not know whose an object is (application/ownership does), and it
// proves no second factor: where the source of the principal can't say that there
// was one, a rule that asks for it refuses.
package access
