// Package ownership tries what is learned of ownership, and the rules of it, on
// applications as a whole.
package ownership
