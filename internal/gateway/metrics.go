package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehousehq/gatehouse"
)

// metrics are what /metrics of the private listener gives. Labels are bounded:
// rungs, outcomes and status classes, never a path or an address.
type metrics struct {
	registry         *prometheus.Registry
	requests         [6]prometheus.Counter // by status class; 0: no answer
	duration         prometheus.Histogram
	decisions        *prometheus.CounterVec
	upstreamFailures *prometheus.CounterVec
	shed             prometheus.Counter
	reloads          *prometheus.CounterVec
}

func newMetrics(g *Gate) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_requests_total", Help: "Requests answered, by class of status.",
	}, []string{"class"})
	for class := range m.requests {
		name := strconv.Itoa(class) + "xx"
		if class == 0 {
			name = "none"
		}
		m.requests[class] = requests.WithLabelValues(name)
	}
	m.duration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gatehouse_request_duration_seconds", Help: "From the parsed head to the end of the answer, the backend's time included.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
	})
	m.decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_decisions_total", Help: "Decisions that denied, by rung and by what became of them.",
	}, []string{"rung", "outcome"})
	m.upstreamFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_upstream_failures_total", Help: "Requests that the backend did not answer properly, by kind.",
	}, []string{"kind"})
	m.shed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gatehouse_requests_shed_total", Help: "Requests refused because too many were in flight.",
	})
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_reloads_total", Help: "Configurations read again, by whether they were taken.",
	}, []string{"result"})
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	m.registry.MustRegister(
		requests, m.duration, m.decisions, m.upstreamFailures, m.shed, m.reloads,
		gauge("gatehouse_requests_in_flight", "Requests let in and not yet answered.", func() float64 { return float64(g.exchanges.Len()) }),
		gauge("gatehouse_connections_open", "Client connections.", func() float64 { return float64(g.network.Stats().Open) }),
		gauge("gatehouse_bans", "Bans in force.", func() float64 { return float64(g.network.Stats().Bans) }),
		gauge("gatehouse_connections_refused", "Connections refused by address since the start.", func() float64 { return float64(g.network.Stats().Refused) }),
		newGuardMetrics(g.templates.guard), newSQLMetrics(&g.sql),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func (m *metrics) served(status int, took time.Duration) {
	class := status / 100
	if class < 0 || class >= len(m.requests) {
		class = 0
	}
	m.requests[class].Inc()
	m.duration.Observe(took.Seconds())
}

func (m *metrics) decided(rung string, o gatehouse.Outcome) {
	m.decisions.WithLabelValues(rung, string(o)).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
