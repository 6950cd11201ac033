// Package privilege proposes what a database account needs and no more, from
// what it was seen to do: as a list for package policy ([Policy]), and as SQL
// that makes a role of it in the database itself ([Grants]), which then holds
// with every gate off.
//
// It applies nothing: both are texts for a person to read, with the evidence
// beside each line. It trusts the outlines that it is given, so only those of
// statements that passed the guard may be: an attack must not become a grant.
// It knows nothing of what was not seen (a report that runs once a year), nor
// of what triggers, views, functions and defaults do inside the database; the
// proposals say so.
//
// With [RLS], the database itself settles whose a row is, by what a [Signer]
// says of each statement. That stops whoever sends any SQL he likes as the
// application's role, behind the gate; not who reaches the database past it, nor
// what tells of a row without showing it (a key that is taken).
// docs/decisions/row-level-security.md says what binds a signature to a
// transaction.
//
// # Intended use
//
// The gateway keeps one Facts for each account behind a lock, and stores it as
// JSON. Of a statement that every rung let pass:
//
//	j := policy.Judge(st)        // a shared judgement with the outline
//	…
//	facts.Seen(1, now)           // each time
//	if j.First() {               // once for each shape
//		facts.Add(j.Outline, now)
//	}
//
// Several gates' facts are joined by [Facts.Merge]. `suggest policy` prints
// Policy(facts), `suggest grants` prints Grants(facts, Options{…}).
package privilege
