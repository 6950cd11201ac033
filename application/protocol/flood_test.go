package protocol

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A flooder speaks HTTP/2 by hand.
type flooder struct {
	t    *testing.T
	conn *tls.Conn
	*http2.Framer
	hpack *hpack.Encoder
	block bytes.Buffer
}

func flood(t *testing.T, s *server) *flooder {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // the test's own certificate
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	f := &flooder{t: t, conn: c, Framer: http2.NewFramer(c, c)}
	f.hpack = hpack.NewEncoder(&f.block)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// head encodes a request's fields.
func (f *flooder) head(extra ...string) []byte {
	f.block.Reset()
	for i, fields := 0, append([]string{":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/"}, extra...); i < len(fields); i += 2 {
		_ = f.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // a buffer takes everything
	}
	return f.block.Bytes()
}

// answer reads on until a stream is answered, and gives its status; "" where the
// connection ends first.
func (f *flooder) answer(stream uint32) string {
	d := hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return ""
		}
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			fields, err := d.DecodeFull(frame.HeaderBlockFragment())
			if err == nil && frame.StreamID == stream && len(fields) > 0 {
				return fields[0].Value
			}
		case *http2.GoAwayFrame:
			return ""
		}
	}
}

// discard reads what comes, so that only the flood is measured.
func (f *flooder) discard() { go func() { _, _ = io.Copy(io.Discard, f.conn) }() }

func TestHTTP2_RapidReset_RunsNoMoreHandlersThanStreams(t *testing.T) {
	var running, most atomic.Int32
	s := serve(t, true, func(_ http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		// A backend that goes on working for a while after its client has gone.
		time.Sleep(20 * time.Millisecond)
		running.Add(-1)
	})
	f := flood(t, s)
	f.discard()
	sent := 0
	for ; sent < 20_000; sent++ {
		id := uint32(2*sent + 1)
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.head(), EndStream: true, EndHeaders: true}) != nil || f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break
		}
	}
	if m := most.Load(); m > 250 {
		t.Errorf("%d handlers ran at once for one connection", m)
	}
	if sent == 20_000 && s.served.Load() == 20_000 {
		t.Error("every stream that was reset was served")
	}
}

func TestHTTP2_Continuation_IsCutAtTheHeadsBound(t *testing.T) {
	s := serve(t, true, echo)
	f := flood(t, s)
	f.discard()
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(), EndStream: true}); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; sent < 64<<20; sent += 16 << 10 {
		f.block.Reset()
		_ = f.hpack.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("a", 16_000), Sensitive: true})
		if f.WriteContinuation(1, false, f.block.Bytes()[:min(f.block.Len(), 16<<10)]) != nil {
			break
		}
	}
	if sent > 16<<20 {
		t.Errorf("%d bytes of CONTINUATION were taken", sent)
	}
	if s.served.Load() != 0 {
		t.Error("it was served")
	}
}

func TestHTTP2_HeaderBomb_IsTooLarge(t *testing.T) {
	s := serve(t, true, echo)
	f := flood(t, s)
	// One long field in the table, then hundreds of references of a byte each.
	value := strings.Repeat("a", 3000)
	fields := make([]string, 0, 2000)
	for range 1000 {
		fields = append(fields, "x", value)
	}
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(fields...), EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	if status := f.answer(1); status != "431" && status != "" {
		t.Errorf("status %s", status)
	}
	if s.served.Load() != 0 {
		t.Error("it was served")
	}
}

// TestHTTP2_ControlFrames_HoldNoMemory: frames that want an answer, from a client
// that reads none.
func TestHTTP2_ControlFrames_HoldNoMemory(t *testing.T) {
	for name, send := range map[string]func(*flooder, int) error{
		"SETTINGS": func(f *flooder, _ int) error { return f.WriteSettings() },
		"PING":     func(f *flooder, _ int) error { return f.WritePing(false, [8]byte{1}) },
		"RST of what is not there": func(f *flooder, i int) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: []byte{0x80}, EndHeaders: true, EndStream: true})
		},
	} {
		s := serve(t, true, echo)
		f := flood(t, s)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = f.conn.SetWriteDeadline(time.Now().Add(3 * time.Second))
		for i := range 200_000 {
			if send(f, i) != nil {
				break
			}
		}
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 32<<20 {
			t.Errorf("%s: %d MiB more are in use", name, grown>>20)
		}
		_ = f.conn.Close()
	}
}

func TestHTTP2_PriorityAndEmptyData_LetOthersBeServed(t *testing.T) {
	s := serve(t, true, echo)
	f := flood(t, s)
	// A connection without a request is ended as idle, however much it says.
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.head(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 50_000 {
		if err := f.WritePriority(uint32(2*(i%1000)+101), http2.PriorityParam{StreamDep: uint32(2*(i%999) + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 20_000 {
		if err := f.WriteData(1, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.WriteData(1, true, nil); err != nil {
		t.Fatal(err)
	}
	if status := f.answer(1); status != "200" {
		t.Errorf("status %q", status)
	}
	if c, err := net.Dial("tcp", s.addr); err != nil {
		t.Error(err)
	} else {
		_ = c.Close()
	}
}
