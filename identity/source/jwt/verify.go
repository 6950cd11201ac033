package jwt

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// The rules that a refusal names.
const (
	RuleTooLong   = "too-long"         // longer than Options.MaxToken
	RuleSeveral   = "several-tokens"   // tokens that tell of different people, or too many
	RuleMalformed = "malformed"        // no JWT, or one that can be read in two ways
	RuleCritical  = "critical-header"  // its header asks for an extension (crit, b64)
	RuleIssuer    = "issuer"           // of nobody whose tokens count
	RuleAlgorithm = "algorithm"        // none, a shared secret's, or one that is not declared
	RuleType      = "type"             // a token of another type, such as an ID token
	RuleKey       = "unknown-key"      // the issuer has no such key for that algorithm
	RuleKeys      = "keys-unavailable" // the issuer's keys can't be had; 503
	RuleSignature = "signature"        // it was changed, or another key signed it
	RuleAudience  = "audience"         // it is for somebody else
	RuleExpired   = "expired"          // its time is over, or it names none
	RuleNotYet    = "not-yet"          // it says that it is of the future
	RuleAge       = "max-age"          // older than MaxAge or MaxSignIn
	RuleClaims    = "claims"           // a claim is of the wrong kind, or the subject is missing
)

// A refusal is why a token proves false.
type refusal struct {
	rule   string
	why    string
	status int
	// other is set where the token may be another source's.
	other bool
}

func refuse(rule, why string) *refusal {
	return &refusal{rule: rule, why: why, status: http.StatusUnauthorized}
}

func (r *refusal) decision(at gatehouse.Place) gatehouse.Decision {
	return gatehouse.Denied(r.rule, at, "the token is refused: %s", r.why).WithStatus(r.status)
}

// An issuer is one as it is used.
type issuer struct {
	Issuer
	keys                           *keySet
	allowed                        []jose.SignatureAlgorithm
	subject, tenant, roles, scopes path
}

// verified is what a token proved, and by which key.
type verified struct {
	principal gatehouse.Principal
	key       *key
	keys      *keySet
	until     time.Time
}

// verify does everything that a token is asked for the first time.
func (s *Source) verify(ctx context.Context, text string, now time.Time) (*verified, *refusal) {
	t, err := parse(text)
	if err != nil {
		r := refuse(RuleMalformed, err.Error())
		r.other = errors.As(err, new(foreign))
		return nil, r
	}
	name, _ := t.claims["iss"].(string)
	i := s.issuers[name]
	if i == nil {
		r := refuse(RuleIssuer, "nobody is declared by the issuer's name that it gives ("+secret.Value(name)+")")
		r.other = true
		return nil, r
	}
	k, r := i.authentic(ctx, &t)
	if r != nil {
		return nil, r
	}
	if !audience(t.claims, i.Audiences) {
		return nil, refuse(RuleAudience, "it is for somebody else: its aud names none of this site's audiences")
	}
	until, r := i.timely(t.claims, now)
	if r != nil {
		return nil, r
	}
	p, err := i.principal(t.claims)
	if err != nil {
		return nil, refuse(RuleClaims, err.Error())
	}
	return &verified{principal: p, key: k, keys: i.keys, until: until}, nil
}

// authentic says whether the issuer signed the token, and for this use.
func (i *issuer) authentic(ctx context.Context, t *token) (*key, *refusal) {
	if t.strict {
		return nil, refuse(RuleCritical, "its header asks for an extension (crit or b64), and none is supported")
	}
	at := slices.Index(algorithms[:], jose.SignatureAlgorithm(t.alg))
	if at < 0 || i.allowed != nil && !slices.Contains(i.allowed, algorithms[at]) {
		return nil, refuse(RuleAlgorithm, "its algorithm ("+secret.Value(t.alg)+") is none that the issuer is declared with")
	}
	alg := algorithms[at]
	if len(i.Types) > 0 && !slices.ContainsFunc(i.Types, func(typ string) bool { return sameType(typ, t.typ) }) {
		return nil, refuse(RuleType, "its type ("+secret.Value(t.typ)+") is none that is declared")
	}
	keys, err := i.keys.find(ctx, t.kid, t.named, alg)
	switch {
	case errors.Is(err, errNoKeys):
		r := refuse(RuleKeys, err.Error())
		r.status = http.StatusServiceUnavailable
		return nil, r
	case err != nil:
		return nil, refuse(RuleKey, err.Error())
	}
	k, err := t.signedBy(keys, alg)
	if err != nil {
		return nil, refuse(RuleSignature, "its signature is not by the issuer's key")
	}
	return k, nil
}

// sameType compares media types as RFC 7515, 4.1.9 does: "application/" may be
// left out, and case does not count.
func sameType(a, b string) bool {
	bare := func(s string) string { return strings.TrimPrefix(strings.ToLower(s), "application/") }
	return bare(a) == bare(b)
}

// timely says whether a token counts at now, and until when.
func (i *issuer) timely(claims map[string]any, now time.Time) (until time.Time, _ *refusal) {
	dates := map[string]time.Time{}
	for _, name := range []string{"exp", "nbf", "iat", "auth_time"} {
		at, there, err := date(claims, name)
		if err != nil {
			return until, refuse(RuleClaims, err.Error())
		}
		if there {
			dates[name] = at
		}
	}
	exp, there := dates["exp"]
	if !there {
		return until, refuse(RuleExpired, "it has no exp, so it would never end")
	}
	until = exp.Add(i.Leeway)
	if !now.Before(until) {
		return until, refuse(RuleExpired, "its time is over (exp)")
	}
	for _, name := range []string{"nbf", "iat", "auth_time"} {
		if at, there := dates[name]; there && now.Add(i.Leeway).Before(at) {
			return until, refuse(RuleNotYet, "its "+name+" lies in the future, or a clock is wrong")
		}
	}
	for _, cap := range []struct {
		name string
		age  time.Duration
	}{{"iat", i.MaxAge}, {"auth_time", i.MaxSignIn}} {
		if cap.age == 0 {
			continue
		}
		at, there := dates[cap.name]
		end := at.Add(cap.age + i.Leeway)
		if !there || !now.Before(end) {
			return until, refuse(RuleAge, "its "+cap.name+" is missing or too long ago")
		}
		if end.Before(until) {
			until = end
		}
	}
	return until, nil
}
