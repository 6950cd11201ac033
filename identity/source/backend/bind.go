package backend

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/signin"
)

// A SignIn is one that succeeded.
type SignIn struct {
	Request *http.Request
	// Answer is the backend's, before the gate changes it.
	Answer signin.Answer
	// Account is the one that was named, as signin.Account spells it.
	Account string
	// Halfway is set where a second factor is still asked for; SecondFactor where
	// it was given now. Then Account may be empty: it is the halfway session's.
	Halfway, SecondFactor bool
	// Records are rows that the exchange of the sign-in is known to have read.
	Records []exchange.Record
	// Household is the client's (gatehouse.Household), and Device is set where the
	// client is given what its device is known by from now on. Without a device a
	// session that is not renewed is told, and [Source.Held] refuses it to nobody.
	Household netip.Prefix
	Device    bool
}

// A Bound is what Bind found.
type Bound struct {
	// Principal is whose the session is.
	Principal gatehouse.Principal
	// Credentials is how many were bound; none is where the answer gave none that
	// can be told, and the session stays Unknown.
	Credentials int
	// Decision passes, or denies by RuleFixation: record it. The sign-in has
	// happened, so refusing it now would help nobody.
	Decision gatehouse.Decision
}

var errNoAccount = errors.New("backend: a sign-in without an account")

// Bind binds what the answer gave, a cookie or a token, to the account. With an
// error from the store it is bound, and a restart forgets it.
func (s *Source) Bind(ctx context.Context, in SignIn) (Bound, error) {
	now := s.o.Now()
	if b, again := s.basicAgain(in, now); again {
		return b, nil
	}
	gained := s.gained(in.Request, in.Answer, now)
	if in.Account == "" && in.SecondFactor {
		in.Account, _ = s.Halfway(in.Request)
	}
	if in.Account == "" {
		return Bound{}, errNoAccount
	}
	s.mu.Lock()
	b := Bound{Decision: gatehouse.Passed()}
	creds := s.usable(in.Request, gained, in.Account)
	if len(creds) == 0 {
		creds = s.existing(in.Request)
		s.markFixed(creds, in.Account, now)
		if i := slices.IndexFunc(creds, func(c gain) bool { return c.fixed }); i >= 0 {
			b.Decision = gatehouse.Denied(RuleFixation, gatehouse.Place{Kind: gatehouse.Cookie, Name: creds[i].name},
				"the sign-in did not renew the session's cookie: whoever knew it before is signed in too")
		}
	}
	changed := s.supersede(in.Request)
	if len(creds) == 0 {
		s.mu.Unlock()
		return b, s.write(ctx, changed...)
	}
	x := s.begin(in, now)
	if in.Device && b.Decision.Verdict != gatehouse.Pass {
		x.holder = newHolder(in)
	}
	changed = append(changed, s.enter(x)...)
	for _, c := range creds {
		s.hold(x, held{hash: s.hash(c.value), name: c.name, expires: c.expires, fixed: c.fixed})
	}
	b.Principal, b.Credentials = *x.principal.Load(), len(creds)
	s.mu.Unlock()
	return b, s.write(ctx, append(changed, x)...)
}

// basicAgain finds the session of a request that signs in each time, and did so
// before.
func (s *Source) basicAgain(in SignIn, now time.Time) (Bound, bool) {
	if _, _, basic := in.Request.BasicAuth(); !basic {
		return Bound{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.hash(in.Request.Header.Get("Authorization"))
	x := s.bound[h]
	if x == nil || x.account != in.Account || !x.lives(h, now, s.o.Idle) {
		return Bound{}, false
	}
	x.use(now)
	return Bound{Principal: *x.principal.Load(), Credentials: 1, Decision: gatehouse.Passed()}, true
}

// begin makes a session. The caller holds mu.
func (s *Source) begin(in SignIn, now time.Time) *session {
	var id [16]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	account := strings.Clone(in.Account)
	x := &session{id: hex.EncodeToString(id[:]), account: account, halfway: in.Halfway, began: now, absolute: now.Add(s.o.Absolute)}
	x.seen.Store(now.UnixNano())
	p := &gatehouse.Principal{ID: account, Issuer: Issuer, SignedIn: now, SecondFactor: in.SecondFactor}
	if c, ok := s.accounts[signin.Account(account)]; ok {
		p.Tenant, p.Roles, p.Aliases = c.Tenant, c.Roles, c.Aliases
	}
	s.fromRecords(p, in.Records)
	for _, other := range s.byAccount[signin.Account(account)] { // what the person's other sessions were told
		for _, a := range other.principal.Load().Aliases {
			if a.Provenance == fromMe {
				addAlias(p, a)
			}
		}
	}
	x.principal.Store(p)
	return x
}

// A gain is a credential that an answer gives, or a request brings.
type gain struct {
	name, value string
	expires     time.Time
	deleted     bool
	// fixed is set where others may have known it before the sign-in.
	fixed bool
}

// gained are the cookies and tokens that an answer gives.
func (s *Source) gained(r *http.Request, a signin.Answer, now time.Time) (all []gain) {
	for _, c := range signin.SetCookies(a.Header, now) {
		all = append(all, gain{name: c.Name, value: c.Value, expires: c.Expires, deleted: c.Deleted})
	}
	all = append(all, tokens(a, nil)...)
	if _, _, basic := r.BasicAuth(); basic {
		all = append(all, gain{name: tokenMark + "basic", value: r.Header.Get("Authorization")})
	}
	return all
}

// tokenMark begins the names of credentials that are no cookies: no cookie's can
// begin so.
const tokenMark = "\x00"

func isToken(name string) bool { return strings.HasPrefix(name, tokenMark) }

// maxTokens bounds the tokens of one answer.
const maxTokens = 4

// tokens are the credentials in the JSON of an answer. only, where set, names the
// members that count.
func tokens(a signin.Answer, only map[string]bool) (all []gain) {
	text := strings.TrimLeft(string(a.Body[:min(len(a.Body), signin.MaxBody)]), " \t\r\n")
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil
	}
	signin.Members(text, func(_, name string, value any) {
		v, ok := value.(string)
		if !ok || len(all) == maxTokens || len(v) < minToken || len(v) > maxToken || strings.ContainsAny(v, " \r\n\t") {
			return
		}
		if only != nil && !only[plain(name)] || only == nil && !signin.TokenName(name) {
			return
		}
		all = append(all, gain{name: tokenMark + plain(name), value: v, expires: tokenExpiry(v)})
	})
	return all
}

func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// tokenExpiry is the time at which a JWT says that it ends; zero for any other. It
// is not verified: it ends a binding, and never begins one.
func tokenExpiry(token string) time.Time {
	_, rest, ok := strings.Cut(token, ".")
	payload, _, more := strings.Cut(rest, ".")
	if !ok || !more {
		return time.Time{}
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var claims struct {
		Exp json.Number `json:"exp"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return time.Time{}
	}
	exp, err := claims.Exp.Float64()
	if err != nil || exp <= 0 || exp > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(exp), 0)
}

// usable are the gains that are new to the client and can be a session's. One
// that the client sent with the same value is not: a session that was there
// before, a counter, a choice. The caller holds mu.
func (s *Source) usable(r *http.Request, all []gain, account string) (creds []gain) {
	sent := map[string]bool{}
	eachCookie(r.Header["Cookie"], func(name, value string) { sent[name+"="+value] = true })
	for _, g := range all {
		if isToken(g.name) {
			creds = append(creds, g)
			continue
		}
		if g.deleted || sent[g.name+"="+g.value] || !s.mayBecome(g.name, g.value, account) {
			continue
		}
		if one := s.bound[s.hash(g.value)]; one != nil && one.account != account {
			// Two people get the same value: a balancer's, say.
			s.share(g.name)
			continue
		}
		creds = append(creds, g)
	}
	return creds
}

// mayBecome reports whether a cookie that an answer sets may be a session's: a
// secret, which no two people have, and which nobody can make up.
func (s *Source) mayBecome(name, value, account string) bool {
	switch {
	case strings.HasPrefix(name, "__Host-gate-"), s.shared[name]:
		return false
	case len(s.declared) > 0:
		return s.declared[name] && value != ""
	case signin.NotSession(name), len(value) < minToken, len(value) > maxToken:
		return false
	}
	return signin.Account(value) != account && varied(value)
}

// varied reports whether a value has as many different characters as one that was
// drawn: 16 hexadecimal digits have ten on average, and hardly ever fewer than 6.
func varied(value string) bool {
	var seen [256]bool
	n := 0
	for i := range len(value) {
		if !seen[value[i]] {
			seen[value[i]] = true
			n++
		}
	}
	return n >= 6
}

// maxShared bounds the names of cookies that are known to be no session's.
const maxShared = 64

// share notes that a cookie is no session's, and unbinds what is bound by it. The
// caller holds mu.
func (s *Source) share(name string) {
	if len(s.shared) >= maxShared {
		return
	}
	s.shared[strings.Clone(name)] = true
	for _, own := range s.byAccount {
		for _, x := range own {
			for i := len(x.held) - 1; i >= 0; i-- {
				if x.held[i].name == name {
					s.drop(x, x.held[i].hash)
					s.dirty[x] = struct{}{}
				}
			}
		}
	}
}

// existing are the credentials that the client brought: where a sign-in gives no
// new one, the session that was is signed in. The caller holds mu.
func (s *Source) existing(r *http.Request) (creds []gain) {
	eachCookie(r.Header["Cookie"], func(name, value string) {
		if s.mayHold(name, value) && (s.declared[name] || varied(value)) && len(creds) < maxPresented {
			creds = append(creds, gain{name: strings.Clone(name), value: value})
		}
	})
	return creds
}

// markFixed marks those of the client's credentials that a sign-in left as they
// were: all but those of a session of the same account that had been given it by
// a sign-in, which nobody else knew. The caller holds mu.
func (s *Source) markFixed(creds []gain, account string, now time.Time) {
	for i := range creds {
		c := &creds[i]
		h := s.hash(c.value)
		x := s.bound[h]
		own := x != nil && x.account == account && x.lives(h, now, s.o.Idle) &&
			!slices.ContainsFunc(x.held, func(was held) bool { return was.hash == h && was.fixed })
		c.fixed = !own
	}
}

// supersede ends what the client's credentials were bound to: it has signed in
// anew. The caller holds mu.
func (s *Source) supersede(r *http.Request) (changed []*session) {
	s.presented(r, func(p presented) {
		x := s.bound[s.hash(p.value)]
		if x == nil || x.ended {
			return
		}
		s.remove(x)
		changed = append(changed, x)
	})
	return changed
}
