// Package sanitize takes out of declared rich-text fields what could run: scripts,
// handlers, addresses that are code. What an editor writes stays: a value of which
// nothing was taken reaches the backend byte for byte.
//
// It stands before everything that reads inputs, so that the rungs behind it judge
// what the backend will store.
package sanitize
