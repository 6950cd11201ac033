package owned

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/browser"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// Miniflux reads feeds for its people. It has pages, and a JSON interface that
// names who a thing is of in user_id; people are numbers there, and names where
// they sign in. It stands behind both gates.

const (
	admin         = "root"
	adminPassword = "the password of root"
)

// startMiniflux serves it behind a gate, with an account for each of the people.
func startMiniflux(t *testing.T) (*site, []*person, *postgres.Server) {
	t.Helper()
	program := testkit.Built(t, "miniflux")
	server := postgres.Start(t)
	execute(t, server, "postgres", "CREATE DATABASE reader")
	sql := testkit.NewSQLGate(t, server.DSN("reader"))
	port, inner := testkit.FreePort(t), testkit.FreePort(t)
	s := startSite(t, port, "http://127.0.0.1:"+inner, sql.Section())
	testkit.WaitAccepting(t, sql.Listen, patience)
	run := func(account string, arguments ...string) *exec.Cmd {
		cmd := exec.Command(program, arguments...)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+sql.DSN(account), "LISTEN_ADDR=127.0.0.1:"+inner, "BASE_URL="+s.origin,
			"ADMIN_USERNAME="+admin, "ADMIN_PASSWORD="+adminPassword, "DISABLE_SCHEDULER_SERVICE=1", "FETCHER_ALLOW_PRIVATE_NETWORKS=1", "POLLING_FREQUENCY=1440",
			"DATABASE_MIN_CONNS=4", "WORKER_POOL_SIZE=1")
		return cmd
	}
	testkit.Run(t, run("migrate", "-migrate"))
	first := run("migrate")
	first.Env = append(first.Env, "CREATE_ADMIN=1")
	made := testkit.Start(t, first)
	testkit.WaitAccepting(t, "127.0.0.1:"+inner, patience)
	made.Stop(t)
	testkit.Start(t, run("app"))
	testkit.WaitAccepting(t, "127.0.0.1:"+inner, patience)
	root := &person{name: admin, password: adminPassword, s: s}
	root.begin()
	all := people(s, "")
	feeds := startFeeds(t)
	for _, p := range all {
		p.vars["feed_url"] = feeds.URL + "/" + p.name
		root.does(t, []step{{do: "POST /v1/users", api: true, json: fmt.Sprintf(`{"username": %q, "password": %q}`, p.name, p.password), want: http.StatusCreated}})
	}
	// A password is looked at with each request of the JSON interface: cheaper here.
	execute(t, server, "reader", "CREATE EXTENSION pgcrypto")
	execute(t, server, "reader", "UPDATE users SET password = crypt('the password of ' || username, gen_salt('bf', 4))")
	return s, all, server
}

func execute(t *testing.T, server *postgres.Server, database, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), server.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// articles is how many each feed has.
const articles = 5

// startFeeds serves a feed for each person, in whose texts the person's mark is.
func startFeeds(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(r.URL.Path, "/")
		if r.URL.Path == "/" || strings.Contains(name, ".") {
			http.NotFound(w, r)
			return
		}
		who, _, _ := strings.Cut(name, "/")
		w.Header().Set("Content-Type", "application/rss+xml")
		fmt.Fprintf(w, `<?xml version="1.0"?><rss version="2.0"><channel><title>News of mark-of-%s</title><link>http://%s/</link><description>x</description>`, name, r.Host)
		for i := range articles {
			fmt.Fprintf(w, `<item><title>Article %d mark-of-%s</title><link>http://%s/%s/article/%d</link><guid>%s-%d</guid><description>Text %d of mark-of-%s</description>`+
				`<enclosure url="http://%s/%s.pdf" length="7" type="application/pdf"/><pubDate>%s</pubDate></item>`,
				i, who, r.Host, name, i, name, i, i, who, r.Host, name, time.Now().Add(-time.Hour*time.Duration(1+i)).Format(time.RFC1123Z))
		}
		fmt.Fprint(w, `</channel></rss>`)
	}))
	t.Cleanup(s.Close)
	return s
}

// phone is a reader on a telephone: it signs in by HTTP Basic each time.
func phone() []step {
	all := []step{
		{do: "GET /v1/me"},
		{do: "POST /v1/categories", json: `{"title": "Own {mark}"}`, want: http.StatusCreated, take: map[string]string{"category": `"id":(\d+)`}},
		{do: "GET /v1/categories"},
		{do: "POST /v1/feeds", json: `{"feed_url": "{feed_url}/{round}", "category_id": {category}}`, want: http.StatusCreated, take: map[string]string{"feed": `"feed_id":(\d+)`}},
		{do: "GET /v1/feeds"},
		{do: "GET /v1/entries?limit=20&order=id&direction=desc", take: map[string]string{"entry": `"id":(\d+),"user_id":\d+,"feed_id"`, "enclosure": `"id":(\d+),"user_id":\d+,"entry_id"`}},
		{do: "GET /v1/feeds/counters"},
	}
	for i := range articles {
		all = append(all,
			step{do: fmt.Sprintf("GET /v1/entries/{entry%d}", i)},
			step{do: fmt.Sprintf("GET /v1/feeds/{feed}/entries/{entry%d}", i)},
			step{do: "GET /v1/feeds/{feed}"},
			step{do: "GET /v1/feeds/{feed}/entries?limit=20&order=id&direction=desc"},
			step{do: "GET /v1/categories/{category}/entries?limit=20&order=id&direction=desc"},
			step{do: "GET /v1/categories/{category}/feeds"},
			step{do: fmt.Sprintf("GET /v1/enclosures/{enclosure%d}", i)},
			step{do: fmt.Sprintf("PUT /v1/enclosures/{enclosure%d}", i), json: `{"media_progression": 7}`, want: http.StatusNoContent},
			step{do: fmt.Sprintf("PUT /v1/entries/{entry%d}/bookmark", i), want: http.StatusNoContent},
			step{do: "PUT /v1/entries", json: fmt.Sprintf(`{"entry_ids": [{entry%d}], "status": "read"}`, i), want: http.StatusNoContent},
			step{do: fmt.Sprintf("PUT /v1/entries/{entry%d}", i), json: `{"title": "Renamed {mark}"}`, want: http.StatusCreated},
			step{do: "PUT /v1/feeds/{feed}", json: `{"title": "Feed {mark}"}`, want: http.StatusCreated},
			step{do: "PUT /v1/categories/{category}", json: `{"title": "Category {round} {mark}"}`, want: http.StatusCreated},
			step{do: "GET /v1/me"}, step{do: "GET /v1/feeds"}, step{do: "GET /v1/categories"}, step{do: "GET /v1/entries?limit=20&order=id&direction=desc"},
		)
	}
	for i := range all {
		all[i].api = true
	}
	return all
}

// browsed is a reader at the pages, as a browser without scripts.
func browsed() []step {
	all := []step{
		{do: "GET /", take: map[string]string{"csrf": `name="csrf" value="([^"]+)"`}},
		{do: "POST /login", form: "csrf={csrf}&username={name}&password={password}", want: http.StatusFound},
		{do: "GET /unread", take: map[string]string{"csrf": `data-csrf-token="([^"]+)"`}},
		{do: "GET /subscribe"},
		{do: "POST /category/save", form: "csrf={csrf}&title=Pages+{mark}+{round}", want: http.StatusFound},
		{do: "GET /categories", take: map[string]string{"shelf": `/category/(\d+)/entries"`}},
		{do: "GET /subscribe"},
		{do: "POST /subscribe", form: "csrf={csrf}&url={feed_url}/pages-{round}&category_id={shelf0}", want: http.StatusFound, take: map[string]string{"page": `/feed/(\d+)/entries`}},
		{do: "GET /feed/{page}/entries", take: map[string]string{"article": `/feed/\d+/entry/(\d+)"`}},
		{do: "GET /feeds"},
	}
	for i := range articles {
		all = append(all,
			step{do: "GET /unread"}, step{do: "GET /feeds"}, step{do: "GET /categories"},
			step{do: "GET /feed/{page}/entries/all", take: map[string]string{"article": `/feed/\d+/entry/(\d+)"`}},
			step{do: fmt.Sprintf("GET /feed/{page}/entry/{article%d}", i)},
			step{do: fmt.Sprintf("POST /entry/star/{article%d}", i), header: "X-Csrf-Token: {csrf}", text: " ", kind: "application/json"},
			step{do: "POST /entry/status", header: "X-Csrf-Token: {csrf}", json: fmt.Sprintf(`{"entry_ids": [{article%d}], "status": "read"}`, i)},
			step{do: "GET /starred", take: map[string]string{"starred": `/starred/entry/(\d+)"`}},
			step{do: "GET /starred/entry/{starred}"},
			step{do: "GET /category/{shelf}/entries"}, step{do: "GET /category/{shelf}/edit"}, step{do: "GET /category/{shelf}/feeds"},
			step{do: "POST /category/{shelf}/update", form: "csrf={csrf}&title=Shelf+{mark}+{round}", want: http.StatusFound},
			step{do: "GET /feed/{page}/edit"},
			step{do: "POST /feed/{page}/mark-all-as-read", form: "csrf={csrf}", want: http.StatusFound},
		)
	}
	return append(all, step{do: "GET /settings"}, step{do: "GET /sessions"}, step{do: "GET /history"})
}

func TestMiniflux_ByLearnedRulesAlone_EachHasTheirOwn(t *testing.T) {
	s, all, server := startMiniflux(t)
	var b *browser.Browser
	if longRun() {
		b = chromium(t, s)
	}
	use := func(t *testing.T, p *person) {
		p.does(t, phone())
		p.does(t, browsed())
		if b != nil {
			readInChromium(t, b, p)
		}
	}
	attacks := []step{
		{do: "DELETE /v1/feeds/{their_feed}", api: true},
		{do: "DELETE /v1/categories/{their_category}", api: true},
		{do: "GET /v1/feeds/{their_feed}/icon", api: true},
		{do: "PUT /v1/feeds/{feed}", api: true, json: `{"category_id": {their_category}}`},
		{do: "POST /feed/{their_page}/remove", form: "csrf={csrf}"},
		{do: "POST /category/{their_shelf}/remove", form: "csrf={csrf}"},
	}
	trial{site: s, people: all, use: use, attacks: attacks, kept: func() string { return minifluxHas(t, server) }}.run(t)
}

// minifluxHas is what people have there.
func minifluxHas(t *testing.T, server *postgres.Server) (text string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), server.DSN("reader"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }() // the server goes with the test
	for _, table := range [...]string{"categories", "feeds", "entries", "enclosures", "api_keys"} {
		var rows string
		if err := c.QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, E'\n' ORDER BY id), '') FROM "+table+" x").Scan(&rows); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		text += table + ":\n" + rows + "\n"
	}
	return text
}
