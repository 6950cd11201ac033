package smuggling

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

var update = flag.Bool("update", false, "write testdata/matrix.txt")

// A reading is a request as a backend has read it.
type reading struct {
	Method, Target, ID string
	Length             int
	Sum                string
}

func (r *reading) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&r.Method, &r.Target, &r.ID, &r.Length, &r.Sum})
}

func (r reading) same(o reading) bool {
	return r.Method == o.Method && r.Target == o.Target && r.Length == o.Length && r.Sum == o.Sum
}

// A backend tells what it has read.
type backend struct {
	name string
	url  string
	told func() []reading
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:16]
}

func goBackend(t *testing.T) backend {
	var mu sync.Mutex
	var all []reading
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, reading{r.Method, r.RequestURI, r.Header.Get("Gate-Request-Id"), len(body), sumOf(body)})
	}))
	t.Cleanup(s.Close)
	return backend{"Go", s.URL, func() []reading {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}}
}

func otherBackend(t *testing.T, name string, command func(port string) *exec.Cmd) backend {
	port := testkit.FreePort(t)
	p := testkit.Start(t, command(port))
	address := "127.0.0.1:" + port
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	line := regexp.MustCompile(`read (\[[^\]\n]*\])`)
	return backend{name, "http://" + address, func() []reading {
		var all []reading
		for _, m := range line.FindAllStringSubmatch(p.Output.String(), -1) {
			var r reading
			if err := json.Unmarshal([]byte(m[1]), &r); err != nil {
				t.Errorf("%s: %v in %s", name, err, m[0])
			}
			all = append(all, r)
		}
		return all
	}}
}

func backends(t *testing.T) []backend {
	return []backend{
		goBackend(t),
		otherBackend(t, "Node", func(port string) *exec.Cmd {
			return exec.Command(testkit.Need(t, "node"), "testdata/backend.js", port)
		}),
		otherBackend(t, "Python", func(port string) *exec.Cmd {
			return exec.Command(testkit.Need(t, "/usr/bin/python3"), "testdata/backend.py", port)
		}),
		otherBackend(t, "PHP", func(port string) *exec.Cmd {
			return exec.Command(testkit.Need(t, "php"), "-S", "127.0.0.1:"+port, "testdata/backend.php")
		}),
	}
}

// judged is what a reader makes of a case that takes the beginning of the bytes for
// what net/http does: nothing that a backend reads through the gate may differ.
func judged(text string) []reading {
	var all []reading
	b := bufio.NewReader(strings.NewReader(text))
	for {
		r, err := http.ReadRequest(b)
		if err != nil {
			return all
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return all
		}
		target := strings.ReplaceAll(r.RequestURI, "#", "%23")
		if _, rest, ok := strings.Cut(target, "://"); ok {
			target = rest[strings.IndexByte(rest, '/'):]
		}
		all = append(all, reading{r.Method, target, "", len(body), sumOf(body)})
	}
}

// patience is how long a case may take to be read where the machine is busy; one
// whose end does not come takes as long always.
const patience = 3 * time.Second

// send sends every case on a connection of its own, and waits for its end.
func send(t *testing.T, cases []Case, dial func() (net.Conn, error)) {
	t.Helper()
	var wait sync.WaitGroup
	slots := make(chan struct{}, 24) // most of the time each waits for an end that does not come
	for _, c := range cases {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			conn, err := dial()
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, c.Bytes) // a refusal may come before its end
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	wait.Wait()
	time.Sleep(200 * time.Millisecond) // for what is read after the connection ended
}

var caseNumber = regexp.MustCompile(`/(?:case|smuggled|next)/(\d+)`)

// byCase groups what was read by the case that it came from.
func byCase(t *testing.T, all []reading) map[int][]reading {
	t.Helper()
	grouped := map[int][]reading{}
	for _, r := range all {
		n := -1
		if m := caseNumber.FindStringSubmatch(r.Target); m != nil {
			fmt.Sscan(m[1], &n)
		}
		grouped[n] = append(grouped[n], r)
	}
	return grouped
}

func contains(all []reading, r reading) bool { return slices.ContainsFunc(all, r.same) }

// TestMatrix_BackendsReadWhatTheGateJudged sends each case to each backend through
// the gate, and bare as the control.
func TestMatrix_BackendsReadWhatTheGateJudged(t *testing.T) {
	cases := Cases()
	if len(cases) < 300 {
		t.Fatalf("%d cases", len(cases))
	}
	var table bytes.Buffer
	fmt.Fprintf(&table, "%d malformed and ordinary heads and bodies (go test ./tests/attacks/smuggling -update).\n\n", len(cases))
	fmt.Fprintf(&table, "%-8s  %-28s  %-16s  %s\n", "backend", "bare: takes what we refuse", "bare: smuggled", "through the gate: cases forwarded, read otherwise, smuggled")
	all := backends(t)
	lines, passed := make([]string, len(all)), make([]map[string]bool, len(all))
	t.Run("each", func(t *testing.T) { // at once: they wait most of the time
		for i, b := range all {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				lines[i], passed[i] = measure(t, b, cases)
			})
		}
	})
	forwarded := map[string]bool{}
	for i := range all {
		table.WriteString(lines[i])
		maps.Copy(forwarded, passed[i])
	}
	table.WriteString("\nForwarded, to one backend at least:\n")
	for _, c := range cases {
		if forwarded[c.Name] {
			fmt.Fprintf(&table, "  %s\n", c.Name)
		}
	}
	golden(t, table.Bytes())
}

// measure sends all to one backend, and gives its line of the table and the cases
// that reached it.
func measure(t *testing.T, b backend, cases []Case) (line string, forwarded map[string]bool) {
	t.Helper()
	send(t, cases, func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(b.url, "http://")) })
	bare := byCase(t, b.told())
	before := len(b.told())
	g := testkit.StartGate(t, b.url)
	config := g.TLS()
	config.NextProtos = []string{"http/1.1"}
	send(t, cases, func() (net.Conn, error) { return tls.Dial("tcp", g.Address, config) })
	through := b.told()[before:]
	g.Stop(t)
	return compare(t, b.name, cases, bare, through)
}

// compare holds what was read through the gate to what was judged.
func compare(t *testing.T, name string, cases []Case, bare map[int][]reading, through []reading) (line string, forwarded map[string]bool) {
	t.Helper()
	forwarded = map[string]bool{}
	ids := map[string]bool{}
	for _, r := range through {
		if r.ID == "" || ids[r.ID] {
			t.Errorf("%s read a request that the gate did not send: %+v", name, r)
		}
		ids[r.ID] = true
	}
	grouped := byCase(t, through)
	passed, otherwise, hidden, taken, bareHidden := 0, 0, 0, 0, 0
	for n, c := range cases {
		want := judged(c.Bytes)
		for _, r := range grouped[n] {
			if !contains(want, r) {
				otherwise++
				t.Errorf("%s reads %s %s with %d bytes in case %q, which is none of %v", name, r.Method, r.Target, r.Length, c.Name, want)
			}
			if strings.HasPrefix(r.Target, "/smuggled") && !plainPipelined(c) {
				hidden++
				t.Errorf("%s reads the smuggled request of case %q", name, c.Name)
			}
		}
		if len(grouped[n]) > 0 {
			passed++
			forwarded[c.Name] = true
		} else if len(bare[n]) > 0 {
			taken++
		}
		if slices.ContainsFunc(bare[n], func(r reading) bool { return strings.HasPrefix(r.Target, "/smuggled") }) && len(grouped[n]) == 0 {
			bareHidden++
		}
	}
	if taken == 0 {
		t.Errorf("%s takes bare nothing that the gate refuses: the control fails", name)
	}
	return fmt.Sprintf("%-8s  %-28d  %-16d  %d, %d, %d\n", name, taken, bareHidden, passed, otherwise, hidden), forwarded
}

// plainPipelined reports whether the second request of a case stands in the open: its
// first is whole and in order, and a client may send another.
func plainPipelined(c Case) bool {
	want := judged(c.Bytes)
	return len(want) > 1 && strings.HasPrefix(want[1].Target, "/smuggled")
}

func golden(t *testing.T, got []byte) {
	t.Helper()
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The bare backends' columns go by their versions.
	list := func(b []byte) string { _, rest, _ := strings.Cut(string(b), "\nForwarded"); return rest }
	if list(got) != list(want) {
		t.Errorf("the cases that are forwarded are others than in %s:\n%s", file, got)
	}
}
