package apps

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/gateway"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
	"github.com/gatehousehq/gatehouse/internal/testkit/wiki"
	"github.com/gatehousehq/gatehouse/taint"
)

// sqlText is a page that is SQL from its first to its last line: quotes of all
// kinds, comments, further queries and statements, and what attacks are made of.
const sqlText = `<pre>
' OR '1'='1' -- 
'; DROP TABLE page; --
'); DELETE FROM user WHERE ('1'='1
" OR ""="" /* a comment that is not closed
1 UNION ALL SELECT user_name, user_password FROM mediawiki.mwuser --
x' UNION SELECT NULL, version(), current_user, NULL FROM pg_catalog.pg_shadow/*
SELECT 'O''Reilly', E'it\'s', U&'\0027', $$dollars$$, $tag$ ' $tag$ FROM "Quoted ""Names""";
INSERT INTO users VALUES ('x','admin'),('y','admin'); COMMIT; BEGIN;
COPY users TO PROGRAM 'curl http://localhost/ -d @-'; SELECT pg_sleep(10), lo_import('/etc/passwd');
SELECT query_to_xml('select * from users', true, true, ''); EXECUTE IMMEDIATE 'drop table t';
/*! nested /* comments */ are */ fine; \'; \\'; %' OR name LIKE '%
</pre>
;--`

// wikiServer makes a server with a database for the wiki and a role that owns it.
// The installer looks whether there is a role of the name that it signs in by, and
// makes one otherwise: so the gate's account has the role's name.
func wikiServer(t *testing.T) *postgres.Server {
	t.Helper()
	server := postgres.Start(t)
	c, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	for _, sql := range []string{"CREATE ROLE migrate LOGIN", "CREATE DATABASE wiki OWNER migrate"} {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return server
}

// writeSQL saves a page that is SQL, and reads it back.
func writeSQL(t *testing.T, b *browser.Browser, origin, title string) {
	edit := origin + "/index.php?title=" + title + "&action=edit"
	var source, shown string
	b.Do(t, "write a page of SQL", chromedp.Navigate(edit),
		browser.Fill("#wpTextbox1", sqlText), browser.Fill("#wpSummary", `'; DROP TABLE "page" CASCADE; -- it's "only" a summary`),
		browser.Submit("#wpPreview"), chromedp.WaitVisible("#wikiPreview", chromedp.ByQuery),
		browser.Submit("#wpSave"), chromedp.Text("#mw-content-text pre", &shown, chromedp.ByQuery))
	b.Do(t, "read it back", chromedp.Navigate(edit), chromedp.Value("#wpTextbox1", &source, chromedp.ByQuery))
	if strings.TrimSpace(source) != sqlText {
		t.Errorf("the page is not what was written:\n%q\nwant\n%q", source, sqlText)
	}
	if want := `COPY users TO PROGRAM 'curl http://localhost/ -d @-'; SELECT pg_sleep(10)`; !strings.Contains(shown, want) {
		t.Errorf("the page shows\n%s\nwant %s in it", shown, want)
	}
}

// signIn signs the wiki's editor in, and signOut out.
func signIn(t *testing.T, b *browser.Browser, origin string) {
	b.Do(t, "sign in", chromedp.Navigate(origin+"/index.php?title=Special:UserLogin"),
		browser.Fill("#wpName1", "Editor"), browser.Fill("#wpPassword1", wiki.Password),
		browser.Submit("#wpLoginAttempt"), chromedp.WaitVisible("#pt-logout", chromedp.ByQuery))
}

// wantNothing fails the test for each event of a refusal, or of what would have
// been one, with what `explain` says of it. but are rules that may observe.
func wantNothing(t *testing.T, gate *testkit.Gate, since time.Time, but ...string) {
	t.Helper()
	for _, e := range gate.Events(t) {
		passed := e.Outcome == "" && e.Level == gatehouse.Info || e.Name == "gate_concatenation" || e.Name == "gate_bypass"
		if e.Time.Before(since) || passed || e.Outcome == gatehouse.Observed && slices.Contains(but, e.Rule) {
			continue
		}
		t.Errorf("the gate recorded %s (%s): %s\n%s", e.Name, e.Outcome, e.Words, gate.Explain(t, e.ID))
	}
}

// A gatedWiki is a wiki on PostgreSQL behind both gates, reached by a relay so
// that the browser is several clients.
type gatedWiki struct {
	address, origin, state string
	through                *relay
	sql                    *testkit.SQLGate
	gate                   *testkit.Gate
}

// start starts a gate on the wiki's state with more settings, in place of the
// one before.
func (w *gatedWiki) start(t *testing.T, more ...string) {
	t.Helper()
	if w.gate != nil {
		w.gate.Stop(t)
	}
	settings := testkit.Settings(t, append(more, w.sql.Section())...)
	w.gate = testkit.StartGateOn(t, w.state, "http://"+w.address, "--config", settings)
	testkit.WaitAccepting(t, w.sql.Listen, 10*time.Second)
}

// newGatedWiki installs a wiki through the SQL gate by the account migrate; the
// wiki itself uses the account app.
func newGatedWiki(t *testing.T) *gatedWiki {
	t.Helper()
	wiki.Need(t)
	server := wikiServer(t)
	upstream, err := url.Parse(server.DSN("wiki"))
	if err != nil {
		t.Fatal(err)
	}
	upstream.User = url.User("migrate")
	w := &gatedWiki{address: "127.0.0.1:" + testkit.FreePort(t), through: startRelay(t), state: filepath.Join(t.TempDir(), "state"), sql: testkit.NewSQLGate(t, upstream.String())}
	_, port, err := net.SplitHostPort(w.through.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.origin = "https://localhost:" + port
	w.start(t)
	t.Cleanup(func() { // an installer that fails says less than the gate
		if t.Failed() {
			wantNothing(t, w.gate, time.Time{}, taint.RuleUnknown)
		}
	})
	wiki.Start(t, w.address, w.origin, &wiki.Database{
		Host: w.sql.Host(), Port: w.sql.Port(), Name: w.sql.Database(),
		Installer: wiki.Account{User: "migrate", Password: w.sql.Password("migrate")}, Wiki: wiki.Account{User: "app", Password: w.sql.Password("app")},
	})
	return w
}

// browse gives a browser at an address of its own.
func (w *gatedWiki) browse(t *testing.T, from string) *browser.Browser {
	t.Helper()
	w.through.lead(w.gate.Address, from)
	b := browser.Start(t, w.gate.SPKI(t))
	warm(t, b, w.origin)
	return b
}

// warm has the wiki make its pages' scripts and styles, which takes it long the
// first time.
func warm(t *testing.T, b *browser.Browser, origin string) {
	b.Do(t, "open the front page", chromedp.Navigate(origin+"/index.php?title=Main_Page"))
	b.Do(t, "open the form to sign in", chromedp.Navigate(origin+"/index.php?title=Special:UserLogin"))
}

// TestMediaWikiOnPostgreSQL_ThroughBothGates_WorksAsShipped installs and uses the
// wiki with every rung in the mode that it is shipped in.
func TestMediaWikiOnPostgreSQL_ThroughBothGates_WorksAsShipped(t *testing.T) {
	w := newGatedWiki(t)
	b := w.browse(t, "127.0.0.2")
	signIn(t, b, w.origin)
	writeSQL(t, b, w.origin, "Pure_SQL")
	checkTrouble(t, b)
	if b.Protocols()["h2"] == 0 {
		t.Errorf("nothing came over HTTP/2: %v", b.Protocols())
	}
	wantNothing(t, w.gate, time.Time{}, taint.RuleUnknown)
}

// learners are who uses the wiki before everything is enforced. A shape is known
// once three clients have produced it; a request that a browser gave up may be at
// work for a minute, and what follows it may be that client's, so four are not
// always enough.
var learners = [...]string{"Outer joins", "Inner joins", "Cross joins", "Self joins"}

// TestMediaWikiOnPostgreSQL_AllEnforced_AfterLearning has people use the wiki,
// pastes the policy that is then suggested, enforces every rung and rule, and has
// another use it; and again with data/guard strict, if all shapes are known by then.
func TestMediaWikiOnPostgreSQL_AllEnforced_AfterLearning_WorksAsBefore(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 has several people use the wiki, and then everything enforced")
	}
	w := newGatedWiki(t)
	file := picture(t)
	for i, name := range learners {
		b := w.browse(t, fmt.Sprintf("127.0.0.%d", 2+i))
		useWikiAbout(t, b, w.origin, name, pictureOf(t, name+"' view.png", uint8(10*i)))
		signIn(t, b, w.origin)
		writeSQL(t, b, w.origin, fmt.Sprintf("Pure_SQL_%d", i))
		lookAround(t, b, w.origin)
		b.Do(t, "choose a picture, and wait for the last reports",
			chromedp.SetUploadFiles("#wpUploadFile", []string{file}, chromedp.ByQuery), chromedp.Sleep(1500*time.Millisecond))
	}
	wantNothing(t, w.gate, time.Time{}, taint.RuleUnknown)
	said := testkit.Run(t, testkit.Command(t, "suggest", "csp", "--state", w.state))
	line := suggested.FindString(said)
	if line == "" {
		t.Fatalf("nothing is suggested:\n%s", said)
	}
	if unknown := w.enforced(t, line, "enforce"); unknown > 0 {
		t.Logf("strict is not tried: it would have refused %d shapes that are not known yet", unknown)
		return
	}
	w.enforced(t, line, "strict")
}

// enforced has the wiki used with everything enforced, and says how many shapes
// of statements were not known.
func (w *gatedWiki) enforced(t *testing.T, csp, guard string) (unknown int) {
	t.Helper()
	since := time.Now()
	config := "application:\n  headers:\n    " + strings.TrimSpace(csp) + "\nmodes:\n"
	for _, name := range gateway.RungNames() {
		mode := "enforce"
		if name == "data/guard" {
			mode = guard
		}
		config += "  " + name + ": " + mode + "\n"
	}
	w.start(t, config)
	b := w.browse(t, "127.0.0.9")
	useWikiAbout(t, b, w.origin, "Joins "+guard, pictureOf(t, guard+"'s view.png", uint8(100+len(guard))))
	signIn(t, b, w.origin)
	writeSQL(t, b, w.origin, "Pure_SQL_"+guard)
	checkTrouble(t, b)
	wantNothing(t, w.gate, since, taint.RuleUnknown)
	for _, e := range w.gate.Events(t) {
		if !e.Time.Before(since) && e.Rule == taint.RuleUnknown {
			unknown++
		}
	}
	return unknown
}

// The control: the wiki on the bare server and the bare database.
func TestMediaWikiOnPostgreSQL_Bare_HasNoTroubleOfItsOwn(t *testing.T) {
	if os.Getenv("GATEHOUSE_LONG") == "" {
		t.Skip("GATEHOUSE_LONG=1 has the control")
	}
	address := "127.0.0.1:" + testkit.FreePort(t)
	origin := "http://" + address
	server := wikiServer(t)
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	owner := wiki.Account{User: "migrate", Password: "unused"}
	wiki.Start(t, address, origin, &wiki.Database{Host: host, Port: port, Name: "wiki", Installer: owner, Wiki: owner})
	b := browser.Start(t)
	warm(t, b, origin)
	useWiki(t, b, origin)
	signIn(t, b, origin)
	writeSQL(t, b, origin, "Pure_SQL")
	checkTrouble(t, b)
}
