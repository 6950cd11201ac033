package mix_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/benchmarks/http/mix"
)

func TestMake_SameSeed_SameBytes(t *testing.T) {
	if !bytes.Equal(mix.Make(1, 100), mix.Make(1, 100)) {
		t.Error("two runs differ")
	}
	if bytes.Equal(mix.Make(1, 100), mix.Make(2, 100)) {
		t.Error("two seeds give the same")
	}
}

func TestMake_WholeRequestsInTheirProportion(t *testing.T) {
	raw := bufio.NewReader(bytes.NewReader(mix.Make(1, 1000)))
	kinds := map[string]int{}
	sizes := map[string]int{}
	for {
		line, err := raw.ReadString('\n')
		if err == io.EOF {
			break
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		one := make([]byte, n)
		if _, err := io.ReadFull(raw, one); err != nil {
			t.Fatal(err)
		}
		rest := bufio.NewReader(bytes.NewReader(one))
		request, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatalf("%v in %q", err, one)
		}
		body, err := io.ReadAll(request.Body)
		if err != nil || rest.Buffered() > 0 {
			t.Fatalf("body: %v, and %d bytes after it", err, rest.Buffered())
		}
		kind := request.Header.Get("Content-Type")
		kinds[kind]++
		sizes[kind] += len(body)
	}
	for kind, want := range map[string]int{"": 600, "application/x-www-form-urlencoded": 100, "application/json": 300} {
		if kinds[kind] != want {
			t.Errorf("%d requests of type %q, want %d", kinds[kind], kind, want)
		}
	}
	if mean := sizes["application/json"] / 300; mean < 500 || mean > 700 {
		t.Errorf("JSON bodies have %d bytes in the mean, want about 600", mean)
	}
}
