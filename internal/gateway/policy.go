package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/headers"
	"github.com/gatehousehq/gatehouse/store"
)

// This file keeps what the strict policy would refuse, and since when the site is
// served: both outlive a reload.

const (
	siteKind  = "site"
	firstKey  = "first-served"
	policyKey = "csp-sightings"
)

// openPolicy reads what was kept.
func (g *Gate) openPolicy(ctx context.Context) error {
	now, err := g.now().UTC().MarshalText()
	if err != nil {
		return err
	}
	err = store.Swap(ctx, g.store, store.Record{Kind: siteKind, Key: firstKey, Value: now})
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("noting when the site began: %w", err)
	}
	if r, err := g.store.Get(ctx, siteKind, firstKey); err == nil {
		_ = g.first.UnmarshalText(r.Value) // a damaged one begins anew
	}
	if g.first.IsZero() {
		g.first = g.now()
	}
	var saved []headers.Sighting
	if r, err := g.store.Get(ctx, siteKind, policyKey); err == nil {
		_ = json.Unmarshal(r.Value, &saved) // a damaged one begins anew
	}
	g.reports, err = headers.NewReports(saved, g.now)
	return err
}

// firstServed is when this site was first served from this state.
func (g *Gate) firstServed() time.Time { return g.first }

// savePolicy keeps what was reported. What is too much for a record begins anew
// after a restart.
func (g *Gate) savePolicy(ctx context.Context) error {
	value, err := json.Marshal(g.reports.Sightings())
	if err != nil || len(value) > store.MaxValue {
		return err
	}
	r, err := g.store.Get(ctx, siteKind, policyKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return store.Swap(ctx, g.store, store.Record{Kind: siteKind, Key: policyKey, Value: value, Version: r.Version})
}

// takeReports answers browsers that report.
func (t *transit) takeReports() {
	status := http.StatusNoContent
	body, err := io.ReadAll(io.LimitReader(t.r.Body, headers.MaxReport+1))
	if err == nil {
		_, err = t.gate.reports.Take(t.client.Addr.String(), body)
	}
	if t.r.Method != http.MethodPost {
		status = http.StatusMethodNotAllowed
	} else if err != nil {
		status = http.StatusBadRequest
	}
	t.w.WriteHeader(status)
}

// sampled chooses the pages that are looked into: the first ones, and one in
// sixteen of the rest, since a page like another tells nothing new.
func (g *Gate) sampled() bool {
	n := g.pages.Add(1)
	return n <= 4096 || n%16 == 0
}

// pageScan notes what pages have inline, for the suggestion of a policy.
type pageScan struct {
	reports *headers.Reports
	client  string
}

func (s *pageScan) Held(first []byte, _ bool) gatehouse.Decision {
	s.reports.NotePage(s.client, first)
	return gatehouse.Passed()
}

func (s *pageScan) Next(dst, piece []byte, _ bool) []byte {
	return append(dst, piece...)
}

// A PolicySuggestion is a content security policy, and why.
type PolicySuggestion = headers.Suggestion

// SuggestPolicy proposes a policy from what browsers reported.
func (l local) SuggestPolicy(context.Context) (PolicySuggestion, error) {
	return l.reports.Suggest(), nil
}

// SuggestPolicy reads what a gate that is not running has kept.
func (s state) SuggestPolicy(ctx context.Context) (PolicySuggestion, error) {
	r, err := s.store.Get(ctx, siteKind, policyKey)
	if errors.Is(err, store.ErrNotFound) {
		return PolicySuggestion{}, errors.New("no browser has reported anything yet")
	}
	var saved []headers.Sighting
	if err == nil {
		err = json.Unmarshal(r.Value, &saved)
	}
	if err != nil {
		return PolicySuggestion{}, err
	}
	reports, err := headers.NewReports(saved, nil)
	if err != nil {
		return PolicySuggestion{}, err
	}
	return reports.Suggest(), nil
}

func (c *client) SuggestPolicy(ctx context.Context) (PolicySuggestion, error) {
	return ask[PolicySuggestion](ctx, c, "suggest-policy", struct{}{})
}
