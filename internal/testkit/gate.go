package testkit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
)

const (
	// binaryVariable names the command that [Main] has built.
	binaryVariable = "GATEHOUSE_TEST_BINARY"
	// builtVariable names one that scripts/test.sh has built just now, without the
	// race detector, for all packages that it tests.
	builtVariable = "GATEHOUSE_TEST_BUILT"
)

const command = "github.com/gatehousehq/gatehouse/cmd/gatehouse"

// Main builds the gatehouse command once for a package's tests, unless it is built
// already, runs them, and gives the code to exit with. It is what TestMain calls.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gatehouse-command-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the gatehouse command:", err)
		return 3
	}
	defer os.RemoveAll(dir)
	binary, err := build(dir)
	if err == nil {
		err = os.Setenv(binaryVariable, binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the gatehouse command:", err)
		return 3
	}
	return m.Run()
}

// build builds the command, with the race detector if the test has it. Nobody
// debugs it: without DWARF it is linked in half the time.
func build(dir string) (string, error) {
	binary, race := filepath.Join(dir, "gatehouse"), false
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			race = race || s.Key == "-race" && s.Value == "true"
		}
	}
	args := []string{"build", "-ldflags=-w", "-o", binary}
	if race {
		args = append(args, "-race")
	} else if built := os.Getenv(builtVariable); built != "" {
		return built, nil
	}
	out, err := exec.Command("go", append(args, command)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
}

// Command is the gatehouse command with these arguments, on a state of its own
// or one that is named.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		t.Fatal("the package's TestMain does not call testkit.Main")
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_STATE_HOME=", "GATEHOUSE_STATE=", "PORT=")
	return cmd
}

// A Gate is a running `gatehouse run --upstream`, with the modes it ships in.
type Gate struct {
	*Program
	// Origin is https://localhost:PORT.
	Origin string
	// Address is 127.0.0.1:PORT.
	Address string
	// State is its state folder.
	State string
	// Authority is the file of its local authority's certificate.
	Authority string
	roots     *x509.CertPool
}

// StartGate starts a gate in front of a backend, on any free port and a state
// of its own. When the test ends it must stop by itself with exit code 0.
func StartGate(t testing.TB, upstream string, args ...string) *Gate {
	t.Helper()
	return StartGateOn(t, filepath.Join(t.TempDir(), "state"), upstream, args...)
}

// StartGateOn is [StartGate] on a state that may be of a gate before it.
func StartGateOn(t testing.TB, state, upstream string, args ...string) *Gate {
	t.Helper()
	args = append([]string{"run", "--upstream", upstream, "--state", state, "--listen", "127.0.0.1:0"}, args...)
	g := &Gate{Program: Start(t, Command(t, args...)), State: state}
	t.Cleanup(func() { // before the cleanup of Start
		if code := g.Stop(t); code != 0 {
			t.Errorf("the gate ended with exit code %d, want 0", code)
		}
		if said := g.Output.String(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic: ") {
			t.Errorf("the gate said:\n%s", said)
		}
	})
	address := regexp.MustCompile(`(?m)^gatehouse: (https://localhost:\d+)[, ]`)
	g.Origin = g.WaitFor(t, "address", time.Minute, func(said string) string {
		if found := address.FindStringSubmatch(said); found != nil {
			return found[1]
		}
		return ""
	})
	g.Address = "127.0.0.1" + g.Origin[strings.LastIndex(g.Origin, ":"):]
	g.Authority = filepath.Join(state, "authority", "local-authority.crt")
	pem, err := os.ReadFile(g.Authority)
	if err != nil {
		t.Fatalf("reading the certificate of the gate's local authority: %v", err)
	}
	g.roots = x509.NewCertPool()
	if !g.roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", g.Authority)
	}
	return g
}

// TLS is a client's configuration that trusts the gate's local authority.
func (g *Gate) TLS() *tls.Config {
	return &tls.Config{RootCAs: g.roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// Client speaks HTTP/2 to the gate where http2 is set, else HTTP/1.1. Its
// connections are closed when the test ends.
func (g *Gate) Client(t testing.TB, http2 bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: g.TLS(), Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// SPKI is the base64 SHA-256 of the public key of the certificate that the gate
// shows, once that is verified: what a browser can be told to trust.
func (g *Gate) SPKI(t testing.TB) string {
	t.Helper()
	c, err := tls.Dial("tcp", g.Address, g.TLS())
	if err != nil {
		t.Fatalf("connecting to the gate: %v", err)
	}
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Events are what `gatehouse events query` tells of this gate.
func (g *Gate) Events(t testing.TB) []gatehouse.Event {
	t.Helper()
	said := Run(t, Command(t, "events", "query", "--json", "--limit", "10000", "--state", g.State))
	var found []gatehouse.Event
	lines := bufio.NewScanner(strings.NewReader(said))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e gatehouse.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("gatehouse events query --json: %v in %s", err, lines.Text())
		}
		found = append(found, e)
	}
	return found
}

// Explain is what `gatehouse explain` says of an event, or why it says nothing.
func (g *Gate) Explain(t testing.TB, id string) string {
	t.Helper()
	said, err := Command(t, "explain", id, "--state", g.State).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("gatehouse explain %s: %v: %s", id, err, said)
	}
	return string(said)
}

// WantQuiet fails the test if a rung objected to anything, be it by a refusal or
// only by observing it, or if a backend or the gate itself failed.
func (g *Gate) WantQuiet(t testing.TB) {
	t.Helper()
	for _, e := range g.Events(t) {
		if e.Outcome != "" || e.Level != gatehouse.Info {
			t.Errorf("the gate recorded %s: %s (outcome %q, rung %q, rule %q, %s %s, status %d)", e.Name, e.Words, e.Outcome, e.Rung, e.Rule, e.Method, e.Path, e.Status)
		}
	}
}
