// Package sqlmap lets sqlmap, which others wrote, loose on shops that
// concatenate on PostgreSQL: once bare, where it must extract what it is after,
// and once through both gates, where it must extract nothing, with one of its
// techniques at a time. Bans are off, since they would end it after a few
// tries, and so is every rung before the SQL gate: what is left is data/guard.
//
// Nothing is tuned to sqlmap. Its own words, and the files that it dumps to,
// say what it got.
package sqlmap
