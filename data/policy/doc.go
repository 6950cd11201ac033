// Package policy is the rung that says what a database account may ask at all,
// whoever caused the statement: no definitions but by accounts declared for
// them, no programs or files of the database's server, no functions that reach
// beyond the data, only the tables and verbs that an account is declared for,
// and no more rows than it needs.
//
// It trusts package outline's reading of the statement; where that is unsure,
// the statement is taken for what it may not do. It sees nothing of what views,
// triggers and functions of the database do inside, does not resolve names
// (search_path), and counts only the rows that the server tells of. It stands
// before the database's own privileges (package privilege proposes those) and
// replaces none of them.
package policy
