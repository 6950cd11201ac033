package owned

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// PocketBase is a backend for pages of others' making: collections of records as
// JSON, and rules by which it says who may have them. With the rule that its pages
// are often shipped with, "whoever is signed in", everybody may read and change
// everything; the pages ask for their own by a filter.

// startPocketBase serves it behind a gate, with a collection of notes.
func startPocketBase(t *testing.T) (s *site, all []*person, at func(method, path string, body any) map[string]any) {
	t.Helper()
	program := testkit.Built(t, "pocketbase")
	dir := t.TempDir()
	port, inner := testkit.FreePort(t), testkit.FreePort(t)
	origin := "http://127.0.0.1:" + inner
	s = startSite(t, port, origin, "")
	all = people(s, "@example.org")
	const owner = "root@example.org"
	testkit.Run(t, exec.Command(program, "superuser", "upsert", owner, adminPassword, "--dir", dir))
	testkit.Start(t, exec.Command(program, "serve", "--http", "127.0.0.1:"+inner, "--dir", dir))
	testkit.WaitAccepting(t, "127.0.0.1:"+inner, patience)
	token := ""
	at = func(method, path string, body any) map[string]any { return direct(t, method, origin+path, token, body) }
	token, _ = at("POST", "/api/collections/_superusers/auth-with-password", map[string]any{"identity": owner, "password": adminPassword})["token"].(string)
	const anybody = "@request.auth.id != ''"
	at("POST", "/api/collections", map[string]any{
		"name": "notes", "type": "base", "listRule": anybody, "viewRule": anybody, "createRule": anybody, "updateRule": anybody, "deleteRule": anybody,
		"fields": []any{
			map[string]any{"name": "title", "type": "text"},
			map[string]any{"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 1, "required": true},
		},
	})
	for _, p := range all {
		at("POST", "/api/collections/users/records", map[string]any{"email": p.name, "password": p.password, "passwordConfirm": p.password, "verified": true})
	}
	return s, all, at
}

// direct asks the program itself, as who runs it.
func direct(t *testing.T, method, address, token string, body any) (answer map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(method, address, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", token)
	tr := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: tr, Timeout: patience}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 || json.Unmarshal(said, &answer) != nil {
		t.Fatalf("%s %s: %s: %v %s", method, address, res.Status, err, said)
	}
	return answer
}

const notes = "/api/collections/notes/records"

// page is an afternoon with a page that keeps notes.
func page() (all []step) {
	own := "GET " + notes + "?sort=-id&filter=" + url.QueryEscape("owner='") + "{me}" + url.QueryEscape("'")
	for i := range 7 {
		one := fmt.Sprintf("%s/{note%d}", notes, i)
		all = append(all,
			step{do: "POST " + notes, json: fmt.Sprintf(`{"title": "Note %d {mark}", "owner": "{me}"}`, i), take: map[string]string{fmt.Sprint("note", i): `"id":"(\w+)"`}},
			step{do: own, take: map[string]string{"seen": `"title":"(Note)`}},
			step{do: "GET " + one}, step{do: "PATCH " + one, json: `{"title": "Note, better {mark}"}`}, step{do: "GET " + one},
		)
	}
	for i := 3; i < 6; i++ {
		all = append(all, step{do: fmt.Sprintf("DELETE %s/{note%d}", notes, i), want: http.StatusNoContent})
	}
	return all
}

func TestPocketBase_ThatChecksNothing_ByLearnedRulesAlone_EachHasTheirOwn(t *testing.T) {
	if !longRun() { // building it takes a minute on a machine that has built nothing
		t.Skip("GATEHOUSE_LONG=1 has PocketBase; the two other programs are tried in each run")
	}
	s, all, at := startPocketBase(t)
	use := func(t *testing.T, p *person) {
		p.does(t, []step{{
			do: "POST /api/collections/users/auth-with-password", json: `{"identity": "{name}", "password": "{password}"}`,
			take: map[string]string{"token": `"token":"([^"]+)"`, "me": `"record":\{[^}]*"id":"(\w+)"`},
		}})
		p.bearer = p.vars["token"]
		p.does(t, page())
	}
	attacks := []step{
		{do: "GET " + notes + "/{their_note6}?fields=title"},
		{do: "PATCH " + notes + "/{their_note6}", json: `{"owner": "{me}"}`},
		{do: "DELETE " + notes + "/{their_note6}"},
	}
	kept := func() string {
		text, err := json.Marshal(at("GET", notes+"?perPage=500&sort=id", struct{}{}))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	trial{site: s, people: all, open: true, use: use, attacks: attacks, kept: kept}.run(t)
}
