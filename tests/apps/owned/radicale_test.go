package owned

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// Radicale keeps calendars (CalDAV, RFC 4791). Whose one is stands in its path,
// people sign in by HTTP Basic with each request, and most methods are those of
// WebDAV. With rights of type authenticated, which its manual has for households,
// everybody who is signed in may read and change everything: the program checks
// nothing.

// startRadicale serves it behind a gate.
func startRadicale(t *testing.T, rights string) (s *site, all []*person, storage string) {
	t.Helper()
	program := testkit.Need(t, "radicale")
	dir := t.TempDir()
	storage = filepath.Join(dir, "collections")
	port, inner := testkit.FreePort(t), testkit.FreePort(t)
	s = startSite(t, port, "http://127.0.0.1:"+inner, "")
	all = people(s, "@example.org")
	var users strings.Builder
	for _, p := range all {
		p.basic = true
		fmt.Fprintf(&users, "%s:%s\n", p.name, p.password)
	}
	settings := fmt.Sprintf("[server]\nhosts = 127.0.0.1:%s\n[auth]\ntype = htpasswd\nhtpasswd_filename = %s\nhtpasswd_encryption = plain\ndelay = 0\n[rights]\ntype = %s\n[storage]\nfilesystem_folder = %s\n",
		inner, filepath.Join(dir, "users"), rights, storage)
	for name, text := range map[string]string{"users": users.String(), "config": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Start(t, exec.Command(program, "--config", filepath.Join(dir, "config")))
	testkit.WaitAccepting(t, "127.0.0.1:"+inner, patience)
	return s, all, storage
}

const (
	calendar = `<?xml version="1.0"?><C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>Calendar {mark}</displayname></prop></set></C:mkcalendar>`
	props    = `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/><displayname/><resourcetype/><getetag/></prop></propfind>`
	rename   = `<?xml version="1.0"?><propertyupdate xmlns="DAV:"><set><prop><displayname>Renamed {mark}</displayname></prop></set></propertyupdate>`
	query    = `<?xml version="1.0"?><C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>`
	event    = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:%[1]s\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:2026010%[2]dT080000Z\r\nSUMMARY:Event %[2]d {mark}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)

// telephone is a calendar on a telephone.
func telephone(p *person) []step {
	const xml, multi = "application/xml", http.StatusMultiStatus
	id := func(what string) string {
		h := sha256.Sum256([]byte(p.name + p.vars["round"] + what))
		return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	}
	p.vars["calendar"] = id("calendar")
	all := []step{
		{do: "PROPFIND /", header: "Depth: 0", text: props, kind: xml, want: multi},
		{do: "PROPFIND /{name}/", header: "Depth: 1", text: props, kind: xml, want: multi},
		{do: "MKCALENDAR /{name}/{calendar}/", text: calendar, kind: xml, want: http.StatusCreated},
	}
	for i := range 7 {
		uid := id(fmt.Sprint("event", i))
		p.vars[fmt.Sprint("event", i)], p.vars[fmt.Sprint("place", i)] = uid, id(fmt.Sprint("place", i))
		item := fmt.Sprintf("/{name}/{calendar}/{event%d}.ics", i)
		all = append(all,
			step{do: "PUT " + item, text: fmt.Sprintf(event, uid, i+1), kind: "text/calendar", want: http.StatusCreated},
			step{do: "GET " + item, take: map[string]string{"seen": "(" + p.mark + ")"}},
			step{do: "PROPFIND /{name}/", header: "Depth: 1", text: props, kind: xml, want: multi},
			step{do: "PROPFIND /{name}/{calendar}/", header: "Depth: 1", text: props, kind: xml, want: multi},
			step{do: "REPORT /{name}/{calendar}/", header: "Depth: 1", text: query, kind: xml, want: multi, take: map[string]string{"seen": "(" + p.mark + ")"}},
			step{do: "PROPPATCH /{name}/{calendar}/", text: rename, kind: xml, want: multi},
			step{do: "GET /{name}/{calendar}/"},
			step{do: "PUT " + item, text: fmt.Sprintf(event, uid, i+2), kind: "text/calendar", want: http.StatusCreated},
			step{do: "MOVE " + item, header: "Destination: " + p.s.origin + "/{name}/{calendar}/{place" + fmt.Sprint(i) + "}.ics", want: http.StatusCreated},
			step{do: "MOVE " + strings.Replace(item, "{event", "{place", 1), header: "Destination: " + p.s.origin + item, want: http.StatusCreated},
		)
	}
	for i := range 6 {
		all = append(all, step{do: fmt.Sprintf("DELETE /{name}/{calendar}/{event%d}.ics", i)})
	}
	return append(all, step{do: "PROPFIND /{name}/{calendar}/", header: "Depth: 1", text: props, kind: xml, want: multi})
}

func TestRadicale_ThatChecksNothing_ByLearnedRulesAlone_EachHasTheirOwn(t *testing.T) {
	s, all, storage := startRadicale(t, "authenticated")
	use := func(t *testing.T, p *person) { p.does(t, telephone(p)) }
	const home = "/{their_name}/{their_calendar}/"
	attacks := []step{
		{do: "GET " + home + "{their_event6}.ics"},
		{do: "PROPFIND " + home, header: "Depth: infinity", text: props, kind: "application/xml"},
		{do: "MKCALENDAR /{their_name}/{place0}/", text: calendar, kind: "application/xml"},
		{do: "MOVE /{name}/{calendar}/{event6}.ics", header: "Destination: " + s.origin + home + "{place1}.ics"},
		{do: "COPY " + home + "{their_event6}.ics", header: "Destination: " + s.origin + "/{name}/{calendar}/{place2}.ics"},
		{do: "DELETE " + home},
	}
	trial{site: s, people: all, open: true, use: use, attacks: attacks, kept: func() string { return files(t, storage) }}.run(t)
}

// files are those of a folder, as text.
func files(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, ".Radicale.cache") || strings.HasSuffix(path, ".lock") {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&text, "%s:\n%s\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
