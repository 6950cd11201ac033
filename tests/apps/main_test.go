package apps

import (
	"net"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

func TestMain(m *testing.M) {
	code := testkit.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString("goroutines are left: " + err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// serve serves a backend on loopback until the test ends, over HTTP/1.1 and
// HTTP/2 with prior knowledge, and gives its address as a URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the backend: %v", err)
		}
		<-done
	})
	return "http://" + l.Addr().String()
}
