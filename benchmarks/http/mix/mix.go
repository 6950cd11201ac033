// Package mix makes the requests of the benchmark: what browsers send to a
// shop, as bytes, the same for the same seed. Six of ten are GETs, one is a
// form, three are JSON of about 600 bytes; each has a browser's headers and
// about a kilobyte of cookies. Nothing in it is an attack.
package mix

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// Script makes wrk replay a mix.
//
//go:embed mix.lua
var Script string

// Host is the site that the requests are for.
const Host = "shop.example.com"

// Make gives n requests, each after a line with its length in decimal.
func Make(seed uint64, n int) []byte {
	r := maker{rand.New(rand.NewPCG(seed, 0))}
	var out bytes.Buffer
	for i := range n {
		var request []byte
		switch i % 10 {
		case 0, 1, 3, 5, 6, 8:
			request = r.request("GET", r.page(), "", nil)
		case 4:
			request = r.request("POST", r.one("/account/profile", "/contact", "/cart/address"), "application/x-www-form-urlencoded", r.form())
		default:
			request = r.request("POST", r.one("/api/orders", "/api/cart/items", "/api/reviews"), "application/json", r.json())
		}
		fmt.Fprintf(&out, "%d\n%s", len(request), request)
	}
	return out.Bytes()
}

type maker struct{ *rand.Rand }

func (r maker) one(of ...string) string { return of[r.IntN(len(of))] }

// text gives n characters of an alphabet.
func (r maker) text(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	hex       = "0123456789abcdef"
	base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

func (r maker) words(n int) string {
	w := make([]string, n)
	for i := range w {
		w[i] = r.one("table", "chair", "desk", "lamp", "summer", "leather", "wool", "cotton", "green", "travel", "wallet", "frame", "coffee", "it's", "select")
	}
	return strings.Join(w, " ")
}

func (r maker) page() string {
	switch r.IntN(4) {
	case 0:
		return "/search?q=" + url.QueryEscape(r.words(3)) + fmt.Sprintf("&page=%d&sort=%s", r.IntN(20), r.one("price", "name", "new"))
	case 1:
		return fmt.Sprintf("/api/customers/%s/orders?limit=20&offset=%d", r.text(24, hex), r.IntN(200))
	case 2:
		return fmt.Sprintf("/static/app.%s.%s?v=%d", r.text(8, hex), r.one("js", "css", "woff2"), r.IntN(1000))
	}
	return fmt.Sprintf("/shop/%s/%s-%d.html", r.one("men", "women", "home"), strings.ReplaceAll(r.words(3), " ", "-"), r.IntN(100000))
}

func (r maker) form() []byte {
	return []byte(url.Values{
		"address":    {fmt.Sprintf("%d Garden Street", r.IntN(200))},
		"city":       {r.one("Madrid", "Lyon", "Köln", "Dublin")},
		"csrf_token": {r.text(48, hex)},
		"email":      {r.text(6, hex) + "@example.com"},
		"last_name":  {r.one("O'Neill", "Martin", "Dupont", "Garcia")},
		"message":    {r.words(14)},
		"phone":      {"+3361012" + r.text(4, "0123456789")},
	}.Encode())
}

func (r maker) json() []byte {
	type item struct {
		SKU      string  `json:"sku"`
		Name     string  `json:"name"`
		Quantity int     `json:"quantity"`
		Price    float64 `json:"price"`
	}
	items := make([]item, 3)
	for i := range items {
		items[i] = item{"SKU-" + r.text(6, hex), r.words(4), 1 + r.IntN(4), float64(r.IntN(20000)) / 100}
	}
	body, err := json.Marshal(map[string]any{
		"comment": "Please leave the parcel with the neighbour, thank you. " + r.words(6), "currency": "EUR",
		"customerId": r.text(24, hex), "express": r.IntN(2) == 0, "items": items,
		"shipping": map[string]any{"city": "Madrid", "country": "ES", "name": "Chloe Dupont", "street": "43 Garden Street", "zip": r.text(5, "0123456789")},
	})
	if err != nil {
		panic(err) // strings and numbers always have a JSON form
	}
	return body
}

func (r maker) request(method, path, contentType string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive\r\n", method, path, Host)
	fmt.Fprintf(&b, "User-Agent: %s\r\n", r.one(
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.39 Mobile Safari/537.36"))
	b.WriteString("Accept: application/json, text/plain, */*\r\nAccept-Encoding: gzip, deflate, br\r\n")
	fmt.Fprintf(&b, "Accept-Language: %s\r\n", r.one("de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", "en-GB,en;q=0.9"))
	fmt.Fprintf(&b, "Cookie: session=%s; access_token=%s.%s.%s; theme=dark; _ga=GA1.1.%s.%s\r\n", r.text(32, hex),
		r.text(80, base64url), r.text(300, base64url), r.text(342, base64url), r.text(9, "123456789"), r.text(10, "123456789"))
	fmt.Fprintf(&b, "Referer: https://%s%s\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n", Host, r.one("/cart", "/shop/women", "/"))
	if body != nil {
		fmt.Fprintf(&b, "Origin: https://%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", Host, contentType, len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
