package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/gatehousehq/gatehouse/input"
)

// An httpRelay stands where the gate would: it parses each request as the gate
// does, tells the journal what it found, and passes the request on.
type httpRelay struct {
	address string
	server  *http.Server
	wg      sync.WaitGroup
}

func relayHTTP(program string, j *journal) (*httpRelay, error) {
	parser, err := input.New(input.Options{})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	target := &url.URL{Scheme: "http", Host: program}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			// As the gate: a trace of its own, which no client knows.
			r.Out.Header.Set("Traceparent", fmt.Sprintf("00-%016x%016x-%016x-01", rand.Uint64(), rand.Uint64(), rand.Uint64()))
		},
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		ErrorLog:  log.New(log.Writer(), "record: ", 0),
	}
	h := &httpRelay{address: l.Addr().String()}
	h.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := parser.Parse(r)
		if err != nil {
			j.inputs(in.Snapshot())
			http.Error(w, "the gate would not parse this: "+err.Error(), http.StatusTeapot)
			return
		}
		proxy.ServeHTTP(w, r)
		j.inputs(in.Snapshot()) // now, as a streamed body's are there when it has passed
	})}
	h.wg.Go(func() {
		if err := h.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("record: %v", err)
		}
	})
	return h, nil
}

// close ends the connections that are idle and waits for the others.
func (h *httpRelay) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		h.server.Close()
	}
	h.wg.Wait()
}
