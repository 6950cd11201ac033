package transport_test

import (
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
	"github.com/gatehousehq/gatehouse/transport"
)

func TestMayHSTS_OnlyWhereABrowserCanAlwaysComeBack(t *testing.T) {
	ca, dir, now := certs.New(t), t.TempDir(), time.Now()
	pair := func(name string, w certs.Want) transport.Files {
		c, k := ca.Issue(t, w).Write(t, dir, name)
		return transport.Files{Certificate: c, Key: k}
	}
	files := open(t, transport.Options{
		Now:   func() time.Time { return now },
		Local: &transport.Local{Dir: t.TempDir()},
		Hosts: []string{"dev.example.com"},
		Files: []transport.Files{
			pair("shop", certs.Want{Names: []string{"shop.example.com", "*.shop.example.com", "localhost", "intranet", "192.0.2.1"}}),
			pair("own", certs.Want{Names: []string{"own.example.com"}, SelfSigned: true}),
			pair("short", certs.Want{Names: []string{"short.example.com"}, NotAfter: now.Add(time.Minute)}),
		},
	})
	proxy := open(t, transport.Options{EndedByTrustedProxy: true, Hosts: []string{"shop.example.com", "localhost", "192.0.2.1"}})
	now = now.Add(2 * time.Minute)
	for _, c := range []struct {
		tl   *transport.TLS
		host string
		may  bool
	}{
		{files, "shop.example.com", true},
		{files, "shop.example.com:8443", true},
		{files, "SHOP.example.com.", true},
		{files, "a.shop.example.com", true},
		{files, "own.example.com", false},
		{files, "short.example.com", false},
		{files, "dev.example.com", false}, // the local authority's
		{files, "other.example.com", false},
		{files, "localhost", false},
		{files, "a.localhost", false},
		{files, "intranet", false},
		{files, "192.0.2.1", false},
		{files, "[::1]:443", false},
		{files, "", false},
		{proxy, "shop.example.com", true},
		{proxy, "other.example.com", false},
		{proxy, "localhost", false},
		{proxy, "192.0.2.1", false},
		{local(t, "shop.example.com"), "shop.example.com", false},
	} {
		if got := c.tl.MayHSTS(c.host); got != c.may {
			t.Errorf("MayHSTS(%q) = %v", c.host, got)
		}
	}
}
