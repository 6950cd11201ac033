// Package browser is headless Chromium for tests. It trusts the certificate that
// it is told to, resolves no name but localhost, keeps its profile in a folder
// that is thrown away, and remembers all that went wrong in a page: errors on
// the console, exceptions, requests that failed.
//
// It does not look into workers and frames of other origins, and does not count
// requests that the page gave up by itself, such as by leaving.
package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A Browser is one Chromium with one tab.
type Browser struct {
	ctx context.Context

	mu        sync.Mutex
	trouble   []string
	requests  map[network.RequestID]string
	protocols map[string]int
}

// Start starts Chromium; it ends with the test. Certificates with one of the
// public keys (base64 SHA-256 of the SPKI) are trusted.
func Start(t testing.TB, trusted ...string) *Browser {
	t.Helper()
	program := testkit.Need(t, "chromium", "chromium-browser", "google-chrome")
	options := append(flags(), chromedp.ExecPath(program))
	if len(trusted) > 0 {
		options = append(options, chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(trusted, ",")))
	}
	b := &Browser{requests: map[network.RequestID]string{}, protocols: map[string]int{}}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	b.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			b.Screenshot(t, "failed")
		}
		limit, done := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(limit) // stop ends what did not end in time
		done()
		cancel()
		stop()
	})
	chromedp.ListenTarget(ctx, b.listen)
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), runtime.Enable(), page.Enable()); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return b
}

// flags keep Chromium to the test: nothing in the background, no other host.
func flags() []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.DisableGPU,
		chromedp.WSURLReadTimeout(actionTimeout),
		chromedp.NoSandbox, // tests run as root in containers; the pages are the tests' own
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("short-reporting-delay", true), // reports come at once, not after a minute
		chromedp.Flag("disable-features", "Translate,MediaRouter,OptimizationHints"),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("use-mock-keychain", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	}
}

func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests[e.RequestID] = e.Request.Method + " " + e.Request.URL
	case *network.EventResponseReceived:
		b.protocols[e.Response.Protocol]++
		if e.Response.Status >= 400 {
			b.note("answered %d: %s", e.Response.Status, b.requests[e.RequestID])
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			b.note("request failed (%s): %s", e.ErrorText, b.requests[e.RequestID])
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			b.note("browser's log, %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.note("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning || e.Type == runtime.APITypeAssert {
			b.note("console.%s: %s", e.Type, describe(e.Args))
		}
	}
}

func (b *Browser) note(format string, args ...any) {
	b.trouble = append(b.trouble, fmt.Sprintf(format, args...))
}

func describe(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		if a.Description != "" {
			words = append(words, a.Description)
		} else {
			words = append(words, string(a.Value))
		}
	}
	return strings.Join(words, " ")
}

// Trouble is all that went wrong so far.
func (b *Browser) Trouble() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.trouble...)
}

// Protocols counts the answers by the protocol that they came over, such as h2.
func (b *Browser) Protocols() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := make(map[string]int, len(b.protocols))
	for name, n := range b.protocols {
		counts[name] = n
	}
	return counts
}

// actionTimeout bounds what a page may take for one step, with both cores busy.
const actionTimeout = 60 * time.Second

// Do does the steps of something that a person does, within actionTimeout.
func (b *Browser) Do(t testing.TB, what string, steps ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, actionTimeout)
	defer cancel()
	for i, step := range steps {
		if err := chromedp.Run(ctx, step); err != nil {
			t.Fatalf("%s: step %d: %v\nthe page: %s\ntrouble so far:\n%s", what, i+1, err, b.where(), strings.Join(b.Trouble(), "\n"))
		}
	}
}

// where says what the tab shows.
func (b *Browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	var url, text string
	if err := chromedp.Run(ctx, chromedp.Location(&url), chromedp.Evaluate(`document.body.innerText.slice(0, 600)`, &text)); err != nil {
		return fmt.Sprintf("%s (%v)", url, err)
	}
	return url + "\n" + text
}

// pressTimeout bounds the wait for the page that a press should bring, before
// Submit asks whether the press reached its element at all.
const pressTimeout = 25 * time.Second

// Submit presses what sends a form or follows a link, and waits for the next
// page to have loaded. A press that never reached its element, because the
// page moved under the pointer while both cores were busy, is made again, as a
// person would.
func Submit(selector string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			err := press(ctx, selector)
			if err == nil || ctx.Err() != nil {
				return err
			}
			var lost bool
			if chromedp.Run(ctx, chromedp.Evaluate(`window.gatehousePressed === false`, &lost)) != nil || !lost {
				return err
			}
		}
	})
}

// press is one try of Submit.
func press(ctx context.Context, selector string) error {
	ctx, cancel := context.WithTimeout(ctx, pressTimeout)
	defer cancel()
	watch := fmt.Sprintf(`{
		window.gatehousePressed = false;
		document.querySelector(%q).addEventListener("click", () => { window.gatehousePressed = true; }, {capture: true, once: true});
	}`, selector)
	// What loads late moves what is under the pointer.
	err := chromedp.Run(ctx, chromedp.Poll(`document.readyState === "complete"`, nil),
		chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Evaluate(watch, nil))
	if err != nil {
		return err
	}
	_, err = chromedp.RunResponse(ctx, chromedp.Click(selector, chromedp.ByQuery))
	return err
}

// Fill puts text into a field at once, as pasting does.
func Fill(selector, text string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.WaitVisible(selector, chromedp.ByQuery),
		chromedp.QueryAfter(selector, func(ctx context.Context, _ runtime.ExecutionContextID, nodes ...*cdp.Node) error {
			if len(nodes) == 0 {
				return fmt.Errorf("%s: no such field", selector)
			}
			return chromedp.Run(ctx, chromedp.Focus([]cdp.NodeID{nodes[0].NodeID}, chromedp.ByNodeID),
				chromedp.Evaluate(`document.activeElement.select?.()`, nil), input.InsertText(text))
		}, chromedp.ByQuery),
	}
}

// Screenshot keeps a picture of the page where `go test -artifacts` looks for it.
// Without that flag it would be thrown away with the test, so none is taken.
func (b *Browser) Screenshot(t testing.TB, name string) {
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	var picture []byte
	if err := chromedp.Run(ctx, chromedp.FullScreenshot(&picture, 100)); err != nil {
		t.Logf("no screenshot of %s: %v", name, err)
		return
	}
	file := filepath.Join(t.ArtifactDir(), name+".png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Logf("no screenshot of %s: %v", name, err)
		return
	}
	t.Logf("screenshot: %s", file)
}
