package backend

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/store"
)

// This file binds sessions that begin with a sign-up. Nothing proves there that the
// account is the client's but that it was not there before, and that the answer
// gives what only a sign-in gives: what strangers get too (a session that every
// visitor has) may be anybody's, and stays Unknown until somebody signs in by it.

const (
	// accountKind are accounts that were signed in to, and strangerKind the names
	// of cookies that visitors get who are nobody.
	accountKind  = "identity.backend.account"
	strangerKind = "identity.backend.stranger"
)

// A Registered is what Register found.
type Registered struct {
	Bound
	// Taken is set where the account had been signed in to before: the answer does
	// not tell names that are taken from others.
	Taken bool
}

// Register binds what the answer to a sign-up gave to the account that it made, as
// [signin.Verdict.Registers] names it. It binds nothing where the account was
// signed in to before or is configured, where the store can't tell, and where
// strangers are given such a credential too. declared says that the route was
// declared to sign in ([signin.Attempt.SignsIn]), which overrules the last.
//
// The principal has no aliases and no roles: a row with the account's name may have
// been read to see whether the name is taken.
func (s *Source) Register(ctx context.Context, in SignIn, declared bool) (Registered, error) {
	passed := Registered{Bound: Bound{Decision: gatehouse.Passed()}}
	if in.Account == "" {
		return passed, errNoAccount
	}
	if _, configured := s.accounts[signin.Account(in.Account)]; configured {
		return passed, nil
	}
	switch _, err := s.o.Store.Get(ctx, accountKind, s.accountKey(in.Account)); {
	case err == nil:
		passed.Taken = true
		return passed, nil
	case !errors.Is(err, store.ErrNotFound):
		return passed, fmt.Errorf("backend: whether an account was signed in to before: %w", err)
	}
	now := s.o.Now()
	gained := s.gained(in.Request, in.Answer, now)
	s.mu.Lock()
	if len(s.byAccount[in.Account]) > 0 {
		s.mu.Unlock()
		passed.Taken = true
		return passed, nil
	}
	var creds []gain
	for _, g := range s.usable(in.Request, gained, in.Account) {
		if declared || s.signsIn(in.Request, g) {
			creds = append(creds, g)
		}
	}
	if len(creds) == 0 {
		s.mu.Unlock()
		return passed, nil
	}
	changed := s.supersede(in.Request)
	in.Records = nil
	x := s.begin(in, now)
	changed = append(changed, s.enter(x)...)
	for _, c := range creds {
		s.hold(x, held{hash: s.hash(c.value), name: c.name, expires: c.expires})
	}
	passed.Principal, passed.Credentials = *x.principal.Load(), len(creds)
	s.mu.Unlock()
	return passed, s.write(ctx, append(changed, x)...)
}

// sureTokens are the members that give a token to none but who is signed in. A
// "token" or a "session" may be that of a registration which is not at its end.
var sureTokens = map[string]bool{
	"accesstoken": true, "authtoken": true, "sessiontoken": true, "bearertoken": true, "jwt": true, "idtoken": true, "refreshtoken": true, "access": true, "refresh": true,
}

// notYet are parts of the names of cookies that lead through a registration.
var notYet = [...]string{"regist", "signup", "sign_up", "sign-up", "verif", "confirm", "pending", "activat", "invit", "onboard", "flow", "wizard", "state", "nonce"}

// signsIn reports whether a credential is one that only who is signed in has, for
// all that was seen. The caller holds mu.
func (s *Source) signsIn(r *http.Request, g gain) bool {
	if isToken(g.name) {
		name := strings.TrimPrefix(g.name, tokenMark)
		return sureTokens[name] || name == "token" && strings.Count(g.value, ".") == 2 && !tokenExpiry(g.value).IsZero()
	}
	if brings(r, g.name) || s.strangers[g.name] || len(s.strangers) >= maxNames {
		return false
	}
	if s.names[g.name] > 0 || s.declared[g.name] {
		return true
	}
	low := strings.ToLower(g.name)
	for _, part := range notYet {
		if strings.Contains(low, part) {
			return false
		}
	}
	return len(s.names) == 0 && signin.SessionName(g.name)
}

// brings reports whether a request has a cookie of the name.
func brings(r *http.Request, cookie string) (had bool) {
	eachCookie(r.Header["Cookie"], func(name, _ string) { had = had || name == cookie })
	return had
}

// visited notes the cookies that an answer gives to nobody in particular, who
// brought none: who brings one may be signed in for longer than the gate is there.
// It gives those that were not noted before. The caller holds mu.
func (s *Source) visited(r *http.Request, a signin.Answer) (fresh []string) {
	for _, c := range signin.SetCookies(a.Header, s.o.Now()) {
		switch {
		case c.Deleted, s.strangers[c.Name], len(s.strangers) >= maxNames, len(c.Name) > maxAlias, !signin.SessionName(c.Name), brings(r, c.Name):
			continue
		}
		name := strings.Clone(c.Name)
		s.strangers[name] = true
		fresh = append(fresh, name)
	}
	return fresh
}

// noteVisited writes names down: a restart must not take what visitors have for
// what people have who are signed in.
func (s *Source) noteVisited(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var ops []store.Op
	for _, name := range names {
		ops = append(ops, store.Op{Record: store.Record{Kind: strangerKind, Key: hex.EncodeToString([]byte(name)), Expires: s.o.Now().Add(s.o.Absolute)}})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := s.o.Store.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("backend: writing which cookies visitors have: %w", err)
	}
	return nil
}

// loadVisited reads what noteVisited wrote.
func (s *Source) loadVisited(ctx context.Context) error {
	for r, err := range s.o.Store.Scan(ctx, store.Query{Kind: strangerKind, Limit: maxNames}) {
		if err != nil {
			return fmt.Errorf("backend: reading which cookies visitors have: %w", err)
		}
		if name, err := hex.DecodeString(r.Key); err == nil {
			s.strangers[string(name)] = true
		}
	}
	return nil
}

// accountKey is an account's key in the store.
func (s *Source) accountKey(account string) string {
	sum := s.hashes.Sum("signed in to", signin.Account(account))
	return hex.EncodeToString(sum[:16])
}

// known is written beside the first session of an account: that it exists.
func (s *Source) known(x *session) store.Op {
	return store.Op{Record: store.Record{Kind: accountKind, Key: s.accountKey(x.account), Expires: s.o.Now().Add(s.o.Absolute)}}
}
