package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testOptions is a world of two files, two variables and three rungs.
func testOptions() Options {
	files := map[string]string{
		"/run/token": "0123456789abcdef0123456789abcdef\n", "/run/empty": "\n", "/run/big": strings.Repeat("x", maxSecret+1),
		"/etc/site.pem": "pem", "/etc/site.key": "pem",
	}
	variables := map[string]string{"TOKEN": "fedcba9876543210fedcba9876543210", "PORT": "3000", "SHORT": "hunter2", "NOTHING": "", "BAD": "hunter2 is bad"}
	return Options{
		LookupEnv: func(name string) (string, bool) { v, ok := variables[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return []byte(text), nil
			}
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
		},
		Now:   func() time.Time { return now },
		Rungs: []string{"network/address", "input", "application/csrf"}, Strict: []string{"network/address"}, Needed: map[string]string{"input": "nothing is seen"},
	}
}

// parse reads text below an upstream, which stands in line 1.
func parse(t *testing.T, text string) (*Config, []string) {
	t.Helper()
	c, err := Parse("gatehouse.yaml", []byte("upstream: http://127.0.0.1:3000\n"+text), testOptions())
	if (c == nil) == (err == nil) {
		t.Fatalf("Parse gave %v and %v", c, err)
	}
	if err == nil {
		return c, nil
	}
	return nil, strings.Split(err.Error(), "\n")
}

func TestParse_TenMistakes_AreTenErrorsWithLines(t *testing.T) {
	data, err := os.ReadFile("testdata/ten.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("ten.yaml", data, testOptions())
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %v, want Errors", err)
	}
	var want []string
	for i, line := range strings.Split(string(data), "\n") {
		if _, words, ok := strings.Cut(line, "# wrong: "); ok {
			want = append(want, fmt.Sprintf("ten.yaml:%d:", i+1)+" "+words)
		}
	}
	if len(want) != 10 || len(errs) != 10 {
		t.Errorf("%d errors of %d:\n%v", len(errs), len(want), err)
	}
	for i, e := range errs[:min(len(errs), len(want))] {
		if got := fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.Words); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
		if e.Hint == "" {
			t.Errorf("%v says not what to do", e)
		}
	}
}

func TestParse_Mistakes_AreNamedWithPlaceAndWhatToDo(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "network:\n  listn: [x]", `3:3: network.listn: unknown key; did you mean "listen"?`},
		{"unknown key far from any", "zzzzzzzzzz: 1", `2:1: zzzzzzzzzz: unknown key; known here: site, upstream, modes, network, transport, routes, application, input, identity, data, events, store, allow`},
		{"key twice", "input:\n  limit: 2MiB\n  limit: 3MiB", "4:3: input.limit: is given twice, first in line 3; keep one"},
		{"section twice", "input: {limit: 2MiB}\ninput: {limit: 3MiB}", "3:1: input: is given twice, first in line 2; keep one"},
		{"text for list", "network: {deny: 10.0.0.1}", "2:11: network.deny: is text, want a list; write deny: [198.51.100.7]"},
		{"list for text", "site: [a]", "2:1: site: is a list, want text; write site: https://shop.example.com"},
		{"number for duration", "network: {timeouts: {header: 10}}", "2:22: network.timeouts.header: is a number, want a duration; write header: 10s"},
		{"bad duration", "network: {timeouts: {idle: ten}}", `2:22: network.timeouts.idle: "ten" is not a duration; write one such as 10s, 5m or 30d`},
		{"negative duration", "network: {timeouts: {idle: -5s}}", `2:22: network.timeouts.idle: "-5s" is not a duration; write one such as 10s, 5m or 30d`},
		{"bad size", "input: {limit: 1Mib}", `2:9: input.limit: "1Mib" is not a size; write one such as 64KiB, 1MiB or 10MB`},
		{"bad rate", "network: {timeouts: {body_min_rate: 1KiB}}", `2:22: network.timeouts.body_min_rate: "1KiB" is not a rate; write one such as 500B/s or 1KiB/s`},
		{"host bits", "network: {allow: [10.0.0.1/8]}", `2:19: network.allow[0]: "10.0.0.1/8" is not an address or a range of addresses; write 10.0.0.0/8 for the range or 10.0.0.1 for the address`},
		{"bad prefix", "network: {allow: [ten]}", `2:19: network.allow[0]: "ten" is not an address or a range of addresses; write one such as 192.0.2.7 or 10.0.0.0/8`},
		{"trust everybody", "network: {trusted_proxies: [0.0.0.0/0]}", "2:29: network.trusted_proxies[0]: trusts everybody, so any client could claim any address; name the proxies' own addresses"},
		{"PROXY headers of everybody", "network: {proxy_protocol: ['::/0']}", "2:28: network.proxy_protocol[0]: believes everybody, so any client could claim any address; name the load balancers' own addresses"},
		{"sender twice", "network: {proxy_protocol: [10.0.0.5, 10.0.0.5]}", "2:38: network.proxy_protocol[1]: is given twice, first as network.proxy_protocol[0]; keep one"},
		{"limit below zero", "network: {limits: {connections_per_address: -1}}", "2:20: network.limits.connections_per_address: is below 0; write how many, or 0 for any number"},
		{"hardly a connection", "network: {limits: {connections: 4}}", "2:20: network.limits.connections: is fewer than two browsers open; write 16 or more, or 0 for any number"},
		{"everything exempt", "network: {patterns: {exempt: [{reason: because}]}}", "2:31: network.patterns.exempt[0]: exempts everything; give a path, a principal or both"},
		{"exempt from patterns without reason", "network: {patterns: {exempt: [{path: /x/}]}}", "2:31: network.patterns.exempt[0].reason: is missing; say in one sentence why; every bypass needs a reason"},
		{"exempt path", "network: {patterns: {exempt: [{path: x, reason: because}]}}", `2:32: network.patterns.exempt[0].path: "x" is not a path; a path begins with a slash`},
		{"allowed and denied", "network: {allow: [10.0.0.0/8], deny: [10.0.0.0/8]}", "2:19: network.allow[0]: is refused by network.deny[0], which wins; remove one of the two"},
		{"port alone", "network: {listen: ['8443']}", `2:20: network.listen[0]: "8443" is not an address to listen on; write ":8443"`},
		{"URL to listen on", "network: {listen: ['https://:443']}", `2:20: network.listen[0]: "https://:443" is not an address to listen on; leave the scheme out; write ":443" or "host:443"`},
		{"port too large", "network: {listen: [':70000']}", `2:20: network.listen[0]: ":70000" is not an address to listen on; a port is a number up to 65535`},
		{"no address", "network: {listen: []}", `2:11: network.listen: names no address; write one such as [":8443"]`},
		{"same address", "network: {listen: [':443', '127.0.0.1:443']}", "2:28: network.listen[1]: is the same address as network.listen[0]; give each listener its own port"},
		{"redirect on listen", "network: {redirect: ':8443'}", "2:11: network.redirect: is the same address as network.listen[0]; give each listener its own port"},
		{"private without token", "network: {private: {listen: ':9000'}}", `2:21: network.private.listen: ":9000" is reachable from other machines without a token; add token: ${file:/path}, listen on 127.0.0.1, or add a reason`},
		{"private without listen", "network: {private: {token: '${env:TOKEN}'}}", "2:11: network.private.listen: is missing; add listen: 127.0.0.1:9443, or remove the section"},
		{"off without reason", "modes: {input: off}", "2:9: modes.input: is off without a reason; write {mode: off, reason: why}"},
		{"unknown mode", "modes: {input: obsrve}", `2:9: modes.input: "obsrve" is not one of enforce, observe, strict, off; did you mean "observe"?`},
		{"strict", "modes: {input: strict}", "2:9: modes.input: has no mode strict; write enforce; strict is for network/address"},
		{"strict rule", "modes: {network/address/x: strict}", "2:9: modes.network/address/x: has no mode strict; write enforce; strict is for network/address"},
		{"unknown rung", "modes: {application/crsf: observe}", `2:9: modes.application/crsf: is no rung; did you mean "application/csrf"?`},
		{"exempt without reason", "routes: [{path: /x, csrf: {exempt: webhook}}]", "2:21: routes[0].csrf.reason: is missing; say in one sentence why; every bypass needs a reason"},
		{"exempt with blank reason", "routes: [{path: /x, csrf: {exempt: webhook, reason: ' '}}]", `2:45: routes[0].csrf.reason: " " is not a reason in words; say in one sentence why; every bypass needs a reason`},
		{"body without reason", "routes: [{path: /x, body: pass}]", "2:21: routes[0].body: passes unread without a reason; add reason: beside it and say in one sentence why"},
		{"insecure without reason", "transport: {upstream: {insecure: {}}}", "2:24: transport.upstream.insecure.reason: is missing; say in one sentence why; every bypass needs a reason"},
		{"insecure as a switch", "transport: {upstream: {insecure: true}}", "2:24: transport.upstream.insecure: is true or false, want a section with keys such as reason"},
		{"plaintext without reason", "network: {plaintext: {reason: ''}}", `2:23: network.plaintext.reason: "" is not a reason in words; say in one sentence why; every bypass needs a reason`},
		{"plaintext with nothing", "network:\n  plaintext:", "3:3: network.plaintext.reason: is missing; say in one sentence why; every bypass needs a reason"},
		{"route twice", "routes: [{path: /x}, {path: /x}]", "2:23: routes[1].path: is the path of routes[0] too; put both into one route"},
		{"route not a path", "routes: [{path: x}]", `2:11: routes[0].path: "x" is not a path; a path begins with a slash`},
		{"reason for nothing", "routes: [{path: /x, reason: because}]", "2:21: routes[0].reason: is a reason for nothing; the reason of csrf stands inside csrf"},
		{"wildcard origin", "application: {csrf: {trusted_origins: [{origin: '*', reason: all}]}}", `2:41: application.csrf.trusted_origins[0].origin: "*" is not one origin; write scheme, host and port alone, such as https://app.example.com; * and null can't be trusted`},
		{"two certificates", "transport: {certificates: {local: true, files: [{certificate: /etc/site.pem, key: /etc/site.key}]}}", "2:13: transport.certificates: has files and local; keep one of them"},
		{"no certificate", "transport: {certificates: {local: false}}", "2:28: transport.certificates.local: is false, and there is no other certificate; add files or acme, or remove the line"},
		{"certificate of a proxy", "transport: {ended_by: trusted_proxy, certificates: {local: true}}", "2:53: transport.certificates.local: is never used: transport.ended_by says that a trusted proxy speaks TLS; remove one of the two"},
		{"certificate not there", "transport: {certificates: {files: [{certificate: /etc/none, key: /etc/site.key}]}}", `2:37: transport.certificates.files[0].certificate: "/etc/none" cannot be read: file does not exist`},
		{"certificate without key", "transport: {certificates: {files: [{certificate: /etc/site.pem}]}}", "2:36: transport.certificates.files[0].key: is missing; add key: /etc/gatehouse/site.key"},
		{"acme without redirect", "site: https://shop.example.com\ntransport: {certificates: {acme: {}}}", `3:28: transport.certificates.acme: needs network.redirect, where the authority looks (HTTP-01); add redirect: ":80" under network`},
		{"acme without name", "network: {redirect: ':80'}\ntransport: {certificates: {acme: {}}}", "3:28: transport.certificates.acme: does not know which names to ask for; add site: https://… or hosts: […]"},
		{"acme for localhost", "site: https://localhost\nnetwork: {redirect: ':80'}\ntransport: {certificates: {acme: {}}}", `4:28: transport.certificates.acme: can't get a certificate for the site's host "https://localhost"; localhost needs the local authority`},
		{"two ways to be plain", "network: {plaintext: {reason: inside}}\ntransport: {ended_by: trusted_proxy}", "2:11: network.plaintext: contradicts transport.ended_by: either a trusted proxy speaks TLS, or nobody does; remove one of the two"},
		{"site with a path", "site: https://shop.example.com/shop", `2:1: site: "https://shop.example.com/shop" is not an origin; write scheme, host and port alone, such as https://shop.example.com`},
		{"site of http", "site: http://shop.example.com", "2:1: site: begins with http, but clients speak TLS to the gate or to the proxy before it; write https, or give network.plaintext a reason"},
		{"store unknown", "store: {durable: sqlit}", `2:9: store.durable: "sqlit" is not one of sqlite, memory; did you mean "sqlite"?`},
		{"syslog unknown", "events: {syslog: 127.0.0.1}", `2:10: events.syslog: "127.0.0.1" is not a syslog receiver; write udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log`},
		{"allow entry incomplete", "allow: [{id: a, rung: input, rule: depth, path: /x}]", "2:9: allow[0].reason: is missing; say in one sentence why; every bypass needs a reason"},
		{"allow id twice", "allow:\n- {id: a, rung: input, rule: depth, path: /x, reason: ok}\n- {id: a, rung: input, rule: depth, path: /y, reason: ok}", "4:4: allow[1].id: is the id of allow[0] too; give it another"},
		{"allow bad date", "allow: [{id: a, rung: input, rule: depth, path: /x, reason: ok, expires: 30d}]", `2:65: allow[0].expires: "30d" is not a date; write one such as 2027-06-30`},
		{"allow bad place", "allow: [{id: a, rung: input, rule: depth, path: /x, reason: ok, field: frm:x}]", `2:65: allow[0].field: "frm:x" is not a place in a request; write one such as form:body; gatehouse allow prints the right one`},
		{"header needed", "network: {remove_headers: [host]}", "2:28: network.remove_headers[0]: Host can't be removed: the request would be another one; leave it out"},
		{"null value", "site:", "2:1: site: has no value; give it one or remove the line"},
		{"null item", "network: {listen: [null]}", "2:20: network.listen[0]: has no value; give it one or remove the line"},
		{"text for the file", "x", ""},
		{"timeout of zero", "network: {timeouts: {header: 0s}}", "2:22: network.timeouts.header: must be above 0: without it a slow client holds a connection for ever; write one such as 30s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				return
			}
			c, lines := parse(t, test.text)
			if want := "gatehouse.yaml:" + test.want; len(lines) != 1 || lines[0] != want {
				t.Errorf("got\n  %s\n%+v\nwant\n  %s", strings.Join(lines, "\n  "), c, want)
			}
		})
	}
}

func TestParse_SurfaceExample_IsUnderstood(t *testing.T) {
	c, lines := parse(t, `
site: https://Shop.example.com/
modes: {application/csrf: observe, input/bomb: {mode: off, reason: none reach us}}
network:
  listen: [":443", "unix:/run/gate.sock", "systemd:web"]
  redirect: ":80"
  trusted_proxies: [10.0.0.0/8, "::1"]
  private: {listen: 127.0.0.1:9443, token: "${file:/run/token}"}
  timeouts: {body_min_rate: 0, drain: 0s}
transport:
  certificates: {acme: {email: ops@example.com}}
routes:
  - {path: /webhooks/, csrf: {exempt: webhook, reason: signed}, body: pass}
events: {file: events.jsonl, keep: 2w}
allow:
  - id: one
    rung: application/csrf
    rule: cross-site
    path: POST /comments/{id}
    field: form:body
    reason: ours
    expires: 2026-11-23
`)
	if lines != nil {
		t.Fatal(strings.Join(lines, "\n"))
	}
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"site", c.Site, "https://shop.example.com"},
		{"modes", c.Modes, map[string]ModeSetting{"application/csrf": {Mode: gatehouse.Observe}, "input/bomb": {gatehouse.Off, "none reach us"}}},
		{"proxies", fmt.Sprint(c.Network.TrustedProxies), "[10.0.0.0/8 ::1/128]"},
		{"token", c.Network.Private.Token.Reveal(), "0123456789abcdef0123456789abcdef"},
		{"secret files", c.SecretFiles, []string{"/run/token"}},
		{"rate", c.Network.Timeouts.BodyMinRate, Rate(0)},
		{"acme", *c.Transport.Certificates.ACME, ACME{Email: "ops@example.com", Directory: "https://acme-v02.api.letsencrypt.org/directory", Hosts: []string{"shop.example.com"}}},
		{"local", c.Transport.Certificates.Local, false},
		{"route's reason", c.Routes[0].Reason, gatehouse.Reason("signed")},
		{"keep", c.Events.Keep.Std(), 14 * 24 * time.Hour},
		{"expires", c.Allow[0].Expires.Time, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)},
		{"warnings", len(c.Warnings), 0},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

func TestParse_ExpiredAllowEntry_IsAWarning(t *testing.T) {
	c, lines := parse(t, "allow: [{id: a, rung: input, rule: depth, path: /x, reason: ok, expires: 2026-11-22}]")
	if lines != nil {
		t.Fatal(lines)
	}
	const want = "gatehouse.yaml:2:9: allow[0]: (a) has expired and lets nothing pass; remove it, or give it another date"
	if len(c.Warnings) != 1 || c.Warnings[0].Error() != want {
		t.Errorf("got %v, want %s", c.Warnings, want)
	}
}

func TestParse_Upstream_IsABackendsAddress(t *testing.T) {
	for upstream, want := range map[string]string{
		"http://127.0.0.1:3000": "", "https://backend.internal": "", "http://[::1]:80/": "", "unix:/run/app.sock": "", "http://127.0.0.1:${env:PORT}": "",
		"127.0.0.1:3000": "is not a backend's address", "localhost:3000": "is not a backend's address", "ftp://x": "is not a backend's address",
		"http://": "is not a backend's address", "http://x:99999": "is not a backend's address", "unix:app.sock": "is not a backend's address", "http://x/?q": "is not a backend's address",
		"http://x/app": "has a path", "http://user:hunter2@x": "holds a user or a password", "http://user:${env:SHORT}@x": "holds a user or a password",
	} {
		_, err := Parse("f", []byte(fmt.Sprintf("upstream: %q\n", upstream)), testOptions())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", upstream, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error holds the password: %v", upstream, err)
		}
	}
}

func TestParse_UpstreamOption_WinsOverTheKey(t *testing.T) {
	o := testOptions()
	o.Upstream = "http://127.0.0.1:4000"
	for _, text := range []string{"", "upstream: http://127.0.0.1:3000", "# nothing\n"} {
		if c, err := Parse("f", []byte(text), o); err != nil || c.Upstream != o.Upstream {
			t.Errorf("%q: got %v, %v", text, c, err)
		}
	}
	o.Upstream = "bogus"
	if _, err := Parse("f", nil, o); err == nil || err.Error() != `--upstream: "bogus" is not a backend's address; write http://host:port, https://host:port or unix:/path` {
		t.Errorf("got %v", err)
	}
}

func TestParse_WithoutUpstream_SaysSo(t *testing.T) {
	_, err := Parse("f", []byte("# nothing\n"), testOptions())
	if err == nil || err.Error() != "f:1:1: upstream: is missing; name the backend, such as upstream: http://127.0.0.1:3000" {
		t.Errorf("got %v", err)
	}
}

func TestValidate_WithoutAFile_NamesTheKeyAlone(t *testing.T) {
	c := Default()
	c.Upstream = "http://127.0.0.1:3000"
	if err := c.Validate(testOptions()); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	c.Network.Listen = []string{"443"}
	if err := c.Validate(testOptions()); err == nil || err.Error() != `network.listen[0]: "443" is not an address to listen on; write ":443"` {
		t.Errorf("got %v", err)
	}
}

func TestValidate_OfWhatWasParsed_KeepsWarningsAndFiles(t *testing.T) {
	c, lines := parse(t, "network: {private: {listen: ':9', token: '${file:/run/token}'}}\ntransport: {ended_by: trusted_proxy}\n")
	if lines != nil || len(c.Warnings) != 1 || len(c.SecretFiles) != 1 {
		t.Fatalf("got %v, %+v", lines, c)
	}
	if err := c.Validate(testOptions()); err != nil || len(c.Warnings) != 1 || c.Warnings[0].Line != 3 || len(c.SecretFiles) != 1 {
		t.Errorf("got %v, %+v", err, c)
	}
}

func TestParse_ControlCharactersInAKey_AreEscaped(t *testing.T) {
	_, lines := parse(t, `"a\nb\e[31m": 1`+"\nsite: \"${a\\nb}\"")
	if len(lines) != 2 || !strings.Contains(lines[0], `a\nb\x1b[31m: unknown key`) || !strings.Contains(lines[1], `${a\nb} is not a reference`) {
		t.Errorf("got %q", lines)
	}
}

func TestParse_RelativeFileThatIsNotThere_SaysWhereItWasLookedFor(t *testing.T) {
	_, err := Parse("/etc/gatehouse/gatehouse.yaml", []byte("upstream: https://x\ntransport: {upstream: {ca: ca.pem}}"), testOptions())
	if err == nil || err.Error() != `/etc/gatehouse/gatehouse.yaml:2:24: transport.upstream.ca: "ca.pem" cannot be read: file does not exist; looked for /etc/gatehouse/ca.pem` {
		t.Errorf("got %v", err)
	}
}

func TestParse_StrictAndBackground_AreTaken(t *testing.T) {
	c, err := Parse("f", []byte("upstream: http://127.0.0.1:3000\nmodes: {network/address: strict}\nallow: [{id: a, rung: input, rule: x, path: background, reason: a job}]\n"), testOptions())
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Modes["network/address"].Mode; m != Strict || c.Allow[0].Path != Background {
		t.Errorf("got %v, %+v", m, c.Allow)
	}
	if _, err := Parse("f", []byte("upstream: http://127.0.0.1:3000\nallow: [{id: a, rung: input, rule: x, path: GET background, reason: a job}]\n"), testOptions()); err == nil {
		t.Error("a method of background work was taken")
	}
}

func TestValidate_BypassesSetInCode_NeedTheirReasons(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"off":    func(c *Config) { c.Modes = map[string]ModeSetting{"input": {Mode: gatehouse.Off}} },
		"exempt": func(c *Config) { c.Routes = []Route{{Path: "/x", CSRF: RouteCSRF{Exempt: "webhook"}}} },
		"body":   func(c *Config) { c.Routes = []Route{{Path: "/x", Body: "pass"}} },
		"origin": func(c *Config) { c.Application.CSRF.TrustedOrigins = []TrustedOrigin{{Origin: "https://a.example"}} },
		"allow":  func(c *Config) { c.Allow = []AllowEntry{{ID: "a", Rung: "input", Rule: "depth", Path: "/x"}} },
	} {
		c := Default()
		c.Upstream = "http://127.0.0.1:3000"
		change(c)
		if err := c.Validate(testOptions()); err == nil || !strings.Contains(err.Error(), "reason") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLoad_FileThatIsNotThere_SaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.yaml"), dir} {
		_, err := Load(path, Options{})
		var errs Errors
		if !errors.As(err, &errs) || !strings.HasPrefix(err.Error(), path+": cannot be read: ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLoad_RelativePaths_BeginAtTheFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"gatehouse.yaml": "upstream: http://127.0.0.1:3000\nevents: {file: events.jsonl}\nnetwork: {private: {listen: ':9000', token: '${file:token}'}}\n",
		"token":          "0123456789abcdef",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "gatehouse.yaml"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Events.File != filepath.Join(dir, "events.jsonl") || !slices.Equal(c.SecretFiles, []string{filepath.Join(dir, "token")}) {
		t.Errorf("got %s and %s", c.Events.File, c.SecretFiles)
	}
}
