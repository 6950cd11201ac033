// Command plainproxy is what the gate is measured against: the standard
// library's httputil.ReverseProxy over TLS, with keep-alive to the backend, and
// nothing else. It checks nothing. With -pool it does without the default's
// largest cost, a new copy buffer for each answer.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8443", "where clients connect")
	upstream := flag.String("upstream", "http://127.0.0.1:3000", "the backend")
	certificate := flag.String("certificate", "", "a PEM file")
	key := flag.String("key", "", "a PEM file")
	pool := flag.Bool("pool", false, "use copy buffers again, where the default makes 32 KiB for each answer")
	flag.Parse()
	to, err := url.Parse(*upstream)
	if err != nil {
		log.Fatal("plainproxy: -upstream: ", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The default keeps two connections, and would dial for most requests.
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 256
	transport.DisableCompression = true
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
	}
	if *pool {
		proxy.BufferPool = &buffers{}
	}
	server := &http.Server{Addr: *listen, ErrorLog: log.New(io.Discard, "", 0), Handler: proxy}
	log.Fatal("plainproxy: ", server.ListenAndServeTLS(*certificate, *key))
}

// buffers is a httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if have, ok := b.pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(used []byte) { b.pool.Put(&used) }
