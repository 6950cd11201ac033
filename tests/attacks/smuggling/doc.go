// Package smuggling holds the gate to one reading of a request: malformed heads and
// bodies, made by [Cases], are sent to backends of four kinds, bare as the control and
// through the gate. What a backend reads must be the request that the gate judged, or
// nothing.
package smuggling
