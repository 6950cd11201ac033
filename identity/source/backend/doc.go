// Package backend says who a request is from where the backend keeps its own
// sessions: the cookie or the token that it gave at its sign-in is bound to the
// account that was named there.
//
// The caller tells of each sign-in that succeeded ([Source.Bind]), each answer to
// somebody known ([Source.Follow]: many backends change the cookie with every
// answer), and each sign-out ([Source.End]). Which cookie is the session's is
// learned from what the sign-in set anew, or declared. A session that the gate
// did not see beginning is Unknown: one that is older than the gate, one by single
// sign-on, and any visitor's who has not signed in. So is one whose credentials
// are two people's.
//
// A sign-up begins a session too ([Source.Register]), but only of an account that
// nobody signed in to before, and by a credential that visitors are not given.
//
// It trusts its caller's word that a sign-in succeeded and whose it was
// (signin.Verdict.Binds), and the backend's that a credential is not another's.
// It does not know when the backend ends a session by itself: such a credential
// stays bound until it expires here, and opens nothing there. A sign-in
// that does not renew the session (session fixation) is told, and what is bound is
// then the session that was: [Source.Held] stops others than the device that signed
// in from using it, where the caller knows devices.
//
// Of credentials only keyed hashes are held. Sessions are bounded in number, by
// account and together; where there are more, that which was not used for longest
// becomes Unknown.
package backend
