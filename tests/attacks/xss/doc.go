// Package xss holds application/markup to scripts that run: payloads, made by
// [Payloads] and frozen in testdata, stand in twelve places of a page and are executed
// in Chromium. Bare is the control; through the gate once markup stands alone, and
// once the strict content security policy does.
package xss
