package protocol

import (
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// notPassed are the cases of h2spec that may fail, with the reason. All are net/http's;
// the last two go by which of its two frames h2spec reads first.
var notPassed = map[string]string{
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                          "net/http ends a connection whose SETTINGS frame says something twice: no client does, and floods do",
	"Sends a HEADERS frame that contains the connection-specific header field":                       "net/http answers with status 400 in place of resetting the stream; the request is served by nobody",
	"Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"": "as above",
}

// TestH2spec_EveryCase_OrItsReason runs github.com/summerwind/h2spec.
func TestH2spec_EveryCase_OrItsReason(t *testing.T) {
	t.Cleanup(func() { time.Sleep(1500 * time.Millisecond) }) // for how long net/http keeps a connection after GOAWAY
	tool := exec.Command("go", "tool", "-modfile=../../tools/go.mod", "-n", "h2spec")
	binary, err := tool.Output()
	if err != nil {
		t.Skipf("h2spec could not be built: %v (it is fetched once, from the module proxy)", err)
	}
	s := serve(t, true, echo)
	_, port, _ := net.SplitHostPort(s.addr)
	out, _ := exec.Command(strings.TrimSpace(string(binary)), "-h", "127.0.0.1", "-p", port, "-t", "-k", "-o", "2").CombinedOutput()
	text := string(out)
	summary := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).FindStringSubmatch(text)
	if summary == nil {
		t.Fatalf("h2spec said:\n%s", text)
	}
	_, failures, _ := strings.Cut(text, "\nFailures:")
	for _, m := range regexp.MustCompile(`× \d+: (.*)`).FindAllStringSubmatch(failures, -1) {
		if notPassed[strings.TrimSpace(m[1])] == "" {
			t.Errorf("not passed, and without a reason: %s", m[1])
		}
	}
	t.Log(summary[0])
}
