// Package ordinaryweek has the requests of a week at a site that nobody attacks,
// drawn from a seed: what a watch for unusual patterns must stay silent about.
// Beside it stand the traces of attacks that it must find (attacks.go).
//
// The site is a shop with accounts, a help desk, an album and a blog. In its week
// are people at home (IPv6 with addresses that change daily), offices and a school
// behind one address, phones whose address changes from request to request,
// crawlers with stale links, monitoring, readers of a feed (some of one that is
// gone), an app that polls (some with a token that has expired), a help desk and
// an accountant who work through consecutive numbers, a partner's nightly export,
// and a release that breaks links for two hours.
//
// It was written, and its seeds were pinned, before anything was tuned on it:
// [Tuning] are for that, [Held] for the figures. It holds no background noise of
// the internet: who asks every site for /wp-login.php is not ordinary. And it is
// a model: what no model knows is what real sites do besides.
package ordinaryweek
