// Package crossorigin has pages of several origins try in Chromium what CORS and the
// cross-site check decide: what a script may read, and what it may do.
package crossorigin
