// Package leaks keeps what a backend says only to its makers from its clients:
// the body of every 5xx answer, stack traces, framework debug pages, database
// errors, secrets of known form, directory listings.
//
// It trusts the backend to mean no harm, and nothing in its answers: a trace
// in a page may be an error or a tutorial that quotes one. Whether it is one
// is told from the status, from markup that only debug pages have, from how
// much of the page it is, and from the inputs of the exchange: a text that the
// client sent, or that a row held, is quoted. In doubt it is observed, by a
// decision that passes and names its rule.
//
// It does not look into images, scripts, styles, archives, fonts, event
// streams and downloads, nor at texts in UTF-16; and it does not know a secret
// by anything but its form. A key that browsers are meant to see (Google's
// AIza…, Stripe's pk_…) is none, nor is the identifier of an AWS key by
// itself, which every signed URL holds.
package leaks
