package shop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listen listens on a TCP address, such as "127.0.0.1:0". It refuses any
// address that is not loopback.
func Listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("shop: listen address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("shop: listen address %q is not loopback: the shop is vulnerable on purpose, use 127.0.0.1", address)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("shop: %w", err)
	}
	return ln, checkListener(ln)
}

// Serve serves the shop on ln until ctx is done, then drains for two seconds.
// It refuses, and closes, a listener that is not on a loopback address.
func (s *Shop) Serve(ctx context.Context, ln net.Listener) error {
	if err := checkListener(ln); err != nil {
		return err
	}
	server := &http.Server{Handler: s.served, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(limit); err != nil {
			_ = server.Close() // the clients that are left have had their two seconds
		}
		close(drained)
	})
	err := server.Serve(ln)
	if stop() {
		return fmt.Errorf("shop: serving on %s: %w", ln.Addr(), err)
	}
	<-drained
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func checkListener(ln net.Listener) error {
	if isLoopback(ln.Addr()) {
		return nil
	}
	return errors.Join(fmt.Errorf("shop: %s is not a loopback address: the shop is vulnerable on purpose, use 127.0.0.1", ln.Addr()), ln.Close())
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}
