package backend

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/input"
)

// Follow is told of an answer to a request that is no sign-in and no sign-out: it
// follows the cookies and tokens that the backend gives to whom it knows, and
// learns who that is. in are the request's inputs, or nil. With an error from the
// store the session is followed, and a restart may forget it.
func (s *Source) Follow(ctx context.Context, r *http.Request, in *input.Inputs, a signin.Answer) error {
	if a.Status < 200 || a.Status >= 500 {
		return nil
	}
	now := s.o.Now()
	set := a.Header["Set-Cookie"]
	me := s.meOf(r, a)
	refreshes := refreshing(r)
	if len(set) == 0 && me == nil && !refreshes && a.Status != http.StatusUnauthorized && !s.overdue(r, now) {
		return nil // almost always
	}
	s.mu.Lock()
	x := s.sessionOf(r, in, refreshes, now)
	if x == nil {
		fresh := s.visited(r, a)
		s.mu.Unlock()
		return s.noteVisited(ctx, fresh)
	}
	changed := s.cookies(x, r, a, now)
	if refreshes && !x.halfway {
		changed = s.refreshed(x, a) || changed
	}
	if a.Status == http.StatusUnauthorized {
		changed = s.unauthorized(x, r) || changed
	}
	if me != nil && !x.halfway {
		changed = x.learn(me, a) || changed
	}
	if len(x.held) == 0 {
		s.remove(x)
		s.mu.Unlock()
		return s.write(ctx, x)
	}
	late := now.UnixNano()-x.written.Load() >= int64(writeEvery)
	if changed {
		s.dirty[x] = struct{}{}
	}
	late = late && changed || now.UnixNano()-x.written.Load() > int64(s.o.Idle/8)
	s.mu.Unlock()
	if late {
		return s.write(ctx, x)
	}
	return nil
}

// overdue reports whether the request's session was used for long without being
// written down.
func (s *Source) overdue(r *http.Request, now time.Time) (is bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.presented(r, func(p presented) {
		x := s.bound[s.hash(p.value)]
		is = is || x != nil && now.UnixNano()-x.written.Load() > int64(s.o.Idle/8)
	})
	return is
}

// sessionOf is the one session that the request's credentials are of, or nil. At
// a route that refreshes tokens they may stand in the body. The caller holds mu.
func (s *Source) sessionOf(r *http.Request, in *input.Inputs, refreshes bool, now time.Time) (x *session) {
	conflict := false
	note := func(value string) {
		h := s.hash(value)
		one := s.bound[h]
		if one == nil || !one.lives(h, now, s.o.Idle) {
			return
		}
		conflict = conflict || x != nil && x != one
		x = one
	}
	s.presented(r, func(p presented) { note(p.value) })
	if x == nil && refreshes && in != nil {
		left := maxPresented
		for _, i := range in.Body() {
			name := strings.TrimSuffix(i.Place.Name, ")") // of an argument of GraphQL
			name = name[strings.LastIndexAny(name, ".](")+1:]
			if left > 0 && len(i.Value) >= minToken && len(i.Value) <= maxToken && signin.TokenName(name) {
				left--
				note(i.Value)
			}
		}
	}
	if conflict {
		return nil
	}
	return x
}

// cookies follows what the answer sets. The caller holds mu.
func (s *Source) cookies(x *session, r *http.Request, a signin.Answer, now time.Time) (changed bool) {
	for _, c := range signin.SetCookies(a.Header, now) {
		if c.Deleted {
			if s.deleted(x, r, c.Name) {
				changed = true
			}
			continue
		}
		ours := slices.ContainsFunc(x.held, func(h held) bool { return h.name == c.Name })
		if !ours && !s.learned(c.Name) && !signin.SessionName(c.Name) || !s.mayBecome(c.Name, c.Value, x.account) {
			continue
		}
		h := s.hash(c.Value)
		if one := s.bound[h]; one != nil && one != x && one.account != x.account {
			continue // another's: it is not taken away
		}
		if s.bound[h] != x {
			s.replace(x, c.Name, now)
		}
		changed = s.hold(x, held{hash: h, name: c.Name, expires: c.Expires}) || changed
	}
	return changed
}

// deleted forgets the cookies of a name that the client sent and the backend ends.
// The caller holds mu.
func (s *Source) deleted(x *session, r *http.Request, name string) (changed bool) {
	eachCookie(r.Header["Cookie"], func(n, value string) {
		if h := s.hash(value); n == name && s.bound[h] == x {
			s.drop(x, h)
			changed = true
		}
	})
	if !changed {
		return false
	}
	// What was replaced a moment ago is over too.
	for i := len(x.held) - 1; i >= 0; i-- {
		if x.held[i].name == name {
			s.drop(x, x.held[i].hash)
		}
	}
	return true
}

// refreshTokens are the members that a route which refreshes tokens gives.
var refreshTokens = map[string]bool{
	"accesstoken": true, "refreshtoken": true, "idtoken": true, "jwt": true, "sessiontoken": true, "authtoken": true, "access": true, "refresh": true, "token": true,
}

// refreshing reports whether a route gives its caller the next token. Other routes
// that give one may give another's.
func refreshing(r *http.Request) bool {
	path := strings.ToLower(r.URL.Path)
	return r.Method != http.MethodGet && (strings.Contains(path, "refresh") || strings.Contains(path, "renew") || strings.HasSuffix(path, "/token") || strings.HasSuffix(path, "/session"))
}

// refreshed binds the tokens of a refresh. The caller holds mu.
func (s *Source) refreshed(x *session, a signin.Answer) (changed bool) {
	if a.Status >= 300 {
		return false
	}
	for _, t := range tokens(a, refreshTokens) {
		h := s.hash(t.value)
		if one := s.bound[h]; one != nil && one.account != x.account {
			continue
		}
		if s.bound[h] != x {
			s.replace(x, t.name, s.o.Now())
		}
		changed = s.hold(x, held{hash: h, name: t.name, expires: t.expires}) || changed
	}
	return changed
}

// unauthorized forgets a token that the backend no longer takes. The caller holds
// mu. Of cookies 401 may say something else.
func (s *Source) unauthorized(x *session, r *http.Request) (changed bool) {
	for _, v := range r.Header["Authorization"] {
		if h := s.hash(tokenOf(v)); s.bound[h] == x {
			s.drop(x, h)
			changed = true
		}
	}
	return changed
}

// End ends the session of the request, at the backend's sign-out.
func (s *Source) End(ctx context.Context, r *http.Request) error {
	s.mu.Lock()
	var gone []*session
	s.presented(r, func(p presented) {
		if x := s.bound[s.hash(p.value)]; x != nil {
			s.remove(x)
			gone = append(gone, x)
		}
	})
	s.mu.Unlock()
	return s.write(ctx, gone...)
}

// EndAll ends every session of an account, as after a change of its password, and
// says how many there were.
func (s *Source) EndAll(ctx context.Context, account string) (int, error) {
	s.mu.Lock()
	gone := slices.Clone(s.byAccount[signin.Account(account)])
	for _, x := range gone {
		s.remove(x)
	}
	s.mu.Unlock()
	return len(gone), s.write(ctx, gone...)
}

// Sessions is how many sessions are held.
func (s *Source) Sessions() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.count
}

// Reads reports whether [Source.Follow] looks into the body of an answer with this
// status to the request.
func (s *Source) Reads(r *http.Request, status int) bool {
	return s.meOf(r, signin.Answer{Status: status}) != nil || refreshing(r)
}

// meOf is the declared route that an answer is of, or nil. A request with a query
// or a body is none: it may ask for somebody else.
func (s *Source) meOf(r *http.Request, a signin.Answer) *me {
	if r.Method != http.MethodGet || a.Status != http.StatusOK || r.URL.RawQuery != "" || r.ContentLength != 0 {
		return nil
	}
	for i := range s.me {
		if s.me[i].pattern.Match(r.URL.EscapedPath()) {
			return &s.me[i]
		}
	}
	return nil
}

// maxAlias bounds the value of an alias, and maxAliases their number.
const (
	maxAlias   = 256
	maxAliases = 16
)

// fromMe is the provenance of what a declared route told.
const fromMe = "/me"

// learn takes aliases from the JSON of a declared route.
func (x *session) learn(m *me, a signin.Answer) (changed bool) {
	p := *x.principal.Load()
	signin.Members(string(a.Body[:min(len(a.Body), signin.MaxBody)]), func(path, _ string, value any) {
		name, wanted := m.aliases[path]
		text := ""
		switch v := value.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		}
		if wanted && text != "" && len(text) <= maxAlias {
			changed = addAlias(&p, gatehouse.Alias{Name: name, Value: text, Provenance: fromMe}) || changed
		}
	})
	if changed {
		x.principal.Store(&p)
	}
	return changed
}

// addAlias adds one, or replaces that of the same name which is known as well. The
// configuration's stay.
func addAlias(p *gatehouse.Principal, a gatehouse.Alias) bool {
	all := slices.Clone(p.Aliases)
	for i, had := range all {
		if had.Name != a.Name {
			continue
		}
		if had == a || had.Provenance == "configuration" {
			return false
		}
		all[i] = a
		p.Aliases = all
		return true
	}
	if len(all) >= maxAliases {
		return false
	}
	p.Aliases = append(all, a)
	return true
}

// keyColumns are the names of columns that hold a row's key, beside those that
// end with the table's own name.
var keyColumns = map[string]bool{"id": true, "uuid": true, "guid": true, "uid": true, "user_id": true, "userid": true, "account_id": true, "pk": true}

// nameColumns are those in which a person's name at the sign-in stands.
var nameColumns = map[string]bool{
	"email": true, "email_address": true, "mail": true, "login": true, "username": true, "user_name": true, "user_login": true, "user_email": true,
	"name": true, "account": true, "handle": true, "phone": true, "nickname": true, "normalized_email": true, "normalized_user_name": true, "identifier": true,
}

// Wants reports whether a column says who somebody is: it is for
// exchange.Exchange.Watch, at sign-ins.
func (s *Source) Wants(column string) bool {
	_, name := split(column)
	return keyColumns[name] || nameColumns[name] || slices.Contains(s.o.Roles, short(column))
}

// split takes "public.users.id" apart into the table, "users", and the column.
func split(column string) (table, name string) {
	column = short(column)
	at := strings.LastIndexByte(column, '.')
	if at < 0 {
		return "", strings.ToLower(column)
	}
	return column[:at], strings.ToLower(column[at+1:])
}

// short is a column without the schema that everything stands in.
func short(column string) string { return strings.TrimPrefix(column, "public.") }

// fromRecords takes aliases and roles from the person's own row: one that has the
// account's name. Where two such rows have different keys, neither is known to be.
func (s *Source) fromRecords(p *gatehouse.Principal, records []exchange.Record) {
	keys := map[string]string{}
	twice := map[string]bool{}
	for _, r := range records {
		if !ofAccount(r, p.ID) {
			continue
		}
		for i, column := range r.Columns {
			table, name := split(column)
			switch {
			case table == "":
			case keyColumns[name]:
				at := table + "." + name
				if had, ok := keys[at]; ok && had != r.Values[i] {
					twice[at] = true
				}
				keys[at] = r.Values[i]
			case slices.Contains(s.o.Roles, short(column)) && !slices.Contains(p.Roles, r.Values[i]):
				p.Roles = append(slices.Clone(p.Roles), r.Values[i])
			}
		}
	}
	names := make([]string, 0, len(keys))
	for at := range keys {
		names = append(names, at)
	}
	slices.Sort(names)
	for _, at := range names {
		if !twice[at] {
			addAlias(p, gatehouse.Alias{Name: at, Value: keys[at], Provenance: "sign-in row"})
		}
	}
}

func ofAccount(r exchange.Record, account string) bool {
	for i, column := range r.Columns {
		if _, name := split(column); nameColumns[name] && signin.Account(r.Values[i]) == signin.Account(account) {
			return true
		}
	}
	return false
}
