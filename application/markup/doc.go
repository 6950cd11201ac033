// Package markup refuses answers in which an input became executable markup:
// cross-site scripting, reflected or stored, whichever way the application
// decoded the input. An input may become a text, an attribute's value, a string
// of a script; never an element that runs, a handler, a script's code, or the
// address that a page is sent to.
//
// It trusts the inputs that it is given, and the answer's Content-Type as
// browsers do: what they would sniff is read as HTML. What the page has without
// an input's help is the site's own, and passes.
//
// It does not stop scripts that a page's own script makes of an input in the
// browser (DOM XSS; a policy does, see application/headers), styles that only
// look different, and links to other sites.
package markup
