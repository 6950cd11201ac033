package config

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

func TestDiff_NamesWhatNeedsARestart(t *testing.T) {
	for _, test := range []struct {
		name             string
		change           func(*Config)
		restart, changed []string
	}{
		{"nothing", func(*Config) {}, nil, nil},
		{"an empty list for none", func(c *Config) { c.Network.Deny = []netip.Prefix{}; c.Modes = map[string]ModeSetting{} }, nil, nil},
		{"what a running gate applies", func(c *Config) {
			c.Modes = map[string]ModeSetting{"input": {Mode: gatehouse.Observe}}
			c.Input.Limit, c.Events.OnFailure, c.Network.Private.Token = 1, "refuse", "x"
		}, nil, []string{"modes", "network.private.token", "input.limit", "events.on_failure"}},
		{"listeners", func(c *Config) {
			c.Network.Listen, c.Network.Redirect, c.Network.Private.Listen = []string{":443"}, ":80", "127.0.0.1:9443"
		}, []string{"network.listen", "network.redirect", "network.private.listen"}, []string{"network.listen", "network.redirect", "network.private.listen"}},
		{"a part of a section that is one", func(c *Config) { c.Transport.Certificates.ACME = &ACME{} }, []string{"transport.certificates"}, []string{"transport.certificates"}},
		{"store and file", func(c *Config) { c.Store.Durable, c.Events.File = "memory", "x" }, []string{"events.file", "store.durable"}, []string{"events.file", "store.durable"}},
		{"senders of PROXY headers, and limits", func(c *Config) {
			c.Network.ProxyProtocol, c.Network.Limits.Connections = []netip.Prefix{netip.MustParsePrefix("10.0.0.5/32")}, 100
		}, []string{"network.proxy_protocol"}, []string{"network.proxy_protocol", "network.limits.connections"}},
		{"timeouts", func(c *Config) {
			c.Network.Timeouts.Header, c.Network.Timeouts.BodyIdle = 1, Duration(time.Second)
		}, []string{"network.timeouts.header"}, []string{"network.timeouts.header", "network.timeouts.body_idle"}},
	} {
		old, new := Default(), Default()
		test.change(new)
		if got := Diff(old, new); !slices.Equal(got, test.restart) {
			t.Errorf("%s: Diff gave %v, want %v", test.name, got, test.restart)
		}
		if got := Changed(old, new); !slices.Equal(got, test.changed) {
			t.Errorf("%s: Changed gave %v, want %v", test.name, got, test.changed)
		}
	}
}
