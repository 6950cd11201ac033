package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// An agent is a browser, or a program that acts as one.
type agent struct {
	name     string
	accept   string
	language string
	hints    string // Sec-CH-UA
}

const (
	acceptPage = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	acceptFox  = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
)

var agents = []agent{
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36", acceptPage, "en-GB,en-US;q=0.9,en;q=0.8", `"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"`},
	{"Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", acceptFox, "de,en-US;q=0.7,en;q=0.3", ""},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1", acceptFox, "fr-FR,fr;q=0.9", ""},
	{"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.6367.82 Mobile Safari/537.36", acceptPage, "ga-IE,ga;q=0.9,en-IE;q=0.8", `"Not-A.Brand";v="8", "Chromium";v="124", "Google Chrome";v="124"`},
	{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8", "", ""},
	{"python-requests/2.31.0", "*/*", "", ""},
	{"curl/8.5.0", "*/*", "", ""},
}

// dress gives a request what a browser adds.
func (v *visitor) dress(r *http.Request, b *body) {
	h := r.Header
	h.Set("User-Agent", v.agent.name)
	h.Set("Accept", v.agent.accept)
	h.Set("Accept-Encoding", "gzip, deflate")
	if v.agent.language != "" {
		h.Set("Accept-Language", v.agent.language)
		h.Set("Upgrade-Insecure-Requests", "1")
		h.Set("Sec-Fetch-Site", "same-origin")
		h.Set("Sec-Fetch-Mode", "navigate")
		h.Set("Sec-Fetch-Dest", "document")
		h.Set("Priority", "u=0, i")
	}
	if v.agent.hints != "" {
		h.Set("Sec-CH-UA", v.agent.hints)
		h.Set("Sec-CH-UA-Mobile", "?0")
		h.Set("Sec-CH-UA-Platform", `"Windows"`)
	}
	if v.referer != "" {
		h.Set("Referer", v.referer)
	} else if v.chance(30) {
		h.Set("Referer", query("https://www.example.org/search", "q", v.phrase(), "source", "hp", "order", "desc"))
	}
	if v.chance(10) {
		h.Set("If-None-Match", fmt.Sprintf(`W/"%x-%x"`, v.Uint32(), v.Uint32()))
	}
	if b != nil {
		h.Set("Content-Type", b.kind)
		h.Set("Origin", v.origin)
		if b.kind == "application/json" {
			h.Set("X-Requested-With", "XMLHttpRequest")
			h.Set("Accept", "application/json, text/plain, */*")
		}
	}
	cookies := v.others
	for _, c := range v.cookies {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if len(cookies) > 0 {
		h.Set("Cookie", strings.Join(cookies, "; "))
	}
}

// otherCookies are those that analytics, consent banners and single sign-on leave.
func (v *visitor) otherCookies() []string {
	if v.agent.language == "" {
		return nil
	}
	made := []string{fmt.Sprintf("_ga=GA1.1.%d.%d", v.Uint32(), 1700000000+v.IntN(10_000_000))}
	if v.chance(50) {
		made = append(made, "prefs="+url.QueryEscape(fmt.Sprintf(`{"sort":"%s","dir":"desc","ids":[%d,%d],"name":"%s"}`, one(v, words), v.IntN(90), v.IntN(90), one(v, names))))
	}
	if v.chance(40) {
		claims := fmt.Sprintf(`{"sub":"%d","name":"%s","scope":"select update","iat":%d}`, v.IntN(100000), one(v, names), 1700000000+v.IntN(10_000_000))
		sum := make([]byte, 32)
		for i := range sum {
			sum[i] = byte(v.Uint32())
		}
		encode := base64.RawURLEncoding.EncodeToString
		made = append(made, "id_token="+encode([]byte(`{"alg":"HS256","typ":"JWT"}`))+"."+encode([]byte(claims))+"."+encode(sum))
	}
	if v.chance(30) {
		made = append(made, "consent="+base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "v2:all=%d;or=1;and=0", v.IntN(2))))
	}
	if v.chance(30) {
		made = append(made, "last_search="+url.QueryEscape(v.phrase()))
	}
	return made
}
