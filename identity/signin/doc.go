// Package signin knows the routes by which people prove to a backend who they
// are, and what the backend answered them.
//
// A [Finder] says of a request whether it is an attempt: a sign-in, a sign-up, a
// recovery, a second factor, a password asked again, a sign-out, or a code that
// can be guessed as a coupon can. It goes by the names of the fields, the method
// and the words of the path, or by what was declared. A [Model] says of the
// answer whether the attempt succeeded: by its status, where it redirects to,
// whether its page asks again, its JSON, its cookies and tokens; and by what it
// has learned of the answers of that route.
//
// It trusts nobody. A client chooses the names of its fields: a request that
// names two accounts is [Attempt.Ambiguous], and [Verdict.Binds] says whether a
// success may be taken to tell whose the session is. What can't be told is
// Unsure, which no caller may take for a success. It refuses nothing: that is
// for identity/throttle. It does not find sign-ins whose fields have names that
// mean nothing, passkeys (which can't be guessed), and what goes over a
// WebSocket: declare those, where they are to be limited.
package signin
