package input

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What ordinary clients send: not one may be an error.
func TestParse_OrdinaryUse_IsNoError(t *testing.T) {
	const (
		form = "Content-Type: application/x-www-form-urlencoded"
		json = "Content-Type: application/json"
	)
	floats := strings.TrimSuffix(strings.Repeat("0.0123456,", 1536*60), ",")
	for _, c := range []struct {
		name, method, target, body string
		headers                    []string
	}{
		{"search typed by hand", "GET", "/search?q=100%&sort=-price", "", nil},
		{"a name with an apostrophe", "GET", "/search?q=O'Brien+%26+sons;+est.+1850", "", nil},
		{"PHP arrays", "GET", "/list?f[]=1&f[]=2&f[color][]=red&page=2", "", nil},
		{"analytics", "GET", "/collect?v=2&tid=G-ABC&dl=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2&ep.value=1.5&_p=1714", "", nil},
		{"OData", "GET", "/odata/Products(1)?$filter=Price%20gt%2020&$select=Name", "", nil},
		{"npm", "GET", "/@scope%2fname", "", nil},
		{"matrix parameters", "GET", "/cars;color=red;year=2012/list;jsessionid=ABC", "", nil},
		{"an empty query", "GET", "/?", "", nil},
		{"OPTIONS with a type and no body", "OPTIONS", "/", "", []string{json}},
		{"DELETE with a type and no body", "DELETE", "/orders/1", "", []string{json}},
		{"Rails", "POST", "/posts", "utf8=%E2%9C%93&authenticity_token=a%2Bb%3D%3D&post%5Btitle%5D=Hi&post%5Btags%5D%5B%5D=a&post%5Btags%5D%5B%5D=b&commit=Save", []string{form + "; charset=UTF-8"}},
		{"a form in Latin-1", "POST", "/", "name=Jos%E9&city=M\xfcnchen", []string{form + "; charset=iso-8859-1"}},
		{"a form in Shift JIS", "POST", "/", "q=%93%FA%96%7B", []string{form + "; charset=Shift_JIS"}},
		{"code in a form", "POST", "/edit", "text=select+%2A+from+users+where+a%3D%27b%27%3B+--+%3Cscript%3E&title=50%25+off;+now", []string{form}},
		{"curl -d with JSON", "POST", "/_search", `{"query":{"match_all":{}}}`, []string{form}},
		{"curl --data-binary", "POST", "/metrics/job/x", "# TYPE m counter\nm{label=\"v\"} 42\n", []string{form}},
		{"GraphQL", "POST", "/graphql", `{"operationName":null,"variables":{"id":"1","tags":["a"]},"query":"query($id: ID!) {\n  user(id: $id) { name }\n}\n"}`, []string{json}},
		{"a webhook", "POST", "/webhooks/stripe", `{"id":"evt_1","object":"event","data":{"object":{"amount":2000,"metadata":{}}},"livemode":false}`, []string{json + "; charset=utf-8", "Stripe-Signature: t=1,v1=abc"}},
		{"pretty JSON", "PUT", "/", "{\n\t\"a\" : [ 1 , 2 ] ,\r\n \"b\" : \"\"\n}\n", []string{json}},
		{"a bare string", "PUT", "/", `"active"`, []string{json}},
		{"Elasticsearch bulk", "POST", "/_bulk", "{\"index\":{\"_id\":\"1\"}}\n{\"f\":1}\n", []string{"Content-Type: application/x-ndjson"}},
		{"embeddings", "POST", "/vectors", `{"vectors":[` + floats + `]}`, []string{json}},
		{"a merge patch", "PATCH", "/", `{"a":null}`, []string{"Content-Type: application/merge-patch+json"}},
		{"AWS", "POST", "/", `{"TableName":"t"}`, []string{"Content-Type: application/x-amz-json-1.0", "X-Amz-Target: DynamoDB.GetItem"}},
		{"a beacon", "POST", "/b", `{"event":"load"}`, []string{"Content-Type: text/plain;charset=UTF-8"}},
		{"markdown", "POST", "/b", "[link](https://example.com) {.class}", []string{"Content-Type: text/plain"}},
		{"a compressed beacon", "POST", "/b", encode(t, `{"event":"load"}`, "gzip"), []string{json, "Content-Encoding: gzip"}},
		{"compressible JSON", "POST", "/b", encode(t, "["+strings.Repeat(`{"level":"info","count":0},`, 3000)+"0]", "zstd"), []string{json, "Content-Encoding: zstd"}},
		{"a deep document", "POST", "/doc", strings.Repeat(`{"type":"list","content":[`, 50) + strings.Repeat(`]}`, 50), []string{json}},
		{"a browser's upload", "POST", "/up", strings.ReplaceAll(parts(field("title", "a \"b\" ü"), "Content-Disposition: form-data; name=\"f\"; filename=\"photo 1 (2).jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--\r\n-----x\n--y\r\n"), "--B", "------WebKitFormBoundaryx"), []string{"Content-Type: multipart/form-data; boundary=----WebKitFormBoundaryx"}},
		{"curl -F", "POST", "/up", strings.ReplaceAll(parts(field("a", "1"), "Content-Disposition: form-data; name=\"f\"; filename=\"a\\\"b.txt\"\r\nContent-Type: text/plain\r\n\r\nx"), "--B", "--------------------------d74496d66958873e"), []string{"Content-Type: multipart/form-data; boundary=------------------------d74496d66958873e"}},
		{"an empty file field", "POST", "/up", parts("Content-Disposition: form-data; name=\"f\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n"), []string{multipartType}},
		{"a file path of old", "POST", "/up", parts("Content-Disposition: form-data; name=\"f\"; filename=\"C:\\dir\\a.txt\"\r\n\r\nx"), []string{multipartType}},
		{"git", "POST", "/r.git/git-upload-pack", "0011want", []string{"Content-Type: application/x-git-upload-pack-request", "Content-Encoding: gzip"}},
		{"XML-RPC", "POST", "/xmlrpc.php", "<?xml version=\"1.0\"?><methodCall/>", []string{"Content-Type: text/xml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.method, "/", c.body, c.headers...)
			target, err := url.ParseRequestURI(c.target)
			if err != nil {
				t.Fatal(err)
			}
			r.URL = target
			in, err := parser(t, Options{}).Parse(r)
			if err != nil {
				t.Error(err)
			}
			in.Each(func(Input) bool { return true })
			wantReplay(t, r, c.body)
			if in.Err() != nil {
				t.Error(in.Err())
			}
		})
	}
}

// behind is a backend behind a proxy that parses every request.
func behind(t *testing.T, backend http.HandlerFunc) (address string) {
	t.Helper()
	upstream := httptest.NewServer(backend)
	t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := parser(t, Options{Limit: 1000})
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := p.Parse(r); err != nil && rule(err) != RuleTooLarge {
			t.Error(err)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.Listener.Addr().String()
}

// exchange sends raw bytes, and the rest once the server answered 100.
func exchange(t *testing.T, address, head, afterContinue string) (answer string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	b := bufio.NewReader(c)
	if afterContinue != "" {
		if line, err := b.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
			t.Fatalf("got %q, %v, want 100 Continue", line, err)
		}
		if _, err := b.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, afterContinue); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.ReadResponse(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

func TestParse_ThroughAProxy_ChangesNothing(t *testing.T) {
	address := behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %v %d %q %v", r.ContentLength, r.TransferEncoding, len(body), r.Trailer.Get("X-Sum"), err)
	})
	const head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
	large := `"` + strings.Repeat("x", 5000) + `"`
	for _, c := range []struct{ name, head, later, want string }{
		{"length", head + "Content-Length: 3\r\n\r\n\"a\"", "", `3 [] 3 "" <nil>`},
		{"chunked", head + "Transfer-Encoding: chunked\r\n\r\n3\r\n\"a\"\r\n0\r\n\r\n", "", `-1 [chunked] 3 "" <nil>`},
		{"trailers", head + "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\n\"a\"\r\n0\r\nX-Sum: 7\r\n\r\n", "", `-1 [chunked] 3 "7" <nil>`},
		{"expectation", head + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", `"a"`, `3 [] 3 "" <nil>`},
		{"above the limit", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(large), large), "", `5002 [] 5002 "" <nil>`},
		{"chunked above the limit", head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(large), large), "", `-1 [chunked] 5002 "" <nil>`},
		{"empty", head + "Content-Length: 0\r\n\r\n", "", `0 [] 0 "" <nil>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exchange(t, address, c.head, c.later); got != c.want {
				t.Errorf("the backend saw %s, want %s", got, c.want)
			}
		})
	}
}
