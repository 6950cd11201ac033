package protocol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func newProtocol(t testing.TB, o Options) *Protocol {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// follow feeds a text in pieces of n bytes, and gives where requests ended.
func follow(t testing.TB, text string, n int) (ends []int, met fault) {
	t.Helper()
	at := 0
	f := framer{p: newProtocol(t, Options{}), ended: func(i int) { ends = append(ends, at+i) }}
	for rest := []byte(text); len(rest) > 0; {
		piece := bytes.Clone(rest[:min(n, len(rest))])
		good, met := f.feed(piece)
		if met != none {
			if good > len(piece) {
				t.Fatalf("%d of %d bytes are good", good, len(piece))
			}
			return ends, met
		}
		at += len(piece)
		rest = rest[len(piece):]
	}
	return ends, none
}

func TestFramer_Ordinary_PassesInAnyPieces(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: shop.example.com:8443\r\n\r\n",
		"GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /caf\xc3\xa9|[1] HTTP/1.1\r\nHost: [::1]:80\r\nX-Name: J\xc3\xbcrgen\r\nEmpty:\r\nTab:\ta\tb\t\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0a\r\n0\r\n\r\nGET /\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		for _, n := range []int{1, 2, 3, 7, len(text)} {
			ends, met := follow(t, text, n)
			switch {
			case met != none:
				t.Errorf("%q in pieces of %d: %s", text, n, words(met))
			case len(ends) == 0 || ends[len(ends)-1] != len(text):
				t.Errorf("%q in pieces of %d ends at %v of %d", text, n, ends, len(text))
			}
		}
	}
}

func TestFramer_WhatCanBeReadInTwoWays_IsAFault(t *testing.T) {
	const host = "Host: x\r\n"
	chunked := func(body string) string {
		return "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + body
	}
	get := func(fields string) string { return "GET / HTTP/1.1\r\n" + fields + "\r\n" }
	for _, c := range []struct {
		text string
		want fault
	}{
		{"GET / HTTP/1.1\n", faultLF},
		{"GET / HTTP/1.1\r\nHost: x\n\r\n", faultLF},
		{"GET / HTTP/1.1\r\nHost: x\r\n\n", faultLF},
		{"\r\nGET / HTTP/1.1\r\n", faultEmpty},
		{"\nGET / HTTP/1.1\r\n", faultEmpty},
		{"GET  / HTTP/1.1\r\n" + host + "\r\n", faultLine},
		{"GET / HTTP/1.1 \r\n" + host + "\r\n", faultLine},
		{" GET / HTTP/1.1\r\n" + host + "\r\n", faultLine},
		{"GET\t/\tHTTP/1.1\r\n" + host + "\r\n", faultLine},
		{"GET /\r\n" + host + "\r\n", faultLine},
		{"GET /a b HTTP/1.1\r\n" + host + "\r\n", faultLine},
		{"G\x00T / HTTP/1.1\r\n" + host + "\r\n", faultLine},
		{"GET / http/1.1\r\n" + host + "\r\n", faultLine},
		{"GET / HTTP/1.2\r\n" + host + "\r\n", faultVersion},
		{"GET / HTTP/2.0\r\n" + host + "\r\n", faultVersion},
		{"GET / HTTP/01.1\r\n" + host + "\r\n", faultVersion},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", faultVersion},
		{"GET /\x01 HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET /\r HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET a HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET * HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET ftp://x/ HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET http:///a HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET http://u@x/a HTTP/1.1\r\n" + host + "\r\n", faultTarget},
		{"GET http://y/a HTTP/1.1\r\n" + host + "\r\n", faultForeign},
		{get(""), faultNoHost},
		{get("Host:\r\n"), faultNoHost},
		{get(host + "Host: y\r\n"), faultHosts},
		{get(host + host), faultHosts},
		{get("Host: x, y\r\n"), faultHost},
		{get("Host: x/y\r\n"), faultHost},
		{get("Host: u@x\r\n"), faultHost},
		{get(" Host: x\r\n"), faultFold},
		{get(host + "A: b\r\n c\r\n"), faultFold},
		{get(host + "A: b\r\n\tc\r\n"), faultFold},
		{get(host + "A : b\r\n"), faultSpace},
		{get(host + "A\t: b\r\n"), faultSpace},
		{get(host + "Transfer-Encoding : chunked\r\n"), faultSpace},
		{get(host + "A\r\n"), faultName},
		{get(host + ": b\r\n"), faultName},
		{get(host + "A\xc3\xa9: b\r\n"), faultName},
		{get(host + "A\x00: b\r\n"), faultName},
		{get(host + "A(b): c\r\n"), faultName},
		{get(host + "A: b\x00c\r\n"), faultValue},
		{get(host + "A: b\rTransfer-Encoding: chunked\r\n"), faultValue},
		{get(host + "A: b\x0bc\r\n"), faultValue},
		{get(host + "A: b\x7f\r\n"), faultValue},
		{get(host + "Content-Length: 5\r\nContent-Length: 5\r\n"), faultLengths},
		{get(host + "Content-Length: 5\r\nContent_Length: 6\r\n"), faultLengths},
		{get(host + "Content_Length: 6\r\n"), faultMasked},
		{get(host + "Transfer_Encoding: chunked\r\n"), faultMasked},
		{get(host + "Content-Length: 5, 5\r\n"), faultLength},
		{get(host + "Content-Length: +5\r\n"), faultLength},
		{get(host + "Content-Length: -5\r\n"), faultLength},
		{get(host + "Content-Length: 0x5\r\n"), faultLength},
		{get(host + "Content-Length: 5 5\r\n"), faultLength},
		{get(host + "Content-Length: 5;\r\n"), faultLength},
		{get(host + "Content-Length:\r\n"), faultLength},
		{get(host + "Content-Length: 99999999999999999999\r\n"), faultLength},
		{get(host + "Content-Length: \xd9\xa5\r\n"), faultLength},
		{get(host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), faultBoth},
		{get(host + "Transfer-Encoding: gzip\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: gzip, chunked\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: chunked, chunked\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: identity\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: xchunked\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: chunked;q=1\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: \"chunked\"\r\n"), faultCoding},
		{get(host + "Transfer-Encoding: \x0bchunked\r\n"), faultValue},
		{get(host + "Transfer-Encoding:\r\n"), faultCoding},
		{get(host + "Connection: close, Content-Length\r\n"), faultHop},
		{get(host + "Connection: Cookie\r\n"), faultHop},
		{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", faultOldCoding},
		{chunked("+5\r\n"), faultChunk},
		{chunked("-5\r\n"), faultChunk},
		{chunked("0x5\r\n"), faultChunk},
		{chunked(" 5\r\n"), faultChunk},
		{chunked("5 \r\n"), faultChunk},
		{chunked("\r\n"), faultChunk},
		{chunked(";a\r\n"), faultChunk},
		{chunked("g\r\n"), faultChunk},
		{chunked("5_0\r\n"), faultChunk},
		{chunked("5\n"), faultChunk},
		{chunked("10000000000000005\r\n"), faultChunk},
		{chunked("0000000000000005\r\n"), faultChunk},
		{chunked("5\rhello"), faultChunkLine},
		{chunked("5;a\rb\r\n"), faultChunkLine},
		{chunked("5;a\n"), faultExtension},
		{chunked("5;a\x00\r\n"), faultExtension},
		{chunked("5;" + strings.Repeat("a", 300) + "\r\n"), faultExtension},
		{chunked("5\r\nhelloX\r\n"), faultChunkEnd},
		{chunked("5\r\nhello\n0\r\n"), faultChunkEnd},
		{chunked("5\r\nhello\rX"), faultChunkEnd},
		{chunked("5\r\nhell\r\n0\r\n\r\n"), faultChunkEnd},
		{chunked("0\r\nContent-Length: 5\r\n\r\n"), faultTrailer},
		{chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), faultTrailer},
		{chunked("0\r\nHost: y\r\n\r\n"), faultTrailer},
		{chunked("0\r\nA: b\n\r\n"), faultLF},
		{chunked("0\r\nA: b\r\n c\r\n\r\n"), faultFold},
		{chunked("0\r\n" + strings.Repeat("A: bcdefghijkl\r\n", 2000)), faultTrailers},
		{"GET /" + strings.Repeat("a", DefaultURL) + " HTTP/1.1\r\n" + host + "\r\n", faultURL},
		{get(host + strings.Repeat("A: b\r\n", DefaultFields)), faultFields},
		{get(host + "A: " + strings.Repeat("b", DefaultHead) + "\r\n"), faultLong},
	} {
		for _, n := range []int{1, 3, 64, len(c.text)} {
			if _, met := follow(t, c.text, n); met != c.want {
				t.Errorf("%.120q in pieces of %d: %v, want %v", c.text, n, words(met), words(c.want))
			}
		}
	}
}

func words(f fault) string {
	if f == none {
		return "no fault"
	}
	return faults[f].words
}

// agree holds the framer to net/http: requests that the framer lets through begin
// and end where net/http finds them.
func agree(t *testing.T, text []byte, n int) {
	t.Helper()
	var ends []int
	at := 0
	f := framer{p: newProtocol(t, Options{}), ended: func(i int) { ends = append(ends, at+i) }}
	var passed []byte
	for rest := text; len(rest) > 0; {
		piece := bytes.Clone(rest[:min(n, len(rest))])
		good, met := f.feed(piece)
		passed = append(passed, piece[:good]...)
		if met != none {
			break
		}
		at += len(piece)
		rest = rest[len(piece):]
	}
	counted := &counter{r: bytes.NewReader(passed)}
	b := bufio.NewReader(counted)
	last := ""
	for i := 0; ; i++ {
		if last == http.MethodPost { // as net/http's server does
			peek, _ := b.Peek(4)
			skip := 0
			for skip < len(peek) && (peek[skip] == '\r' || peek[skip] == '\n') {
				skip++
			}
			_, _ = b.Discard(skip)
		}
		r, err := http.ReadRequest(b)
		if err != nil {
			if counted.n == len(passed) && i < len(ends) && errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("net/http finds %d requests, the framer %d, in %q", i, len(ends), passed)
			}
			return // net/http refuses more than the framer, or there is no further request
		}
		last = r.Method
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			if i < len(ends) && (errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Fatalf("net/http finds no end of request %d, the framer at %d, in %q", i, ends[i], passed)
			}
			return
		}
		end := counted.n - b.Buffered()
		if i >= len(ends) {
			t.Fatalf("net/http finds a request up to %d, the framer none, in %q", end, passed)
		}
		if ends[i] != end {
			t.Fatalf("request %d ends at %d, and for net/http at %d, in %q", i, ends[i], end, passed)
		}
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func FuzzFramer(f *testing.F) {
	for _, head := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n0\r\nA: b\r\n\r\n"} {
		f.Add([]byte(head+head), 3)
		f.Add([]byte(head+"GET http://x/ HTTP/1.0\r\n\r\n"), 100)
	}
	f.Fuzz(func(t *testing.T, text []byte, n int) {
		if len(text) > 8<<10 {
			return
		}
		agree(t, text, max(1, min(n, 4096)))
	})
}

func BenchmarkHead(b *testing.B) {
	head := []byte("GET /product/17?from=list HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.example.com/list\r\nCookie: session=4f0c3e5a9b7d4c1e8a2b6d9f0e3c5a71; theme=dark\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nConnection: keep-alive\r\n\r\n")
	for _, n := range []int{len(head), 200} {
		b.Run(fmt.Sprint("in pieces of ", n), func(b *testing.B) {
			f := framer{p: newProtocol(b, Options{})}
			b.ReportAllocs()
			for b.Loop() {
				for rest := head; len(rest) > 0; rest = rest[min(n, len(rest)):] {
					if _, met := f.feed(rest[:min(n, len(rest))]); met != none {
						b.Fatal(words(met))
					}
				}
			}
		})
	}
}
