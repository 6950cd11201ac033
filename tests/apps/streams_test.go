package apps

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
)

// newChannels is a backend of streams. Its page uses each, and shows what came.
func newChannels() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "1", HttpOnly: true})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, channelsPage)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /socket", echoSocket)
	mux.HandleFunc("GET /events", tellEvents)
	mux.HandleFunc("POST /lines", sendLines)
	return mux
}

// echoSocket answers each message with the same, until the client closes.
func echoSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{"chat.v2"}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(4 << 20)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// tellEvents tells events one by one; where a client says which was its last, it
// goes on from there. The third ends the connection: the client comes again.
func tellEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	next := 1
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		fmt.Sscan(last, &next)
		next++
	}
	rc := http.NewResponseController(w)
	fmt.Fprint(w, "retry: 50\n\n")
	for i := next; i < next+3; i++ {
		fmt.Fprintf(w, "id: %d\ndata: event %d\n\n", i, i)
		if rc.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// sendLines answers each line as soon as it has come.
func sendLines(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex() // HTTP/2 is so anyway
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	lines := bufio.NewScanner(r.Body)
	for n := 1; lines.Scan(); n++ {
		fmt.Fprintf(w, "{\"line\":%d,\"bytes\":%d}\n", n, len(lines.Bytes()))
		if rc.Flush() != nil {
			return
		}
	}
}

// channelsPage uses a WebSocket, an EventSource that loses its connection, and
// a fetch whose body is read as it comes.
const channelsPage = `<!doctype html><title>Channels</title><body><script>
"use strict";
const socket = () => new Promise((resolve, reject) => {
  const messages = ["It's <b>text</b>; SELECT 1", "x".repeat(300000), new Uint8Array([0, 255, 10, 13])];
  const got = [];
  const s = new WebSocket(location.origin.replace(/^http/, "ws") + "/socket", ["chat.v1", "chat.v2"]);
  s.binaryType = "arraybuffer";
  s.onopen = () => messages.forEach((m) => s.send(m));
  s.onerror = () => reject(new Error("socket"));
  s.onmessage = (e) => {
    got.push(typeof e.data === "string" ? e.data : new Uint8Array(e.data).join());
    if (got.length === messages.length) s.close(1000, "done");
  };
  s.onclose = (e) => resolve({protocol: s.protocol, code: e.code, clean: e.wasClean,
    same: got[0] === messages[0] && got[1] === messages[1] && got[2] === "0,255,10,13"});
});
const events = () => new Promise((resolve) => {
  const got = [], source = new EventSource("/events");
  source.onmessage = (e) => {
    got.push(e.data);
    if (got.length === 5) { source.close(); resolve(got.join()); }
  };
});
const lines = async () => {
  const answer = await fetch("/lines", {method: "POST", headers: {"Content-Type": "application/x-ndjson"}, body: '{"a":1}\n{"b":22}\n'});
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of answer.body) text += decoder.decode(piece, {stream: true});
  return text;
};
const upload = async () => {
  const body = new ReadableStream({
    async start(to) {
      for (const line of ["first\n", "second one\n"]) { to.enqueue(new TextEncoder().encode(line)); await new Promise((r) => setTimeout(r, 50)); }
      to.close();
    },
  });
  const answer = await fetch("/lines", {method: "POST", duplex: "half", headers: {"Content-Type": "text/plain"}, body});
  return answer.text();
};
window.channels = async () => ({socket: await socket(), events: await events(), lines: await lines(), upload: await upload()});
</script>`

// awaited has an evaluation wait for the promise that it gives.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

type channelsSeen struct {
	Socket struct {
		Protocol string
		Code     int
		Clean    bool
		Same     bool
	}
	Events, Lines, Upload string
}

func TestStreams_InABrowser(t *testing.T) {
	gate := testkit.StartGate(t, serve(t, newChannels()))
	b := browser.Start(t, gate.SPKI(t))
	var text string
	b.Do(t, "use every channel", chromedp.Navigate(gate.Origin+"/"),
		chromedp.Evaluate(`channels().then(JSON.stringify)`, &text, awaited))
	var got channelsSeen
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want := channelsSeen{
		Events: "event 1,event 2,event 3,event 4,event 5",
		Lines:  "{\"line\":1,\"bytes\":7}\n{\"line\":2,\"bytes\":8}\n",
		Upload: "{\"line\":1,\"bytes\":5}\n{\"line\":2,\"bytes\":10}\n",
	}
	want.Socket.Protocol, want.Socket.Code, want.Socket.Clean, want.Socket.Same = "chat.v2", 1000, true, true
	if got != want {
		t.Errorf("the page got\n%+v, want\n%+v", got, want)
	}
	for _, trouble := range b.Trouble() {
		t.Error(trouble)
	}
	gate.WantQuiet(t)
}

func TestStreams_WebSocketClient(t *testing.T) {
	t.Parallel()
	gate := testkit.StartGate(t, serve(t, newChannels()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, mode := range map[string]websocket.CompressionMode{"plain": websocket.CompressionDisabled, "compressed": websocket.CompressionContextTakeover} {
		t.Run(name, func(t *testing.T) {
			c, res, err := websocket.Dial(ctx, gate.Origin+"/socket", &websocket.DialOptions{HTTPClient: gate.Client(t, false), CompressionMode: mode, Subprotocols: []string{"chat.v2"}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if extension := res.Header.Get("Sec-WebSocket-Extensions"); strings.Contains(extension, "permessage-deflate") != (mode != websocket.CompressionDisabled) {
				t.Errorf("the extensions agreed on are %q", extension)
			}
			c.SetReadLimit(4 << 20)
			for _, size := range []int{0, 1, 125, 126, 65535, 65536, 2 << 20} {
				message := bytes.Repeat([]byte{0xa5}, size)
				if err := c.Write(ctx, websocket.MessageBinary, message); err != nil {
					t.Fatal(err)
				}
				if kind, got, err := c.Read(ctx); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, message) {
					t.Fatalf("a message of %d bytes came back as %d (%v, error %v)", size, len(got), kind, err)
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
	gate.WantQuiet(t)
}

func TestStreams_EventsClient_GetsEachAsItHappens(t *testing.T) {
	t.Parallel()
	gate := testkit.StartGate(t, serve(t, newChannels()))
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, gate.Origin+"/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Last-Event-ID", "6")
			res, err := gate.Client(t, http2).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var seen []string
			var times []time.Time
			for lines := bufio.NewScanner(res.Body); lines.Scan(); {
				if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
					seen, times = append(seen, data), append(times, time.Now())
				}
			}
			if got := strings.Join(seen, ","); got != "event 7,event 8,event 9" {
				t.Fatalf("got %s", got)
			}
			if between := times[2].Sub(times[0]); between < 60*time.Millisecond {
				t.Errorf("the events came %v apart, all at once: they were told over 100 ms", between)
			}
		})
	}
	gate.WantQuiet(t)
}

func TestStreams_BothWaysAtOnce(t *testing.T) {
	t.Parallel()
	gate := testkit.StartGate(t, serve(t, newChannels()))
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			if err := talk(t, gate, http2); err != nil {
				t.Error(err)
			}
		})
	}
	gate.WantQuiet(t)
}

// talk sends a line only after the answer to the one before has come.
func talk(t *testing.T, gate *testkit.Gate, http2 bool) error {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	body, to := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, gate.Origin+"/lines", body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain")
	written := make(chan error, 1)
	go func() { _, err := io.WriteString(to, "hello\n"); written <- err }()
	res, err := gate.Client(t, http2).Do(r)
	if err != nil {
		return errors.Join(err, to.CloseWithError(err), <-written)
	}
	defer res.Body.Close()
	answers := bufio.NewScanner(res.Body)
	for n := 1; n <= 50; n++ {
		if err := <-written; err != nil {
			return err
		}
		if !answers.Scan() {
			return fmt.Errorf("no answer to line %d: %w", n, answers.Err())
		}
		if want := fmt.Sprintf(`{"line":%d,"bytes":5}`, n); answers.Text() != want {
			return fmt.Errorf("got %s, want %s", answers.Text(), want)
		}
		if n == 50 {
			break
		}
		go func() { _, err := io.WriteString(to, "hello\n"); written <- err }()
	}
	if err := to.Close(); err != nil {
		return err
	}
	if answers.Scan() {
		return fmt.Errorf("an answer too many: %s", answers.Text())
	}
	return answers.Err()
}
