package main

import (
	"context"
	"crypto/rand"
	"flag"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/guard"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/events"
	"github.com/gatehousehq/gatehouse/exchange"
	"github.com/gatehousehq/gatehouse/secret"
	"github.com/gatehousehq/gatehouse/taint"
)

// serveGate is the SQL gate with the guard as its judge, and nothing else of
// Gatehouse: what a profile of the gate alone is taken from.
func serveGate(args []string) error {
	flags := flag.NewFlagSet("gate", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:6432", "where applications connect")
	upstream := flags.String("upstream", "127.0.0.1:5432", "the server")
	inputs := flags.Int("inputs", 0, "how many inputs of 40 bytes are in flight from SIGUSR1 on")
	profile := flags.String("pprof", "", "where net/http/pprof listens; nowhere if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		mux := http.NewServeMux()
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		go http.ListenAndServe(*profile, mux)
	}
	judge, err := newJudge(*inputs)
	if err != nil {
		return err
	}
	begin := make(chan os.Signal, 1)
	signal.Notify(begin, syscall.SIGUSR1)
	go func() {
		<-begin
		judge.flying.Store(true)
	}()
	gate, err := pgwire.New(pgwire.Options{
		Name: "bench", Judge: judge,
		Clients: []pgwire.Client{{
			User: account, Password: secret.Text(password),
			Upstream: pgwire.Upstream{Network: "tcp", Address: *upstream, Database: database, User: account},
		}},
	})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	return gate.Serve(ln)
}

// A judge is the guard alone: what the gateway adds to it is events, strikes,
// and the policies of accounts.
type judge struct {
	guard *guard.Protection
	// flying is set while inputs are in flight: not while the guard learns.
	flying atomic.Bool
}

type discard struct{}

func (discard) Record(context.Context, gatehouse.Event) error { return nil }

func newJudge(inputs int) (*judge, error) {
	var key [32]byte
	rand.Read(key[:]) // never fails
	g, err := taint.New(taint.Options{Key: key})
	if err != nil {
		return nil, err
	}
	candidates := make([]taint.Candidate, inputs)
	for i := range candidates {
		candidates[i] = taint.Candidate{Value: input(i), Exchange: "another"}
	}
	j := &judge{}
	j.guard, err = guard.New(guard.Options{Guard: g, Recorder: discard{}, Inputs: func() []taint.Candidate {
		if !j.flying.Load() {
			return nil
		}
		return candidates
	}})
	return j, err
}

func (j *judge) Judge(ctx context.Context, a sqlgate.Account, st sqlgate.Statement) sqlgate.Ruling {
	found := j.guard.Check(exchange.Attribution{}, taint.Statement{
		Account: a.Name(), Lexer: taint.Lexer{Backslash: st.Backslash}, SQL: st.SQL, Params: st.Values,
	}, guard.Modes{Unknown: gatehouse.Observe, Password: gatehouse.Observe})
	if found.Decision.Verdict != gatehouse.Pass && !found.Foreign {
		return sqlgate.Ruling{}
	}
	if err := j.guard.Passed(ctx, events.About{}, "", found); err != nil {
		return sqlgate.Ruling{}
	}
	return sqlgate.Ruling{Verdict: gatehouse.Pass}
}

func (j *judge) Attribute(sqlgate.Account, sqlgate.Statement) exchange.Attribution {
	return exchange.Attribution{}
}

func (j *judge) Ended(context.Context, sqlgate.Account, sqlgate.Ruling, sqlgate.Outcome) {}

func (j *judge) Refused(context.Context, sqlgate.Account, netip.Addr, gatehouse.Decision) bool {
	return true
}
