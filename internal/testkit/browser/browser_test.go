package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// brokenPage has one of each thing that a test must hear of.
const brokenPage = `<!doctype html><title>Broken</title><link rel="icon" href="data:,"><body><img src="/missing.png">
<script>
console.error("said as an error");
console.warn("said as a warning");
setTimeout(() => { throw new Error("thrown") });
fetch("/cut").catch(() => {}).then(() => { document.title = "done" });
</script>`

func TestTrouble_TellsWhatWentWrong(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, brokenPage)
		case "/cut":
			panic(http.ErrAbortHandler)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	b := Start(t)
	b.Do(t, "open the page", chromedp.Navigate(s.URL+"/"), chromedp.Poll(`document.title === "done"`, nil), chromedp.Sleep(100*time.Millisecond))
	trouble := strings.Join(b.Trouble(), "\n")
	for _, want := range []string{
		"answered 404: GET " + s.URL + "/missing.png", "console.error: \"said as an error\"", "console.warning: \"said as a warning\"",
		"Error: thrown", "request failed (net::ERR_EMPTY_RESPONSE): GET " + s.URL + "/cut",
	} {
		if !strings.Contains(trouble, want) {
			t.Errorf("nothing is told of %q in\n%s", want, trouble)
		}
	}
}

func TestStart_CertificateThatIsNotTrusted_IsRefused(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	b := Start(t, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err := chromedp.Run(b.ctx, chromedp.Navigate(s.URL)); err == nil || !strings.Contains(err.Error(), "ERR_CERT") {
		t.Errorf("the page of an unknown authority gives %v, want a refusal", err)
	}
}
