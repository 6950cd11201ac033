package gateway

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
)

// An AccountLine is what data/guard knows of one database account. The counts
// are since the gate started.
type AccountLine struct {
	Account   string `json:"account"`
	Templates int    `json:"templates"`
	// Old are templates of another version of the guard, kept in case one goes
	// back to it.
	Old         int    `json:"old,omitempty"`
	Quarantined int    `json:"quarantined"`
	Judged      uint64 `json:"judged"`
	Known       uint64 `json:"known"`
	Unknown     uint64 `json:"unknown"`
	Denied      uint64 `json:"denied"`
	Capped      uint64 `json:"capped"`
}

// HitRate is the share of statements whose shape was known, from 0 to 1.
func (a AccountLine) HitRate() float64 {
	if a.Judged == 0 {
		return 0
	}
	return float64(a.Known) / float64(a.Judged)
}

// A SuspectLine is one shape in quarantine.
type SuspectLine struct {
	Account string    `json:"account"`
	Shape   string    `json:"shape"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Origins int       `json:"origins"`
	Seen    uint64    `json:"seen"`
	// Held says why it is not learned without a person's word.
	Held string `json:"held,omitempty"`
}

const (
	// maxSuspectLines and maxShapeShown bound what a command is told.
	maxSuspectLines = 1000
	maxShapeShown   = 2 << 10
)

func (t *templates) accounts() []AccountLine {
	var lines []AccountLine
	for _, s := range t.guard.Stats() {
		lines = append(lines, accountLine(s))
	}
	slices.SortFunc(lines, func(a, b AccountLine) int { return strings.Compare(a.Account, b.Account) })
	return lines
}

func accountLine(s taint.Stats) AccountLine {
	return AccountLine{
		Account: secret.Cut(secret.Line(s.Account), 64), Templates: s.Templates, Old: s.Old, Quarantined: s.Quarantined,
		Judged: s.Judged, Known: s.Known, Unknown: s.Unknown, Denied: s.Denied, Capped: s.Capped,
	}
}

func (t *templates) quarantine() []SuspectLine {
	all := t.guard.Suspects()
	slices.SortFunc(all, func(a, b taint.Suspect) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Account, b.Account), strings.Compare(a.Shape, b.Shape))
	})
	var lines []SuspectLine
	for _, s := range all[:min(len(all), maxSuspectLines)] {
		s.Account, s.Shape = secret.Cut(secret.Line(s.Account), 64), secret.Cut(secret.Line(s.Shape), maxShapeShown)
		lines = append(lines, SuspectLine(s))
	}
	return lines
}

// guardMetrics are the guard's counts, of all accounts together: an account's
// name is no label, as nobody bounds how many a program has.
type guardMetrics struct {
	guard      *taint.Guard
	statements *prometheus.Desc
	gauges     [3]*prometheus.Desc // templates, old ones, in quarantine
}

func newGuardMetrics(g *taint.Guard) *guardMetrics {
	return &guardMetrics{
		guard:      g,
		statements: prometheus.NewDesc("gatehouse_guard_statements_total", "Statements judged, by what data/guard made of them: known and unknown shapes together are all; denied are among both, and pass where the rung observes.", []string{"result"}, nil),
		gauges: [3]*prometheus.Desc{
			prometheus.NewDesc("gatehouse_guard_templates", "Shapes of statements that are known.", nil, nil),
			prometheus.NewDesc("gatehouse_guard_templates_old", "Shapes kept from another version of the guard.", nil, nil),
			prometheus.NewDesc("gatehouse_guard_quarantined", "Shapes that passed and are not learned.", nil, nil),
		},
	}
}

// Describe implements prometheus.Collector.
func (m *guardMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.statements
	for _, d := range m.gauges {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *guardMetrics) Collect(to chan<- prometheus.Metric) {
	var sum taint.Stats
	for _, s := range m.guard.Stats() {
		sum.Known, sum.Unknown, sum.Denied, sum.Capped = sum.Known+s.Known, sum.Unknown+s.Unknown, sum.Denied+s.Denied, sum.Capped+s.Capped
		sum.Templates, sum.Old, sum.Quarantined = sum.Templates+s.Templates, sum.Old+s.Old, sum.Quarantined+s.Quarantined
	}
	for _, c := range []struct {
		result string
		n      uint64
	}{{"known", sum.Known}, {"unknown", sum.Unknown}, {"denied", sum.Denied}, {"capped", sum.Capped}} {
		to <- prometheus.MustNewConstMetric(m.statements, prometheus.CounterValue, float64(c.n), c.result)
	}
	for i, n := range []int{sum.Templates, sum.Old, sum.Quarantined} {
		to <- prometheus.MustNewConstMetric(m.gauges[i], prometheus.GaugeValue, float64(n))
	}
}
