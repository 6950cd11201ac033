package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events/sink"
	"github.com/gatehousehq/gatehouse/network"
	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/sqlite"
)

// Admin is what the commands ask of a gate: a running one, reached over its
// control socket ([Dial]), or the state that one has left ([OpenState]).
type Admin interface {
	Status(context.Context) (Status, error)
	Layers(context.Context) (Layers, error)
	// Find gives the events of a request, or the one with that identifier.
	Find(ctx context.Context, id string) ([]gatehouse.Event, error)
	Search(context.Context, sink.Filter) ([]gatehouse.Event, error)
	// Follow calls f for each event from now on, until ctx ends.
	Follow(ctx context.Context, f func(gatehouse.Event) error) error
	Report(context.Context, sink.ReportQuery) ([]sink.ReportLine, error)
	// Coverage says which routes were asked for that no rule of application.access
	// is for, since the rules are as they are.
	Coverage(context.Context) (Coverage, error)
	Bans(context.Context) ([]network.Ban, error)
	Ban(context.Context, BanRequest) error
	Unban(ctx context.Context, prefix netip.Prefix) error
	Reload(context.Context) error
	// SuggestPolicy proposes a content security policy from what browsers reported.
	SuggestPolicy(context.Context) (PolicySuggestion, error)
	// SuggestSQL proposes what the accounts of SQL gates need.
	SuggestSQL(context.Context, SQLQuery) ([]SQLSuggestion, error)
	// SuggestOwnership proposes rules of application.ownership.
	SuggestOwnership(context.Context) (OwnershipSuggestion, error)
	Close() error
}

// Status is how a gate does.
type Status struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	Since     time.Time `json:"since"`
	Listening []string  `json:"listening"`
	InFlight  int       `json:"in_flight"`
}

// A BanRequest asks for a ban by a person.
type BanRequest struct {
	Prefix netip.Prefix     `json:"prefix"`
	Until  time.Time        `json:"until,omitzero"` // zero: for ever
	Reason gatehouse.Reason `json:"reason"`
}

// ErrNotRunning is returned for what only a running gate can tell.
var ErrNotRunning = errors.New("no gate is running with this state folder: start one with gatehouse run")

// byOperator is who bans and unbans from the command line.
const byOperator = "operator"

// local is the gate in this process as an Admin.
type local struct{ *Gate }

// Admin gives what the commands ask, without the socket.
func (g *Gate) Admin() Admin { return local{g} }

func (l local) Status(context.Context) (Status, error) {
	return Status{Version: l.options.Version, PID: os.Getpid(), Since: l.started, Listening: l.listening, InFlight: l.exchanges.Len()}, nil
}

func (l local) Find(ctx context.Context, id string) ([]gatehouse.Event, error) {
	if err := l.events.Flush(ctx); err != nil {
		return nil, err
	}
	found, err := sink.Find(ctx, l.store, id)
	if err != nil || slices.ContainsFunc(found, func(e gatehouse.Event) bool { return e.Outcome == gatehouse.Refused }) {
		return found, err
	}
	return append(found, l.proofs.find(id)...), nil
}

func (l local) Search(ctx context.Context, f sink.Filter) ([]gatehouse.Event, error) {
	if err := l.events.Flush(ctx); err != nil {
		return nil, err
	}
	return search(ctx, l.store, f)
}

func (l local) Follow(ctx context.Context, f func(gatehouse.Event) error) error {
	for e := range l.events.Follow(ctx) {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

func (l local) Report(ctx context.Context, q sink.ReportQuery) ([]sink.ReportLine, error) {
	if err := l.events.Flush(ctx); err != nil {
		return nil, err
	}
	return sink.Report(ctx, l.store, q)
}

func (l local) Bans(ctx context.Context) ([]network.Ban, error) { return l.network.Bans(ctx), nil }

func (l local) Ban(ctx context.Context, b BanRequest) error {
	return l.network.Ban(ctx, b.Prefix, b.Until, string(b.Reason), byOperator)
}

func (l local) Unban(ctx context.Context, prefix netip.Prefix) error {
	return l.network.Unban(ctx, prefix, byOperator)
}

func (l local) Reload(context.Context) error {
	if l.options.Load == nil {
		return errors.New("this gate runs without a configuration file: there is nothing to read again")
	}
	c, err := l.options.Load()
	if err != nil {
		return l.reloaded(l.current.Load().config, err)
	}
	return l.Gate.Reload(c)
}

// state is what a gate that is not running has left.
type state struct{ store store.Store }

// OpenState opens a state folder's records while no gate runs. With readOnly,
// nothing is written.
func OpenState(ctx context.Context, dir string, readOnly bool) (Admin, error) {
	path := filepath.Join(dir, StoreFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no gate has run with the state folder %s: name another with --state", dir)
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Path: path, ReadOnly: readOnly})
	if err != nil {
		return nil, err
	}
	return state{s}, nil
}

func (state) Status(context.Context) (Status, error)                    { return Status{}, ErrNotRunning }
func (state) Layers(context.Context) (Layers, error)                    { return Layers{}, ErrNotRunning }
func (state) Follow(context.Context, func(gatehouse.Event) error) error { return ErrNotRunning }
func (state) Reload(context.Context) error                              { return ErrNotRunning }
func (s state) Close() error                                            { return s.store.Close() }
func (s state) Find(ctx context.Context, id string) ([]gatehouse.Event, error) {
	return sink.Find(ctx, s.store, id)
}

func (s state) Search(ctx context.Context, f sink.Filter) ([]gatehouse.Event, error) {
	return search(ctx, s.store, f)
}

// Coverage is counted in memory.
func (s state) Coverage(context.Context) (Coverage, error) { return Coverage{}, ErrNotRunning }

func (s state) Report(ctx context.Context, q sink.ReportQuery) ([]sink.ReportLine, error) {
	return sink.Report(ctx, s.store, q)
}

func (s state) Bans(ctx context.Context) (bans []network.Ban, err error) {
	// Nothing is recorded by looking, and the store may be opened for reading only.
	n, err := network.New(network.Options{Store: s.store, Recorder: unrecorded{}})
	if err != nil {
		return nil, err
	}
	return n.Bans(ctx), n.Close()
}

func (s state) Ban(ctx context.Context, b BanRequest) error {
	return s.withNetwork(ctx, func(n *network.Network) error {
		return n.Ban(ctx, b.Prefix, b.Until, string(b.Reason), byOperator)
	})
}

func (s state) Unban(ctx context.Context, prefix netip.Prefix) error {
	return s.withNetwork(ctx, func(n *network.Network) error { return n.Unban(ctx, prefix, byOperator) })
}

type unrecorded struct{}

func (unrecorded) Record(context.Context, gatehouse.Event) error { return nil }

func (s state) withNetwork(ctx context.Context, f func(*network.Network) error) error {
	log, err := sink.New(sink.Options{Store: s.store})
	if err != nil {
		return err
	}
	n, err := network.New(network.Options{Store: s.store, Recorder: log})
	if err == nil {
		err = f(n)
	}
	return errors.Join(err, log.Close(ctx))
}

func search(ctx context.Context, s store.Store, f sink.Filter) ([]gatehouse.Event, error) {
	var all []gatehouse.Event
	for e, err := range sink.Search(ctx, s, f) {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

// What the commands ask for and are told, under names of this package: it alone
// knows the packages that they are from.
type (
	// EventFilter selects events.
	EventFilter = sink.Filter
	// ReportQuery selects what a report counts.
	ReportQuery = sink.ReportQuery
	// ReportLine is one line of a report.
	ReportLine = sink.ReportLine
	// Ban is one ban in force.
	Ban = network.Ban
)
