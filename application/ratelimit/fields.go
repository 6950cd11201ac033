package ratelimit

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gatehousehq/gatehouse/limit"
)

// A Standing is how a request's client stands after the checks. It is a value: it
// travels with the request.
type Standing struct {
	route *route
	lines [maxTakes]line
	n     int
	retry time.Duration
	// asset: it was let pass uncounted, as what it claims to be.
	asset bool
	// signIn: it was counted as an attempt to sign in.
	signIn bool
	// credited: it was counted by a credit of its address.
	credited bool
	// quiet: nothing of it is told.
	quiet bool
}

type line struct {
	policy *policy
	limit.Result
}

// cost is what the request takes of the address's and the principal's rate.
func (s *Standing) cost() int {
	if s.route == nil || s.route.Cost == 0 {
		return 1
	}
	return s.route.Cost
}

// note writes down an answer, in place of an earlier one of the same policy.
func (s *Standing) note(p *policy, r limit.Result) {
	for i := range s.n {
		if s.lines[i].policy == p {
			s.lines[i].Result = r
			return
		}
	}
	s.lines[s.n] = line{p, r}
	s.n++
}

// RetryAfter is when to try again, in seconds, for the field of that name; zero where
// nothing was refused for its rate.
func (s *Standing) RetryAfter() int { return seconds(s.retry) }

// Fields sets RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10)
// of an answer, refused or not. Sign-in routes and assets have none, and where the
// backend has its own they stay.
func (s *Standing) Fields(h http.Header) {
	const now, policies = "Ratelimit", "Ratelimit-Policy" // as net/http spells them
	if s.quiet || s.n == 0 || len(h[now]) > 0 || len(h[policies]) > 0 {
		return
	}
	var room [256]byte
	text := room[:0]
	for i := range s.n {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, s.lines[i].policy.text...)
	}
	split := len(text)
	for i := range s.n {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = s.lines[i].item(text)
	}
	both := string(text)
	values := []string{both[:split], both[split:]}
	h[policies], h[now] = values[0:1:1], values[1:2:2]
}

// item writes the policy's item of RateLimit. Its t is the same moment as Retry-After
// where it was refused, as the draft asks (section 5).
func (l *line) item(text []byte) []byte {
	reset := l.ResetAfter
	if !l.Allowed {
		reset = l.RetryAfter
	}
	text = append(text, '"')
	text = append(text, l.policy.rule...)
	text = append(text, `";r=`...)
	text = strconv.AppendInt(text, int64(l.Remaining), 10)
	text = append(text, ";t="...)
	return strconv.AppendInt(text, int64(seconds(reset)), 10)
}

// policyItem is an item of RateLimit-Policy. The burst is a parameter of our own,
// where it is not the quota.
func policyItem(name string, r limit.Rate) string {
	text := `"` + name + `";q=` + strconv.Itoa(r.Count) + ";w=" + strconv.Itoa(int(r.Per/time.Second))
	if r.Size() != r.Count {
		text += ";gatehouse-burst=" + strconv.Itoa(r.Size())
	}
	return text
}

// seconds rounds up: who waits that long has waited long enough.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
