package apps

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
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
func wikiServer(t *testing.T) *postgres.Server {
	t.Helper()
	server := postgres.Start(t)
	c, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	for _, sql := range []string{"CREATE ROLE wiki LOGIN", "CREATE DATABASE wiki OWNER wiki"} {
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
		browser.Fill("#wpName1", "Editor"), browser.Fill("#wpPassword1", wikiPassword),
		browser.Submit("#wpLoginAttempt"), chromedp.WaitVisible("#pt-logout", chromedp.ByQuery))
}

// The control: the wiki on the bare server and the bare database.
func TestMediaWikiOnPostgreSQL_Bare_HasNoTroubleOfItsOwn(t *testing.T) {
	address := "127.0.0.1:" + testkit.FreePort(t)
	origin := "http://" + address
	server := wikiServer(t)
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	wiki := account{"wiki", "unused"}
	mediawikiOn(t, address, origin, &wikiDatabase{host, port, "wiki", wiki, wiki})
	b := browser.Start(t)
	useWiki(t, b, origin)
	signIn(t, b, origin)
	writeSQL(t, b, origin, "Pure_SQL")
	checkTrouble(t, b)
}
