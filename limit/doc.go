// Package limit counts how often something is asked for, by key, and says when it
// is too often: the generic cell rate algorithm (GCRA, ITU-T I.371), which is a
// bucket that runs out evenly, kept as one moment per key. A burst passes at once,
// what comes after it at the rate's own pace; no window ends all at once.
//
// A [Limiter] answers for all keys of a request together, and takes from all or
// from none. [Memory] is one in this process; store/redis has one that replicas
// share; [Fallback] puts the first in the place of the second while that is down.
//
// It trusts its caller for what a key is, and its clock. It bounds what a key may
// ask, not what the same person asks by other keys. Where memory is short, or a
// shared limiter is away, it errs towards letting pass (see each), by at most one
// burst of the key in question: what must never be passed needs another guard.
package limit
