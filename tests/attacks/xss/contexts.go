package xss

import (
	"fmt"
	"net/http"
	"strings"
)

// A Context is a place of a page that a backend writes an input into as it came.
type Context struct {
	Name string
	// Type is the answer's, page has the input in place of Q.
	Type, page string
}

const (
	html  = "text/html; charset=utf-8"
	top   = "<!DOCTYPE html><html><head><title>Shop</title></head><body><h1>Results</h1>"
	below = "<p>more</p></body></html>"
)

// Contexts are the twelve.
func Contexts() []Context {
	return []Context{
		{"text", html, top + "<p>You searched for Q.</p>" + below},
		{"attribute in double quotes", html, top + `<input type="text" name="q" value="Q">` + below},
		{"attribute in single quotes", html, top + `<input type='text' name='q' value='Q'>` + below},
		{"attribute without quotes", html, top + `<input type=text name=q value=Q>` + below},
		{"address", html, top + `<a href="Q">back</a>` + below},
		{"script, in double quotes", html, top + `<script>var q = "Q"; var n = 1;</script>` + below},
		{"script, in single quotes", html, top + `<script>var q = 'Q'; var n = 1;</script>` + below},
		{"script, in a template", html, top + "<script>var q = `Q`; var n = 1;</script>" + below},
		{"event handler", html, top + `<button onclick="go('Q')">go</button><script>function go() {}</script>` + below},
		{"title", html, "<!DOCTYPE html><html><head><title>Q - Shop</title></head><body><h1>Results</h1>" + below},
		{"SVG document", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="100" height="40"><text y="20">Q</text></svg>`},
		{"JSON read as HTML", html, `{"query":"Q","results":[]}`},
	}
}

// Page is the page of a context with an input in it.
func (c Context) Page(input string) string { return strings.ReplaceAll(c.page, "Q", input) }

// Handler is the backend: /x?context=N&q=... echoes, /h is the page that loads cases
// into frames.
func Handler() http.Handler {
	mux := http.NewServeMux()
	contexts := Contexts()
	mux.HandleFunc("GET /x", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscan(r.FormValue("context"), &n); err != nil || n < 0 || n >= len(contexts) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", contexts[n].Type)
		fmt.Fprint(w, contexts[n].Page(r.FormValue("q")))
	})
	mux.HandleFunc("GET /h", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", html)
		fmt.Fprint(w, `<!DOCTYPE html><title>frames</title><script src="/h.js"></script>`)
	})
	mux.HandleFunc("GET /h.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, harness)
	})
	return mux
}

// harness loads addresses into frames, does in each what a visitor does, and gives
// which of them ran a script: code of a payload sends its frame's parent a message.
const harness = `
window.run = async function (addresses) {
  const ran = addresses.map(() => false);
  const frames = [];
  const heard = (e) => {
    let w = e.source;
    for (let i = 0; w && w.parent !== window && i < 5; i++) { w = w.parent; }
    const n = frames.findIndex((f) => f.contentWindow === w);
    if (n >= 0) { ran[n] = true; }
  };
  window.addEventListener('message', heard);
  const loaded = addresses.map((a) => new Promise((done) => {
    const f = document.createElement('iframe');
    f.width = 300; f.height = 60;
    f.onload = done;
    setTimeout(done, 6000);
    f.src = a;
    frames.push(f);
    document.body.appendChild(f);
  }));
  await Promise.all(loaded);
  for (const f of frames) {
    let d = null;
    try { d = f.contentDocument; } catch (e) { }
    if (!d) { continue; }
    let left = 40;
    for (const e of d.querySelectorAll('*')) {
      if (left-- === 0) { break; }
      try {
        for (const kind of ['mouseover', 'mouseenter', 'mousemove', 'mousedown', 'pointerover', 'pointerenter', 'wheel', 'keydown', 'input', 'change', 'toggle', 'animationstart', 'transitionend']) {
          e.dispatchEvent(new Event(kind, { bubbles: true }));
        }
        if (e.focus) { e.focus(); }
        e.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, view: f.contentWindow }));
      } catch (x) { }
    }
  }
  await new Promise((done) => setTimeout(done, 400));
  window.removeEventListener('message', heard);
  for (const f of frames) { f.remove(); }
  return ran;
};`
