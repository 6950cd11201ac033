package apps

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/wiki"
)

// wikiText is what a wiki about computers holds, and what looks like an attack
// to whoever looks for words.
const wikiText = `== Joins ==
<nowiki>It's "ordinary" text; <script>alert('x')</script> & {{braces}} too.</nowiki>
<pre>
SELECT u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id
WHERE u.name = 'O''Reilly' OR 1=1; -- a comment
UNION SELECT password FROM users; DROP TABLE students; /* */
if (a < b && c > d) { system("cat /etc/passwd"); } ../../etc/passwd ${jndi:ldap://x}
</pre>
`

// picture is a PNG file with a name that has a quotation mark in it.
func picture(t *testing.T) string {
	t.Helper()
	return pictureOf(t, "Lighthouse's view.png", 140)
}

// pictureOf is one of another shade: wikis warn of two that are the same.
func pictureOf(t *testing.T, name string, shade uint8) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), shade, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// useWiki is what an editor does in an afternoon.
func useWiki(t *testing.T, b *browser.Browser, origin string) {
	useWikiAbout(t, b, origin, "SQL joins", picture(t))
}

// useWikiAbout is useWiki with a page and a picture of its own.
func useWikiAbout(t *testing.T, b *browser.Browser, origin, about, file string) {
	title := strings.ReplaceAll(about, " ", "_")
	page := func(title string) string { return origin + "/index.php?title=" + title }
	var body, source string
	b.Do(t, "sign in",
		chromedp.Navigate(page("Special:UserLogin")),
		browser.Fill("#wpName1", "Editor"), browser.Fill("#wpPassword1", wiki.Password),
		browser.Submit("#wpLoginAttempt"),
		chromedp.WaitVisible("#pt-logout", chromedp.ByQuery))
	b.Do(t, "preview a page with code and SQL",
		chromedp.Navigate(page(title+"&action=edit")),
		browser.Fill("#wpTextbox1", wikiText), browser.Fill("#wpSummary", "It's <b>SQL</b> -- really"),
		browser.Submit("#wpPreview"),
		chromedp.WaitVisible("#wikiPreview", chromedp.ByQuery))
	b.Do(t, "save it",
		browser.Submit("#wpSave"),
		chromedp.Text("#mw-content-text", &body, chromedp.ByQuery))
	for _, want := range []string{"<script>alert('x')</script>", "UNION SELECT password FROM users; DROP TABLE students;", "../../etc/passwd"} {
		if !strings.Contains(body, want) {
			t.Errorf("the saved page does not show %q:\n%s", want, body)
		}
	}
	b.Do(t, "look at its source, and add to it",
		chromedp.Navigate(page(title+"&action=edit")),
		chromedp.Value("#wpTextbox1", &source, chromedp.ByQuery),
		browser.Fill("#wpTextbox1", wikiText+"\nDELETE FROM sessions WHERE 1=1; <!-- a note --> &lt;ok&gt;"),
		browser.Submit("#wpSave"))
	if strings.TrimSpace(source) != strings.TrimSpace(wikiText) {
		t.Errorf("the source is not what was written:\n%s", source)
	}
	var added, found string
	b.Do(t, "look at its history and the difference",
		chromedp.Navigate(page(title+"&action=history")),
		chromedp.WaitVisible("#pagehistory", chromedp.ByQuery),
		browser.Submit(".mw-history-compareselectedversions-button"),
		chromedp.Text("table.diff", &added, chromedp.ByQuery))
	if want := "DELETE FROM sessions WHERE 1=1; <!-- a note --> &lt;ok&gt;"; !strings.Contains(added, want) {
		t.Errorf("the difference shows %q, want %q in it", added, want)
	}
	b.Do(t, "search for it",
		chromedp.Navigate(page("Main_Page")),
		browser.Fill("#searchInput", `"UNION SELECT password" 'OR' students; --`),
		browser.Submit("#mw-searchButton, #searchButton"),
		chromedp.WaitVisible("#mw-content-text .searchresults", chromedp.ByQuery),
		chromedp.Navigate(page("Special:Search&fulltext=1&search=UNION+students")),
		chromedp.Text(".mw-search-results", &found, chromedp.ByQuery))
	if !strings.Contains(found, about) {
		t.Errorf("the search found %q, want the page", found)
	}
	b.Do(t, "upload a picture",
		chromedp.Navigate(page("Special:Upload")),
		chromedp.SetUploadFiles("#wpUploadFile", []string{file}, chromedp.ByQuery),
		browser.Fill("#wpUploadDescription", "A view; it's \"nice\" <3"),
		browser.Submit("input[name=wpUpload]"),
		chromedp.WaitVisible("#file img", chromedp.ByQuery))
	var sum string
	b.Do(t, "see the picture", chromedp.Evaluate(`fetch(document.querySelector('#file a').href).then((r) => r.arrayBuffer()).then((b) => crypto.subtle.digest("SHA-256", b)).then((d) => new Uint8Array(d).toHex())`, &sum, awaited))
	if want := hashOf(readFile(t, file)); sum != want {
		t.Errorf("the picture that is shown hashes to %s, the uploaded one to %s", sum, want)
	}
	b.Screenshot(t, "wiki")
	b.Do(t, "sign out",
		chromedp.Navigate(page("Special:UserLogout")),
		browser.Submit("#mw-content-text button"),
		chromedp.WaitVisible("#pt-login, #pt-login-2", chromedp.ByQuery))
}

// checkTrouble fails the test for all that went wrong in the browser, but for
// MediaWiki's warnings about its own modules.
func checkTrouble(t *testing.T, b *browser.Browser) {
	t.Helper()
	for _, trouble := range b.Trouble() {
		if !strings.Contains(trouble, "deprecated ResourceLoader module") {
			t.Error(trouble)
		}
	}
}

func TestMediaWiki_UsedInABrowser_WorksAsBefore(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 uses it behind the HTTP gate alone; behind both it is used in each run")
	}
	address := "127.0.0.1:" + testkit.FreePort(t)
	gate := testkit.StartGate(t, "http://"+address)
	wiki.Start(t, address, gate.Origin, nil)
	b := browser.Start(t, gate.SPKI(t))
	useWiki(t, b, gate.Origin)
	checkTrouble(t, b)
	if b.Protocols()["h2"] == 0 {
		t.Errorf("nothing came over HTTP/2: %v", b.Protocols())
	}
	gate.WantQuiet(t)
}

// The control: the same on the bare server, so that what the test above finds
// is the gate's doing.
func TestMediaWiki_Bare_HasNoTroubleOfItsOwn(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 has the control")
	}
	address := "127.0.0.1:" + testkit.FreePort(t)
	origin := "http://" + address
	wiki.Start(t, address, origin, nil)
	if res, err := http.Get(origin + "/index.php?title=Main_Page"); err != nil {
		t.Fatal(err)
	} else if res.Body.Close(); res.StatusCode != http.StatusOK {
		t.Fatalf("the main page answers %s", res.Status)
	}
	b := browser.Start(t)
	useWiki(t, b, origin)
	checkTrouble(t, b)
}
