// Package answer reads out of a backend's answer whose the things in it are,
// and cuts out of a list what is another's.
//
// It stops nothing by itself: it tells the ownership rung the owners that an
// answer names, as text that is the same wherever two readers would take it
// for the same, or says why it can't tell. An answer that readers could take
// in different ways (a member twice with different values, a byte order mark,
// something behind the value, text that is not UTF-8 where an owner stands) is
// an error and no guess; so is one that ends early, or whose owner is an object.
//
// It trusts the backend to name the owner truthfully in the member, header or
// element that the plan names. It does not look at anything else: what an
// answer holds beside the watched members, and beside the list, passes unseen.
//
// JSON is read in one pass over the bytes, without a tree, and what is kept of
// it stays byte for byte as it was. HTML is parsed as browsers parse it, and
// never changed: a list in a page can be refused and not cut. Compressed
// bodies, several JSON values after each other, and guards in front of JSON
// such as ")]}'" are not read.
//
// # Values
//
// The text of a string is what its escapes say; the text of a number is as it
// was written, so that 7 and "7" are one owner, while 7.0, 7e0 and "007" are
// others, and no digit is lost beyond 2^53. Letters keep their case, and
// Unicode its form. null, true, false and the empty string are no owner.
package answer
