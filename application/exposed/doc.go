// Package exposed closes what a backend opens by mistake: folders of version
// control, files of settings, copies that editors leave, debug endpoints. And
// it tells of secrets that stand in a URL, where histories, logs and Referer
// headers keep them.
//
// It trusts the operator: what a route opens, with a reason, is open. A path
// that can be nothing else is refused before the backend sees it (Check); one
// that a site may own itself, such as /console, only when the answer shows the
// tool (CheckAnswer). Both answer 404, as for what does not exist.
//
// It does not find secrets in files of any other name (application/leaks looks
// for those of known form), protects nothing that a sign-in of the backend's
// should, and never refuses a URL for a secret in it: whoever sent it has it.
package exposed
