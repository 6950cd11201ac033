package input

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

const benchHead = "Host: shop.example.com\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0\r\n" +
	"Accept: application/json, text/plain, */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Cookie: session=3a4eb5b422840a08f7c231b470335691; theme=dark; _ga=GA1.1.143359364.1728375250\r\n" +
	"Referer: https://shop.example.com/cart\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\nOrigin: https://shop.example.com\r\n"

const benchForm = "address=100+Garden+Street&city=Madrid&csrf_token=d206a4113314547867706a288cf3f66d104a6e9860ac053f&email=ee4cf2%40example.com&first_name=David&last_name=Dupont&message=steel+and+wool%2C+please&phone=%2B34+555+0101&zip=28001"

const benchJSON = `{"comment":"Please leave the parcel with the neighbour, thank you.","currency":"EUR","customerId":"a42d9664e0396bc82f83ebae","express":true,"items":[{"sku":"SKU-3ed914","name":"winter shoes trave","quantity":1,"price":84.7},{"sku":"SKU-63a5cf","name":"jacket desk cotton","quantity":2,"price":36.54},{"sku":"SKU-721d8d","name":"coffee wool red su","quantity":1,"price":79.98}],"shipping":{"city":"Paris","country":"DE","name":"Alice Martin","street":"59 Garden Street","zip":"30188","note":"the bell does not work, so please knock at the door on the left, or call"}}`

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, line, typ, body string }{
		{"GET", "GET /api/orders/8552?expand=items&page=9 HTTP/1.1\r\n", "", ""},
		{"form", "POST /account/profile HTTP/1.1\r\n", "Content-Type: application/x-www-form-urlencoded\r\n", benchForm},
		{"JSON600", "POST /api/orders HTTP/1.1\r\n", "Content-Type: application/json\r\n", benchJSON},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.line + benchHead + c.typ + "\r\n")))
		if err != nil {
			b.Fatal(err)
		}
		p := parser(b, Options{})
		for _, asked := range []bool{false, true} {
			name := c.name
			if asked {
				name += "/asked"
			}
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(c.body)))
				body := strings.NewReader("")
				for b.Loop() {
					if c.body != "" {
						body.Reset(c.body)
						r.Body, r.ContentLength = io.NopCloser(body), int64(len(c.body))
					}
					in, err := p.Parse(r)
					if err != nil {
						b.Fatal(err)
					}
					if asked {
						in.Each(func(Input) bool { return true })
					}
				}
			})
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Route("GET", "/api/orders/8552/items")
	}
}

func BenchmarkPattern(b *testing.B) {
	p, err := ParsePattern("/api/orders/{id}/items")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Match("/api/orders/8552/items")
	}
}

func BenchmarkStream(b *testing.B) {
	p := parser(b, Options{})
	buf := make([]byte, 32<<10)
	const size = 64 << 20
	b.SetBytes(size)
	for b.Loop() {
		mp, _ := p.newMultipart(media{boundary: "----WebKitFormBoundary7MA4YWxkTrZu0gW"}, &builder{max: 100, emit: func(Input) error { return nil }})
		_ = mp.feed([]byte("------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n"))
		for n := 0; n < size; n += len(buf) {
			if err := mp.feed(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}
