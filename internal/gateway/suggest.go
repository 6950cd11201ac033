package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehousehq/gatehouse/data/policy"
	"github.com/gatehousehq/gatehouse/data/privilege"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/store"
)

// This file notes what the accounts of SQL gates do, for the suggestion of what
// they need: of shapes that are learned, since an attack that passes unknown must
// not become a right; and apart from it of those that are not.

const (
	// seenKind is the kind of the records of what accounts did, by account.
	seenKind = "sql-seen"
	// maxWanting bounds the shapes noted that are not learned.
	maxWanting = 4096
)

// seen is what one account did.
type seen struct {
	statements atomic.Uint64 // since it was last written
	mu         sync.Mutex
	dirty      bool
	record     seenRecord
	wanting    map[*policy.Judgement]struct{}
}

// seenRecord is how it is stored.
type seenRecord struct {
	Learned   privilege.Facts `json:"learned"`
	Unlearned privilege.Facts `json:"unlearned"`
	// Role, Database and Schema are what the account is at the database.
	Role     string `json:"role"`
	Database string `json:"database"`
	Schema   string `json:"schema,omitempty"`
}

// note notes a statement that every rung let pass.
func (s *seen) note(j *policy.Judgement, learned bool, now func() time.Time) {
	s.statements.Add(1)
	if learned {
		if j.First() {
			s.add(&s.record.Learned, j, now())
		}
		return
	}
	s.mu.Lock()
	_, twice := s.wanting[j]
	if !twice && len(s.wanting) < maxWanting {
		if s.wanting == nil {
			s.wanting = make(map[*policy.Judgement]struct{})
		}
		s.wanting[j] = struct{}{}
	} else {
		twice = true
	}
	s.mu.Unlock()
	if !twice {
		s.add(&s.record.Unlearned, j, now())
	}
}

func (s *seen) add(to *privilege.Facts, j *policy.Judgement, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Add(j.Outline, now)
	s.dirty = true
}

// open reads what was noted before, and says what the account is now.
func (s *seen) open(ctx context.Context, from store.Store, account string, of seenRecord) error {
	r, err := from.Get(ctx, seenKind, account)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("reading what %s did: %w", account, err)
	}
	if err == nil && json.Unmarshal(r.Value, &s.record) != nil {
		s.record = seenRecord{} // a damaged one begins anew
	}
	s.record.Role, s.record.Database, s.record.Schema = of.Role, of.Database, of.Schema
	s.record.Learned.Account, s.record.Unlearned.Account = account, account
	return nil
}

// save writes what was noted since.
func (s *seen) save(ctx context.Context, to store.Store, account string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.statements.Swap(0)
	if n > 0 {
		s.record.Learned.Seen(n, now)
	}
	if n == 0 && !s.dirty {
		return nil
	}
	value, err := json.Marshal(&s.record)
	if err == nil && len(value) <= store.MaxValue {
		err = store.Put(ctx, to, store.Record{Kind: seenKind, Key: account, Value: value})
	}
	if err != nil {
		return fmt.Errorf("saving what %s did: %w", account, err)
	}
	s.dirty = false
	return nil
}

// saveSeen writes what all accounts did.
func (j *sqlJudge) saveSeen(ctx context.Context) error {
	var errs []error
	for _, a := range j.accounts {
		errs = append(errs, a.seen.save(ctx, j.gate.store, a.name, j.gate.now()))
	}
	return errors.Join(errs...)
}

// openSeen prepares an account of an SQL gate.
func (g *Gate) openSeen(a *sqlAccount, of config.SQLGate, client config.SQLClient) error {
	d, err := config.ParseDatabase(of.Upstream)
	if err != nil {
		return err
	}
	r := seenRecord{Role: of.UpstreamUser, Database: d.Name, Schema: client.Schema}
	if client.UpstreamUser != "" {
		r.Role = client.UpstreamUser
	}
	return a.seen.open(context.Background(), g.store, a.name, r)
}

// An SQLQuery asks for what an account of an SQL gate needs.
type SQLQuery struct {
	// Grants asks for SQL, otherwise for the list of data.sql.
	Grants bool `json:"grants"`
	// Account is gate/user; empty: all.
	Account string `json:"account,omitempty"`
	// Role is who gets the grants; empty: the account's own role.
	Role string `json:"role,omitempty"`
	// Columns and RevokePublic are privilege.Options'.
	Columns      bool `json:"columns,omitempty"`
	RevokePublic bool `json:"revoke_public,omitempty"`
	// Unlearned counts what too few clients have done to be learned as well.
	Unlearned bool `json:"unlearned,omitempty"`
	// RLS asks for row-level security too.
	RLS *RLSQuery `json:"rls,omitempty"`
}

// An RLSQuery is privilege.RLS as a person writes it.
type RLSQuery struct {
	// Owners are as privilege.ParseOwner reads them.
	Owners []string `json:"owners"`
	// Unattributed is nothing, read or all.
	Unattributed string   `json:"unattributed,omitempty"`
	Admins       []string `json:"admins,omitempty"`
	Exempt       []string `json:"exempt,omitempty"`
}

// Check says what of it can't be read.
func (q *RLSQuery) Check() error {
	_, err := q.options()
	return err
}

func (q *RLSQuery) options() (*privilege.RLS, error) {
	if q == nil {
		return nil, nil
	}
	r := &privilege.RLS{Admins: q.Admins, Exempt: q.Exempt}
	for _, text := range q.Owners {
		o, err := privilege.ParseOwner(text)
		if err != nil {
			return nil, err
		}
		r.Owners = append(r.Owners, o)
	}
	var known bool
	if r.Unattributed, known = map[string]privilege.Access{"": privilege.Nothing, "nothing": privilege.Nothing, "read": privilege.ReadAll, "all": privilege.WriteAll}[q.Unattributed]; !known {
		return nil, fmt.Errorf("%q is none of nothing, read and all", q.Unattributed)
	}
	return r, nil
}

// An SQLSuggestion is what one account needs.
type SQLSuggestion struct {
	Account string `json:"account"`
	// Text is YAML or SQL to read and paste; empty where nothing was seen.
	Text string `json:"text,omitempty"`
	// Unlearned is how many shapes were seen that are not learned.
	Unlearned uint64 `json:"unlearned,omitempty"`
	// Why says why there is no text.
	Why string `json:"why,omitempty"`
}

// SuggestSQL proposes from what the accounts of a running gate did.
func (l local) SuggestSQL(ctx context.Context, q SQLQuery) ([]SQLSuggestion, error) {
	if err := l.sql.judge.saveSeen(ctx); err != nil {
		return nil, err
	}
	if q.RLS != nil && len(q.RLS.Owners) == 0 {
		with := *q.RLS
		with.Owners = ownersOfRules(l.current.Load().config)
		q.RLS = &with
	}
	return suggestSQL(ctx, l.store, q)
}

// ownersOfRules are the owner's columns that rules of application.ownership name,
// as RLSQuery has them.
func ownersOfRules(c *config.Config) (all []string) {
	for _, r := range c.Application.Ownership.Rules {
		own := r.Owner.Column
		if own == "" {
			continue
		}
		if r.Owner.As != "" && r.Owner.As != "id" {
			own += "=" + r.Owner.As
		}
		if !slices.Contains(all, own) {
			all = append(all, own)
		}
	}
	return all
}

var errNoOwners = errors.New("row-level security needs the columns that say whose a row is: --owner orders.user_id=users.id, or owner.column in rules of application.ownership")

// SuggestSQL proposes from what a gate that is not running has kept.
func (s state) SuggestSQL(ctx context.Context, q SQLQuery) ([]SQLSuggestion, error) {
	return suggestSQL(ctx, s.store, q)
}

func (c *client) SuggestSQL(ctx context.Context, q SQLQuery) ([]SQLSuggestion, error) {
	return ask[[]SQLSuggestion](ctx, c, "suggest-sql", q)
}

func suggestSQL(ctx context.Context, from store.Store, q SQLQuery) ([]SQLSuggestion, error) {
	if q.RLS != nil && len(q.RLS.Owners) == 0 {
		return nil, errNoOwners
	}
	var all []SQLSuggestion
	for r, err := range from.Scan(ctx, store.Query{Kind: seenKind}) {
		if err != nil {
			return nil, fmt.Errorf("reading what accounts did: %w", err)
		}
		if q.Account != "" && q.Account != r.Key {
			continue
		}
		var seen seenRecord
		if json.Unmarshal(r.Value, &seen) != nil {
			continue // it begins anew
		}
		all = append(all, q.suggest(r.Key, &seen))
	}
	switch {
	case len(all) == 0 && q.Account != "":
		return nil, fmt.Errorf("no account %s has sent a statement through an SQL gate: gatehouse layers names those that have", q.Account)
	case len(all) == 0:
		return nil, errors.New("no account has sent a statement through an SQL gate yet")
	}
	slices.SortFunc(all, func(a, b SQLSuggestion) int { return strings.Compare(a.Account, b.Account) })
	return all, nil
}

func (q SQLQuery) suggest(account string, of *seenRecord) SQLSuggestion {
	s := SQLSuggestion{Account: account, Unlearned: of.Unlearned.Shapes}
	facts := of.Learned
	if q.Unlearned {
		facts.Merge(&of.Unlearned)
	}
	if facts.Shapes == 0 {
		s.Why = "nothing that it sent is learned yet"
		return s
	}
	if !q.Grants {
		s.Text = privilege.Policy(&facts)
		return s
	}
	o := privilege.Options{Role: q.Role, Database: of.Database, Schema: of.Schema, Columns: q.Columns, RevokePublic: q.RevokePublic}
	if o.Role == "" {
		o.Role = of.Role
	}
	var err error
	if o.RLS, err = q.RLS.options(); err == nil {
		s.Text, err = privilege.Grants(&facts, o)
	}
	if err != nil {
		s.Why = strings.TrimPrefix(err.Error(), "privilege: ")
	}
	return s
}
