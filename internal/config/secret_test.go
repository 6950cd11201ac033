package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret_References(t *testing.T) {
	for _, test := range []struct{ name, token, value, want string }{
		{"environment", "${env:TOKEN}", "fedcba9876543210fedcba9876543210", ""},
		{"file, without the line's end", "${file:/run/token}", "0123456789abcdef0123456789abcdef", ""},
		{"part of a value", "prefix-${env:TOKEN}", "prefix-fedcba9876543210fedcba9876543210", ""},
		{"written out", "hunter2hunter2hunter2", "", "is a secret written into the file; put it in the environment or a file, and write ${env:NAME} or ${file:/path} here"},
		{"escaped", "$${env:TOKEN}hunter2", "", "is a secret written into the file; put it in the environment or a file, and write ${env:NAME} or ${file:/path} here"},
		{"not in the environment", "${env:NONE}", "", "${env:NONE}: the environment has no NONE; set it before the gate starts"},
		{"empty in the environment", "${env:NOTHING}", "", "${env:NOTHING}: the environment has no NOTHING; set it before the gate starts"},
		{"no such file", "${file:/run/none}", "", "${file:/run/none} cannot be read: file does not exist"},
		{"empty file", "${file:/run/empty}", "", "${file:/run/empty} is empty"},
		{"large file", "${file:/run/big}", "", "${file:/run/big} is larger than 64KiB; is it the right file?"},
		{"shell's way", "${TOKEN}", "", "${TOKEN} is not a reference; write ${env:NAME} or ${file:/path}, or $${ for ${ itself"},
		{"other source", "${vault:x}", "", "${vault:x} is not a reference; write ${env:NAME} or ${file:/path}, or $${ for ${ itself"},
		{"not closed", "${env:TOKEN", "", "has a ${ without its }; write ${env:NAME} or ${file:/path}, or $${ for ${ itself"},
		{"weak", "${env:SHORT}", "", "is too short to be a secret; make one with openssl rand -hex 32"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, lines := parse(t, fmt.Sprintf("network: {private: {listen: '127.0.0.1:9', token: %q}}", test.token))
			if test.want == "" {
				if lines != nil || c.Network.Private.Token.Reveal() != test.value {
					t.Errorf("got %v", lines)
				}
				return
			}
			if want := "gatehouse.yaml:2:44: network.private.token: " + test.want; len(lines) != 1 || lines[0] != want {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(lines, "\n  "), want)
			}
			if strings.Contains(strings.Join(lines, ""), "hunter2") {
				t.Errorf("the error holds the secret: %s", lines)
			}
		})
	}
}

func TestReference_InOrdinaryValue_IsNeverShown(t *testing.T) {
	for _, text := range []string{
		"site: '${env:BAD}'", "network: {listen: ['${env:BAD}']}", "network: {deny: ['${env:BAD}']}", "network: {timeouts: {idle: '${env:BAD}'}}",
		"input: {limit: '${env:BAD}'}", "events: {files: '${env:BAD}'}", "events: {stdout: '${env:BAD}'}", "events: {on_failure: '${env:BAD}'}", "events: {syslog: '${env:BAD}'}",
		"store: {durable: '${env:BAD}'}", "modes: {input: '${env:BAD}'}", "routes: [{path: '${env:BAD}'}]", "network: {remove_headers: ['${env:BAD}']}",
		"allow: [{id: '${env:BAD}', rung: '${env:BAD}', rule: x, path: '${env:BAD}', field: '${env:BAD}', expires: '${env:BAD}', reason: '${env:BAD}'}]",
		"application: {csrf: {trusted_origins: [{origin: '${env:BAD}', reason: x}]}}",
		"transport: {certificates: {files: [{certificate: '${env:BAD}', key: '${env:BAD}'}]}}",
		"network: {redirect: ':80'}\ntransport: {certificates: {acme: {email: '${env:BAD}', hosts: ['${env:BAD}'], directory: '${env:BAD}', ca: '${env:BAD}'}}}",
	} {
		_, lines := parse(t, text)
		if lines == nil {
			t.Errorf("%s: a value that is bad was accepted", text)
		}
		for _, line := range lines {
			if strings.Contains(line, "hunter2") {
				t.Errorf("%s: the error shows what the reference led to: %s", text, line)
			}
		}
	}
}

func TestReference_OfAnyType_IsReplaced(t *testing.T) {
	o := testOptions()
	o.LookupEnv = func(name string) (string, bool) { return name, true }
	c, err := Parse("f", []byte("upstream: http://127.0.0.1:${env:3000}\nevents: {files: '${env:5}', stdout: '${env:true}', keep: '${env:7}d'}\ninput: {limit: '${env:2}MiB'}\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Upstream != "http://127.0.0.1:3000" || c.Events.Files != 5 || !c.Events.Stdout || c.Events.Keep.String() != "7d" || c.Input.Limit != 2<<20 {
		t.Errorf("got %+v", c)
	}
}

func TestAllowMissingSecrets_LetsAMachineWithoutThemCheck(t *testing.T) {
	text := []byte(`
upstream: "${env:NONE}"
network: {private: {listen: ":9000", token: "${file:/run/none}"}, redirect: ":80", timeouts: {idle: "${env:NONE}"}}
transport: {certificates: {files: [{certificate: /etc/none, key: "${env:NONE}"}]}}
inputs: {}
`)
	o := testOptions()
	o.AllowMissingSecrets = true
	_, err := Parse("f", text, o)
	if err == nil || err.Error() != `f:5:1: inputs: unknown key; did you mean "input"?` {
		t.Errorf("got %v", err)
	}
	o.AllowMissingSecrets = false
	_, err = Parse("f", text, o)
	if errs, _ := err.(Errors); len(errs) != 6 {
		t.Errorf("got %v", err)
	}
}

func TestSecretFile_ReadableByEverybody_IsAWarning(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	write(t, path, "0123456789abcdef\r\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	text := []byte("upstream: http://x\nnetwork: {private: {listen: ':9', token: '${file:token}'}}\n")
	c, err := Parse(filepath.Join(dir, "f"), text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Network.Private.Token.Reveal() != "0123456789abcdef" {
		t.Errorf("the token is %q", c.Network.Private.Token.Reveal())
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Error(), "f:2:35: network.private.token: ${file:token} may be read by every user of this machine; chmod o-r ") {
		t.Errorf("got %v", c.Warnings)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if c, err := Parse(filepath.Join(dir, "f"), text, Options{}); err != nil || len(c.Warnings) != 0 {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestConfig_Printed_HoldsNoSecret(t *testing.T) {
	c := Default()
	c.Network.Private.Token = "hunter2"
	c.Transport.Certificates.ACME = &ACME{EABKey: "hunter2"}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", *c, *c, *c), fmt.Sprintf("%+v", c.Transport.Certificates.ACME)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("printed: %s", text)
		}
	}
}
