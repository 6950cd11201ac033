package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/config"
)

// TestUpload_ClientSendsOnAfterAnEarlyAnswer_IsNotReset: a client that reads only
// once it has sent for a while. A connection closed with bytes unread is reset,
// and many clients give up there without reading the answer that lies before them.
func TestUpload_ClientSendsOnAfterAnEarlyAnswer_IsNotReset(t *testing.T) {
	for _, plain := range []bool{false, true} {
		var changes []change
		if plain {
			changes = append(changes, with(func(c *config.Config) { c.Network.Plaintext.Reason = "a test" }))
		}
		g := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			http.Error(w, "too much", http.StatusRequestEntityTooLarge)
		}), changes...)
		for _, head := range []string{
			"", "Expect: 100-continue\r\n", "Content-Type: application/octet-stream\r\n",
			"Content-Type: application/octet-stream\r\nExpect: 100-continue\r\n", "Content-Type: multipart/form-data; boundary=x\r\n",
		} {
			for _, framing := range []string{"Content-Length: 8388608", "Transfer-Encoding: chunked"} {
				c := g.dial()
				fmt.Fprintf(c, "PUT /big HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n\r\n", head, framing)
				if framing[0] == 'T' {
					fmt.Fprint(c, "800000\r\n")
				}
				chunk := make([]byte, 32<<10)
				began := time.Now()
				for time.Since(began) < 100*time.Millisecond { // 500 are lingered
					if _, err := c.Write(chunk); err != nil {
						if took := time.Since(began); took < 400*time.Millisecond { // a busy machine takes longer
							t.Errorf("plain=%v %q %s: reset after %s: %v", plain, head, framing, took, err)
						}
						break
					}
					time.Sleep(time.Millisecond)
				}
				in := bufio.NewReader(c)
				res, err := http.ReadResponse(in, nil)
				for err == nil && res.StatusCode == http.StatusContinue {
					res, err = http.ReadResponse(in, nil)
				}
				if err != nil {
					t.Errorf("plain=%v %q %s: %v", plain, head, framing, err)
					continue
				}
				text, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || string(text) != "too much\n" {
					t.Errorf("plain=%v %q %s: %s %q %v", plain, head, framing, res.Status, text, err)
				}
				_ = c.Close()
			}
		}
	}
}
