package apps

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/wiki"
)

// A relay passes connections on from an address of loopback's that the test chooses,
// so that one browser is several clients.
type relay struct {
	listener net.Listener
	mu       sync.Mutex
	to, from string
	open     []net.Conn
	running  sync.WaitGroup
}

func startRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l}
	r.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.lead("", "")
		r.running.Wait()
	})
	return r
}

// lead has new connections lead elsewhere, and ends the old ones.
func (r *relay) lead(to, from string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to, r.from = to, from
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

func (r *relay) pass(c net.Conn) {
	r.mu.Lock()
	to, from := r.to, r.from
	r.mu.Unlock()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	out, err := d.Dial("tcp", to)
	if err != nil {
		_ = c.Close()
		return
	}
	r.mu.Lock()
	r.open = append(r.open, c, out)
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, c)
		_ = out.Close()
	}()
	_, _ = io.Copy(c, out)
	_ = c.Close()
	<-done
}

// lookAround is what readers do.
func lookAround(t *testing.T, b *browser.Browser, origin string) {
	for _, title := range []string{"Main_Page", "Joins", "Joins&action=history", "Joins&action=edit", "Special:UserLogin", "Special:RecentChanges", "Special:Search&search=UNION", "Special:Upload"} {
		b.Do(t, "look at "+title, chromedp.Navigate(origin+"/index.php?title="+title), chromedp.WaitReady("#mw-content-text, #content"))
	}
}

var suggested = regexp.MustCompile(`(?m)^ +csp: ".*"$`)

// TestMediaWiki_AllEnforced_AfterSuggestCSP pastes what was suggested after ordinary
// use, enforces every rung and rule, and uses it again.
func TestMediaWiki_AllEnforced_AfterSuggestCSP_WorksAsBefore(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 uses the wiki again with everything enforced")
	}
	address := "127.0.0.1:" + testkit.FreePort(t)
	through := startRelay(t)
	origin := "https://localhost" + through.listener.Addr().String()[len("127.0.0.1"):]
	wiki.Start(t, address, origin, nil)

	first := testkit.StartGate(t, "http://"+address)
	file := picture(t)
	for i, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4"} {
		through.lead(first.Address, from)
		b := browser.Start(t, first.SPKI(t))
		b.Do(t, "sign in", chromedp.Navigate(origin+"/index.php?title=Special:UserLogin"),
			browser.Fill("#wpName1", "Editor"), browser.Fill("#wpPassword1", wiki.Password), browser.Submit("#wpLoginAttempt"))
		if i == 0 {
			b.Do(t, "write a page", chromedp.Navigate(origin+"/index.php?title=Joins&action=edit"),
				browser.Fill("#wpTextbox1", "joins"), browser.Submit("#wpSave"))
		}
		lookAround(t, b, origin)
		b.Do(t, "choose a picture, and wait for the last reports",
			chromedp.SetUploadFiles("#wpUploadFile", []string{file}, chromedp.ByQuery), chromedp.Sleep(1500*time.Millisecond))
	}
	said := testkit.Run(t, testkit.Command(t, "suggest", "csp", "--state", first.State))
	line := suggested.FindString(said)
	if line == "" {
		t.Fatalf("nothing is suggested:\n%s", said)
	}
	t.Log(said)
	first.Stop(t)

	config := "application:\n  headers:\n    " + strings.TrimSpace(line) + "\nmodes:\n"
	for _, name := range gateway.RungNames() {
		config += "  " + name + ": enforce\n"
	}
	settings := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(settings, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	second := testkit.StartGate(t, "http://"+address, "--config", settings)
	through.lead(second.Address, "127.0.0.1")
	b := browser.Start(t, second.SPKI(t))
	useWiki(t, b, origin)
	checkTrouble(t, b)
	second.WantQuiet(t)
}
