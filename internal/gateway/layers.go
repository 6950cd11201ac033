package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// Layers is the ladder as configured, as `gatehouse layers` tells it.
type Layers struct {
	Site     string `json:"site,omitempty"`
	Upstream string `json:"upstream"`
	// Config is the file that the configuration is from; empty without one.
	Config string `json:"config,omitempty"`
	// Listening are the addresses of a running gate; none where it is not
	// running.
	Listening []string `json:"listening,omitempty"`
	// Observe is set by run --observe: nothing is refused.
	Observe      bool        `json:"observe,omitempty"`
	Since        time.Time   `json:"since,omitzero"`
	Certificates []string    `json:"certificates,omitempty"`
	Rungs        []RungLine  `json:"rungs"`
	Bypasses     []Bypass    `json:"bypasses,omitempty"`
	Allow        []AllowLine `json:"allow,omitempty"`
	// SQL are the gates before databases.
	SQL []SQLGateLine `json:"sql,omitempty"`
	// Accounts are the database accounts whose statements data/guard judged, or
	// knows templates of.
	Accounts []AccountLine `json:"accounts,omitempty"`
	// Quarantine are the shapes that passed and are not learned, those seen last
	// first.
	Quarantine []SuspectLine `json:"quarantine,omitempty"`
}

// A RungLine is one line of the ladder.
type RungLine struct {
	Table string `json:"table"`
	Name  string `json:"rung"`
	// Mode is "fixed" for a rung that has none.
	Mode     string            `json:"mode"`
	Rules    map[string]string `json:"rules,omitempty"` // rules in another mode
	Shipped  string            `json:"shipped"`
	Stops    string            `json:"stops"`
	Why      string            `json:"why"`
	Holds    string            `json:"holds,omitempty"`
	Change   string            `json:"change,omitempty"`
	Refused  uint64            `json:"refused"`
	Observed uint64            `json:"observed"`
	Allowed  uint64            `json:"allowed"`
	Last     time.Time         `json:"last,omitzero"`
}

// An AllowLine is one `allow` entry with its use.
type AllowLine struct {
	ID      string           `json:"id"`
	Rung    string           `json:"rung"`
	Rule    string           `json:"rule"`
	Path    string           `json:"path"`
	Field   string           `json:"field,omitempty"`
	Reason  gatehouse.Reason `json:"reason"`
	Expires time.Time        `json:"expires,omitzero"`
	// State is "used", "unused" or "expired".
	State string `json:"state"`
	Hits  uint64 `json:"hits"`
	// Since is when the gate first saw the entry.
	Since time.Time `json:"since,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// Layers tells the ladder of a running gate.
func (g *Gate) Layers(context.Context) (Layers, error) {
	asm := g.current.Load()
	l := Layers{
		Site: asm.config.Site, Upstream: asm.proxy.name(), Config: asm.config.File, Listening: g.listening, Observe: g.observe, Since: g.started,
		Certificates: g.tls.Describe(), Bypasses: bypasses(asm.config),
	}
	for _, r := range rungs() {
		l.Rungs = append(l.Rungs, g.rungLine(r, asm.config))
	}
	now := g.now()
	for _, e := range asm.allow {
		l.Allow = append(l.Allow, e.line(now))
	}
	l.Accounts, l.Quarantine = g.templates.accounts(g.sql.judge), g.templates.quarantine()
	l.SQL = g.sql.lines()
	return l, nil
}

func (g *Gate) rungLine(r tableRung, c *config.Config) RungLine {
	active := g.activate(r.rung, c)
	line := RungLine{
		Table: r.table, Name: r.name, Mode: active.mode.String(), Shipped: r.mode.String(),
		Stops: r.stops, Why: r.why, Holds: r.holds, Change: changeCommand(active),
		Refused: active.hits.refused.Load(), Observed: active.hits.observed.Load(), Allowed: active.hits.allowed.Load(),
	}
	if last := active.hits.last.Load(); last != 0 {
		line.Last = time.Unix(last, 0).UTC()
	}
	if r.fixed {
		line.Mode, line.Shipped = "fixed", "fixed"
	}
	for rule, m := range active.ruleModes {
		if m != active.mode {
			if line.Rules == nil {
				line.Rules = make(map[string]string)
			}
			line.Rules[rule] = m.String()
		}
	}
	return line
}

// changeCommand is the command that prints the line to paste for another mode.
func changeCommand(a activeRung) string {
	switch {
	case a.fixed:
		return ""
	case a.mode == gatehouse.Enforce:
		return "gatehouse promote " + a.name + " --to observe"
	}
	return "gatehouse promote " + a.name
}

func (e *allowEntry) line(now time.Time) AllowLine {
	l := AllowLine{
		ID: e.ID, Rung: e.Rung, Rule: e.Rule, Path: e.Path, Field: e.Field, Reason: e.Reason, Expires: e.Expires.Time,
		State: "unused", Hits: e.use.hits.Load(), Since: e.use.first,
	}
	if last := e.use.last.Load(); last != 0 {
		l.State, l.Last = "used", time.Unix(last, 0).UTC()
	}
	if e.Expired(now) {
		l.State = "expired"
	}
	return l
}

// RungInfo says what a rung stops and its shipped mode; false for an unknown
// name.
func RungInfo(name string) (stops string, shipped gatehouse.Mode, fixed, ok bool) {
	i := slices.IndexFunc(rungs(), func(r tableRung) bool { return r.name == name })
	if i < 0 {
		return "", gatehouse.Enforce, false, false
	}
	r := rungs()[i]
	return r.stops, r.mode, r.fixed, true
}

// Enforces reports whether a mode that is said of a rung enforces a rule of it;
// config.Strict is one too.
func Enforces(name string, mode gatehouse.Mode, rule string) bool {
	i := slices.IndexFunc(rungs(), func(r tableRung) bool { return r.name == name })
	if i < 0 {
		return false
	}
	r := rungs()[i].rung
	active := activeRung{rung: &r, mode: r.mode, ruleModes: r.rules} // rungs makes the map anew each time
	active.say(mode)
	return active.modeOf(rule) == gatehouse.Enforce
}

// withPlaceholders are the gates with something in place of secrets and files that
// are not on this machine: nobody signs in to what is only described.
func withPlaceholders(gates []config.SQLGate) []config.SQLGate {
	all := slices.Clone(gates)
	for i := range all {
		g := &all[i]
		g.Clients, g.TLS = slices.Clone(g.Clients), config.SQLTLS{}
		if d, err := config.ParseDatabase(g.Upstream); err == nil {
			d.RootFile = ""
			g.Upstream = d.URL()
		} else {
			g.Upstream = "postgres://127.0.0.1/none"
		}
		for j := range g.Clients {
			g.Clients[j].Password = "described"
		}
		if g.UpstreamUser == "" {
			g.UpstreamUser = "described"
		}
	}
	return all
}

// Describe tells the ladder of a configuration that no gate runs.
func Describe(ctx context.Context, c *config.Config) (Layers, error) {
	memoryOnly := *c
	memoryOnly.Store.Durable, memoryOnly.Events = "memory", config.Default().Events
	if memoryOnly.Upstream == "" {
		memoryOnly.Upstream = "http://127.0.0.1:3000" // not told: only the ladder is asked for
	}
	memoryOnly.Data.SQL = withPlaceholders(c.Data.SQL)
	g, err := New(Options{Config: &memoryOnly})
	if err != nil {
		return Layers{}, err
	}
	l, err := g.Layers(ctx)
	l.Upstream, l.Since = c.Upstream, time.Time{}
	if certs := c.Transport.Certificates; !c.Plain() && len(certs.Files) == 0 && certs.ACME == nil {
		l.Certificates = []string{"of the local authority, made when the gate starts"}
	}
	for i := range l.Allow {
		l.Allow[i].Since = time.Time{} // a gate that ran may have seen it before
	}
	return l, errors.Join(err, g.Close())
}
