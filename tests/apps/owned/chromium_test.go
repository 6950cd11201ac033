package owned

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
)

// chromium is one that trusts the gate.
func chromium(t *testing.T, s *site) *browser.Browser {
	t.Helper()
	c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.roots, ServerName: "localhost", MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return browser.Start(t, base64.StdEncoding.EncodeToString(sum[:]))
}

// readInChromium is a person's evening with Miniflux's pages and their scripts.
func readInChromium(t *testing.T, b *browser.Browser, p *person) {
	t.Helper()
	origin := p.s.origin
	b.Do(t, "be somebody else", chromedp.ActionFunc(func(ctx context.Context) error { return network.ClearBrowserCookies().Do(ctx) }))
	b.Do(t, "sign in", chromedp.Navigate(origin+"/"),
		browser.Fill("#form-username", p.name), browser.Fill("#form-password", p.password), browser.Submit(".login-form button[type=submit]"))
	b.Do(t, "make a shelf", chromedp.Navigate(origin+"/category/create"),
		browser.Fill("#form-title", "Chromium's, "+p.mark+" "+p.vars["round"]), browser.Submit("main button[type=submit]"))
	b.Do(t, "subscribe", chromedp.Navigate(origin+"/subscribe"),
		browser.Fill("#form-url", p.vars["feed_url"]+"/chromium-"+p.vars["round"]), browser.Submit("main button[type=submit]"))
	for range articles {
		b.Do(t, "read what is new", chromedp.Navigate(origin+"/unread"), follow(".item .item-title a"),
			chromedp.Poll(`document.readyState === "complete"`, nil),
			chromedp.Evaluate(`document.querySelector(".entry [data-toggle-starred]").click()`, nil),
			chromedp.Poll(`document.querySelector(".entry [data-toggle-starred]").dataset.value === "star"`, nil, chromedp.WithPollingTimeout(patience)))
		b.Do(t, "look through the feeds", chromedp.Navigate(origin+"/feeds"), follow(".item .item-title a"))
		var text string
		b.Do(t, "look at the shelves", chromedp.Navigate(origin+"/categories"), follow(".item .item-title a"), chromedp.Text("main", &text, chromedp.ByQuery))
		for _, other := range names {
			if other != p.name && strings.Contains(text, "mark-of-"+other) {
				t.Errorf("%s sees %s's things", p.name, other)
			}
		}
	}
	for _, trouble := range b.Trouble() {
		// The pages ask for a transition, which a form's next page may break off.
		if !strings.Contains(trouble, "ViewTransition") {
			t.Errorf("%s: %s", p.name, trouble)
		}
	}
}

// follow opens what a link leads to, without the transition between pages, which
// takes headless Chromium seconds.
func follow(selector string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var to string
		if err := chromedp.Run(ctx, chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).href`, selector), &to)); err != nil {
			return err
		}
		return chromedp.Run(ctx, chromedp.Navigate(to))
	})
}
