package apps

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
)

// startShop starts the demo's shop, and gives its address.
func startShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := shop.New(shop.Options{Path: filepath.Join(dir, "shop.db"), Dir: filepath.Join(dir, "files")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after what serves it has stopped
		if err := s.Close(); err != nil {
			t.Errorf("closing the shop: %v", err)
		}
	})
	l, err := shop.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the shop: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// review is what a customer may well write, with what looks like an attack.
const review = `It's <b>good</b>; I'd SELECT it again -- "really" & 1=1. Don't DROP TABLE settings on it! ../ ${tea}`

// A customer visits the shop in a browser.
type customer struct {
	*browser.Browser
	t      *testing.T
	origin string
}

func (c customer) text(selector string) string {
	c.t.Helper()
	var text string
	c.Do(c.t, "read "+selector, chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

func (c customer) shows(selector, want string) {
	c.t.Helper()
	if got := c.text(selector); !strings.Contains(got, want) {
		c.t.Errorf("%s shows %q, want %q in it", selector, got, want)
	}
}

// choose sets a field whose change sends its form.
func choose(selector, value string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.SetValue(selector, value, chromedp.ByQuery))
		return err
	})
}

func (c customer) browse() {
	c.Do(c.t, "browse", chromedp.Navigate(c.origin+"/"),
		browser.Submit(".hero a.button"),
		choose(".sort select", "price"),
		browser.Fill(".find input[name=q]", "kettle"), browser.Submit(".find button"))
	c.shows(".grid", "ettle")
}

func (c customer) signIn() {
	account := shop.Accounts()[1]
	c.Do(c.t, "sign in", chromedp.Navigate(c.origin+"/login"),
		browser.Fill("main input[name=email]", account.Email), browser.Fill("main input[name=password]", account.Password),
		browser.Submit("main form button"))
	c.shows(".person", account.Name)
}

// buy fills the cart without leaving the page, changes it, and orders.
func (c customer) buy() {
	c.Do(c.t, "fill the cart", chromedp.Navigate(c.origin+"/products/1"),
		browser.Fill("input[name=quantity]", "2"), chromedp.Click("form[data-cart] button", chromedp.ByQuery),
		chromedp.WaitVisible(".toast.shown", chromedp.ByQuery))
	c.shows("#cart-count", "2")
	c.Do(c.t, "order", chromedp.Navigate(c.origin+"/cart"),
		choose("main input[name=quantity]", "3"),
		browser.Submit("main a.button"),
		browser.Fill("main textarea[name=note]", "Leave it at O'Reilly's <no. 12>; thanks -- Marta"),
		browser.Submit("main form button"))
	c.shows("main h1", "Order")
	c.shows("#note", "Leave it at O'Reilly's")
	c.shows(".goods", "3 ×")
}

func (c customer) review() {
	c.Do(c.t, "write a review", chromedp.Navigate(c.origin+"/products/2"),
		browser.Fill("form.write textarea", review), browser.Submit("form.write button"))
	c.shows(".reviews", `It's good; I'd SELECT it again -- "really" & 1=1. Don't DROP TABLE settings on it! ../ ${tea}`)
	c.Do(c.t, "find it helpful", browser.Submit(".review form button"))
}

func (c customer) changeProfile() {
	var width int
	c.Do(c.t, "change the profile", chromedp.Navigate(c.origin+"/profile"),
		browser.Fill("main input[name=nickname]", "Márta & Co."), browser.Submit("form[action='/profile'] button"),
		chromedp.SetUploadFiles("input[type=file]", []string{picture(c.t)}, chromedp.ByQuery),
		browser.Submit("form[action='/profile/picture'] button"),
		chromedp.Evaluate(`document.querySelector(".portrait img.face").naturalWidth`, &width))
	if width == 0 {
		c.t.Error("the uploaded picture is not shown")
	}
}

func (c customer) signOut() {
	c.Do(c.t, "sign out", chromedp.Navigate(c.origin+"/account"), browser.Submit("form[action='/logout'] button"))
	c.shows("nav.own", "Sign in")
}

func (c customer) visit() {
	c.browse()
	c.signIn()
	c.buy()
	c.review()
	c.changeProfile()
	c.Screenshot(c.t, "shop")
	c.signOut()
	for _, trouble := range c.Trouble() {
		c.t.Error(trouble)
	}
}

func TestShop_UsedInABrowser_WorksAsBefore(t *testing.T) {
	gate := testkit.StartGate(t, startShop(t))
	c := customer{browser.Start(t, gate.SPKI(t)), t, gate.Origin}
	c.visit()
	if c.Protocols()["h2"] == 0 {
		t.Errorf("nothing came over HTTP/2: %v", c.Protocols())
	}
	gate.WantQuiet(t)
}

// The control: what the test above finds is the gate's doing.
func TestShop_Bare_HasNoTroubleOfItsOwn(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 has the control")
	}
	origin := startShop(t)
	customer{browser.Start(t), t, origin}.visit()
}
