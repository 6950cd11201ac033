package ratelimit_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/application/ratelimit"
)

// serve asks, and has the backend answer what passes.
func (b *bench) serve(q ratelimit.Request, status int, pairs ...string) bool {
	d, s := b.ask(q)
	if d.Verdict != gatehouse.Pass {
		return false
	}
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	b.Answered(b.t.Context(), q, s, status, h)
	return true
}

// An ordinary visit: pages with two hundred assets each, again and again.
func TestAssets_PagesWithHundreds_AreNotCounted(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("60/min")})
	kinds := []struct{ path, dest, kind string }{
		{"/assets/app.3f2a9c1b.css", "style", "text/css; charset=utf-8"}, {"/assets/app.js", "script", "text/javascript"},
		{"/assets/chunk.mjs", "script", "application/javascript"}, {"/img/Photo.JPG", "image", "image/jpeg"}, {"/favicon.ico", "image", "image/vnd.microsoft.icon"},
		{"/fonts/a.woff2", "font", "application/octet-stream"}, {"/lib/engine.wasm", "empty", "application/wasm"}, {"/film.mp4", "video", "video/mp4"},
		{"/my%20picture.png", "", "image/png"}, {"/site.webmanifest", "manifest", "application/manifest+json"},
	}
	for page := range 50 {
		if !b.serve(get("/shop", "203.0.113.7"), 200, "Content-Type", "text/html") {
			t.Fatalf("page %d was refused", page)
		}
		for i := range 200 {
			k := kinds[i%len(kinds)]
			q := get(k.path, "203.0.113.7")
			q.Dest = k.dest
			status := []int{200, 304, 206}[i%3]
			if !b.serve(q, status, "Content-Type", k.kind, "ETag", `"1"`) {
				t.Fatalf("page %d: %s was refused", page, k.path)
			}
		}
		b.now = b.now.Add(2 * time.Second)
	}
}

// What is no asset's request is counted, whatever it says that it is for.
func TestAssets_OnlyWhatLooksLikeOne_IsNotCounted(t *testing.T) {
	for name, q := range map[string]ratelimit.Request{
		"a search that says image": {Method: "GET", Path: "/search", Dest: "image"},
		"a POST to a style sheet":  {Method: "POST", Path: "/login.css", Dest: "style"},
		"a method of its own":      {Method: "PROPFIND", Path: "/a.css", Dest: "style"},
		"a picture as a page":      {Method: "GET", Path: "/a.png", Dest: "document"},
		"a frame":                  {Method: "GET", Path: "/a.svg", Dest: "iframe"},
		"a parameter of the path":  {Method: "GET", Path: "/search;x.css"},
		"a parameter inside":       {Method: "GET", Path: "/search;v=1/x.css"},
		"a folder":                 {Method: "GET", Path: "/a.css/search"},
		"data":                     {Method: "GET", Path: "/orders.json", Dest: "empty"},
		"an archive":               {Method: "GET", Path: "/orders.zip"},
		"an encoded dot":           {Method: "GET", Path: "/search%2ecss"},
		"a declared route":         {Method: "GET", Path: "/thumbnails/7.png", Dest: "image"},
	} {
		b := newLimits(t, ratelimit.Options{Default: rate("10/min"), Routes: []ratelimit.Route{{Pattern: "/thumbnails/{id}", Rate: rate("10/min")}}})
		q.Addr = addr("203.0.113.7")
		if n := b.passes(100, q); n != 10 {
			t.Errorf("%s: %d of 100 passed, want 10", name, n)
		}
	}
}

// The classic: a backend answers /search.css as /search. The answers show it, so
// pretending gains one small allowance.
func TestAssets_Pretended_GainsOneAllowance(t *testing.T) {
	for name, answer := range map[string][]string{
		"a page":                    {"Content-Type", "text/html", "ETag", `"1"`},
		"data":                      {"Content-Type", "application/json", "ETag", `"1"`},
		"no type":                   {"ETag", `"1"`},
		"a type that is none":       {"Content-Type", "image", "ETag", `"1"`},
		"a picture nobody keeps":    {"Content-Type", "image/png"},
		"a picture nobody may keep": {"Content-Type", "image/png", "ETag", `"1"`, "Cache-Control", "private, no-store"},
	} {
		b := newLimits(t, ratelimit.Options{Default: rate("600/h")})
		passed := 0
		for i := range 5000 {
			q := get(fmt.Sprintf("/search%d.css", i), "203.0.113.7")
			q.Dest = "style"
			if b.serve(q, 200, answer...) {
				passed++
			}
		}
		if passed != 660 {
			t.Errorf("%s: %d of 5000 passed, want the rate's 600 and 60", name, passed)
		}
		if !b.serve(get("/app.css", "203.0.113.8"), 200, "Content-Type", "text/css", "ETag", `"1"`) {
			t.Errorf("%s: another address pays for it", name)
		}
	}
}

// Behind an undeclared proxy it is the person who claims.
func TestAssets_PretendedInACrowd_AreThePersons(t *testing.T) {
	b := newLimits(t, ratelimit.Options{Default: rate("600/h")})
	passed := map[string]int{}
	for range 2000 {
		for _, who := range []string{"ann", "bob"} {
			q := ratelimit.Request{Method: "GET", Path: "/search.css", Addr: addr("10.0.0.1"), Crowd: true, Principal: person(who)}
			kind := "text/css"
			if who == "ann" {
				kind = "text/html"
			}
			if b.serve(q, 200, "Content-Type", kind, "Last-Modified", "yesterday") {
				passed[who]++
			}
		}
	}
	if passed["ann"] != 660 || passed["bob"] != 2000 {
		t.Errorf("%v, want 660 of ann, who pretends, and 2000 of bob", passed)
	}
}

// A site with broken pictures: five on every page, and nobody is refused for them.
func TestAssets_BrokenPictures_CostVisitorsNothing(t *testing.T) {
	b := newLimits(t, ratelimit.Options{})
	for page := range 200 {
		if !b.serve(get("/shop", "203.0.113.7"), 200, "Content-Type", "text/html") {
			t.Fatalf("page %d was refused", page)
		}
		for i := range 40 {
			status, kind := 200, "image/png"
			if i < 5 {
				status, kind = 404, "text/html"
			}
			if !b.serve(get(fmt.Sprintf("/img/%d.png", i), "203.0.113.7"), status, "Content-Type", kind, "Last-Modified", "yesterday") {
				t.Fatalf("page %d: picture %d was refused", page, i)
			}
		}
		b.now = b.now.Add(5 * time.Second)
	}
}
