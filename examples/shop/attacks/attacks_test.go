package attacks_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open starts a shop for a test, and gives it as a target.
func open(t *testing.T) *attacks.Target {
	t.Helper()
	s, err := shop.New(shop.Options{Path: filepath.Join(t.TempDir(), "shop.db")})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	base := &url.URL{Scheme: "http", Host: ln.Addr().String(), Path: "/"}
	return &attacks.Target{Base: base, Client: &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

func run(t *testing.T, c attacks.Case, target *attacks.Target) {
	t.Helper()
	result, err := c.Run(t.Context(), target)
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	if !result.Succeeded || result.Refused || result.RequestID != "" || result.Words == "" {
		t.Errorf("%s on the bare shop: %+v", c.ID, result)
	}
}

func TestAll_BareShop_EveryCaseSucceeds(t *testing.T) {
	target := open(t)
	for _, c := range attacks.All() {
		t.Run(c.ID, func(t *testing.T) { run(t, c, target) })
	}
}
