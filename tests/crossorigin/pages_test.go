package crossorigin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
)

// application is a page as Angular's build makes it: a base, modules of its own, inline
// styles, a script that writes more.
const application = `<!DOCTYPE html><html><head><base href="/app/"><title>app</title><style>app-root{display:block}</style>
<link rel="stylesheet" href="styles.css"></head><body><app-root style="color:green"></app-root>
<script src="main.js" type="module"></script></body></html>`

func pages() http.Handler {
	mux := http.NewServeMux()
	text := func(kind, body string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			fmt.Fprint(w, body)
		}
	}
	mux.HandleFunc("/app/", text("text/html; charset=utf-8", application))
	mux.HandleFunc("/app/styles.css", text("text/css", "app-root { margin: 1px }"))
	mux.HandleFunc("/app/main.js", text("text/javascript", "import {x} from './chunk.js'; document.querySelector('app-root').textContent = x; fetch('api/orders').then((r) => r.json()).then((o) => { document.title = o.title; });"))
	mux.HandleFunc("/app/chunk.js", text("text/javascript", "export const x = 'started';"))
	mux.HandleFunc("/app/api/orders", text("application/json", `{"title":"loaded"}`))
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	const shown = "<!DOCTYPE html><title>x</title><script>parent.postMessage('shown', '*')</script>"
	mux.HandleFunc("/widget", text("text/html", shown, "Content-Security-Policy", "frame-ancestors *"))
	mux.HandleFunc("/widget-old", text("text/html", shown, "X-Frame-Options", "ALLOWALL"))
	mux.HandleFunc("/page", text("text/html", shown))
	return mux
}

func TestPages(t *testing.T) {
	backend := httptest.NewServer(pages())
	t.Cleanup(backend.Close)
	g := testkit.StartGate(t, backend.URL)
	b := browser.Start(t, g.SPKI(t))
	t.Run("OfASinglePageApplication_Work", func(t *testing.T) { singlePage(t, g, b) })
	t.Run("EmbeddedOnPurpose_StayEmbedded", func(t *testing.T) { embedded(t, g, b) })
}

func singlePage(t *testing.T, g *testkit.Gate, b *browser.Browser) {
	var text string
	b.Do(t, "open a route of it", chromedp.Navigate(g.Origin+"/app/orders/17"),
		chromedp.Poll(`document.title === "loaded"`, nil), chromedp.Text("app-root", &text))
	if text != "started" {
		t.Errorf("it shows %q", text)
	}
	for _, trouble := range b.Trouble() {
		t.Error(trouble)
	}
	g.WantQuiet(t)
}

// embedded: a site that is embedded on purpose says so, and stays so; one that does
// not is not.
func embedded(t *testing.T, g *testkit.Gate, b *browser.Browser) {
	site := "https://localhost" + g.Address[strings.LastIndex(g.Address, ":"):]
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><title>waiting</title><script>addEventListener('message', (e) => { document.title = e.data; })</script><iframe src="%s" onload="setTimeout(() => { if (document.title === 'waiting') { document.title = 'empty'; } }, 400)"></iframe>`, site+r.URL.Path)
	}))
	t.Cleanup(partner.Close)
	for path, want := range map[string]string{"/widget": "shown", "/widget-old": "shown", "/page": "empty"} {
		var title string
		b.Do(t, "embed "+path, chromedp.Navigate(partner.URL+path), chromedp.Poll(`document.title !== "waiting"`, nil), chromedp.Title(&title))
		if title != want {
			t.Errorf("%s in another site's page: %s, want %s", path, title, want)
		}
	}
}
