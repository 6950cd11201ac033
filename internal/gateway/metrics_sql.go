package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/taint"
)

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

// sqlMetrics are the SQL gates' counts. A gate's name and an account's stand in
// the configuration, so that their number is bounded.
type sqlMetrics struct {
	gates                                      *sqlGates
	sessions, accepted, statements, attributed *prometheus.Desc
}

func newSQLMetrics(g *sqlGates) *sqlMetrics {
	return &sqlMetrics{
		gates:      g,
		sessions:   prometheus.NewDesc("gatehouse_sql_sessions", "Sessions open, by SQL gate.", []string{"gate"}, nil),
		accepted:   prometheus.NewDesc("gatehouse_sql_sessions_total", "Sessions that came, by SQL gate and by whether they were let in.", []string{"gate", "result"}, nil),
		statements: prometheus.NewDesc("gatehouse_sql_statements_total", "Statements judged, and refused of them, by SQL gate.", []string{"gate", "result"}, nil),
		attributed: prometheus.NewDesc("gatehouse_sql_attributed_total", "Statements by how well it was known which request caused them.", []string{"account", "how"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *sqlMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.sessions, m.accepted, m.statements, m.attributed} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *sqlMetrics) Collect(to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, s := range m.gates.all {
		name, stats := s.config.Name, s.gate.Stats()
		to <- prometheus.MustNewConstMetric(m.sessions, prometheus.GaugeValue, float64(stats.Sessions), name)
		count(m.accepted, stats.Accepted, name, "accepted")
		count(m.accepted, stats.Rejected, name, "rejected")
		count(m.statements, stats.Statements, name, "judged")
		count(m.statements, stats.Refused, name, "refused")
	}
	for _, a := range m.gates.judge.accounts {
		for how := range a.by {
			count(m.attributed, a.by[how].Load(), a.name, exchange.How(how).String())
		}
	}
}
