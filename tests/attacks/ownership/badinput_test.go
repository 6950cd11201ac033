package ownership

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// An oddity is a backend whose answers are not what the rule expects. Whose
// identifier is asked for stands in the query: it writes that into its answer.
type oddity struct {
	*backend
	answers map[string]func(w http.ResponseWriter, owner string)
}

// handles are names that applications, or databases, may take for the same.
var handles = map[string]string{
	"owner": "jos\u00e9", "mate": "jose\u0301", "friend": "JOS\u00c9", "stranger": "007", "root": "7",
}

func (o *oddity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := o.answers[strings.TrimPrefix(r.URL.Path, "/odd/")]
	switch u := o.session(r); {
	case r.URL.Path == "/api/me" && u != nil:
		role, _, _ := strings.Cut(u.Name, ".")
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":%d,"handle":%q}`, u.ID, handles[role])
	case strings.HasPrefix(r.URL.Path, "/handles/") && u != nil:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"handle":%q,"secret":"the secret"}`, r.URL.Query().Get("of"))
	case answer != nil:
		answer(w, r.URL.Query().Get("of"))
	default:
		o.backend.ServeHTTP(w, r)
	}
}

// jsonOf answers 200 with a text in which OWNER is the owner.
func jsonOf(text string) func(http.ResponseWriter, string) {
	return answerOf(200, "application/json", text)
}

func answerOf(status int, kind, text string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, owner string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, strings.ReplaceAll(text, "OWNER", owner))
	}
}

func coded(coding string, body func(owner string) []byte) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, owner string) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", coding)
		_, _ = w.Write(body(owner)) // the gate may have heard enough
	}
}

func zipped(text string, zeros int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // to memory it never fails
	block := make([]byte, 1<<16)
	for range zeros / len(block) {
		_, _ = z.Write(block)
	}
	_ = z.Close()
	return b.Bytes()
}

const good = `{"user_id":OWNER,"secret":"the secret"}`

// oddities say of each answer whether its owner still has it.
var oddities = map[string]struct {
	works  bool
	answer func(http.ResponseWriter, string)
}{
	"as-expected":       {true, jsonOf(good)},
	"with-charset":      {true, answerOf(200, "application/json; charset=utf-8", good)},
	"problem-json":      {true, answerOf(200, "application/vnd.shop+json", good)},
	"text":              {true, jsonOf(`{"user_id":"OWNER","secret":"the secret"}`)},
	"escaped-name":      {true, jsonOf(`{"\u0075ser_id":OWNER,"secret":"the secret"}`)},
	"white-space":       {true, jsonOf("\r\n\t " + good + "\n\n")},
	"zipped":            {true, coded("gzip", func(o string) []byte { return zipped(strings.ReplaceAll(good, "OWNER", o), 0) })},
	"plain-text":        {false, answerOf(200, "text/plain", good)},
	"no-type":           {false, answerOf(200, "", good)},
	"html":              {false, answerOf(200, "text/html", good)},
	"error-page":        {false, answerOf(200, "text/html", "<h1>Something went wrong</h1><p>the secret")},
	"error-json":        {false, jsonOf(`{"error":"the secret"}`)},
	"missing":           {false, jsonOf(`{"secret":"the secret"}`)},
	"null":              {false, jsonOf(`{"user_id":null,"secret":"the secret"}`)},
	"true":              {false, jsonOf(`{"user_id":true,"secret":"the secret"}`)},
	"object":            {false, jsonOf(`{"user_id":{"id":OWNER},"secret":"the secret"}`)},
	"array":             {false, jsonOf(`{"user_id":[OWNER],"secret":"the secret"}`)},
	"root-array":        {false, jsonOf(`[` + good + `]`)},
	"another-name":      {false, jsonOf(`{"User_ID":OWNER,"secret":"the secret"}`)},
	"two-owners":        {false, jsonOf(`{"user_id":1,"secret":"the secret","user_id":OWNER}`)},
	"cut-short":         {false, jsonOf(`{"user_id":OWNER,"secret":"the secret"`)},
	"garbage-behind":    {false, jsonOf(good + `}`)},
	"two-values":        {false, jsonOf(good + good)},
	"byte-order-mark":   {false, jsonOf("\ufeff" + good)},
	"decimal":           {false, jsonOf(`{"user_id":OWNER.0,"secret":"the secret"}`)},
	"exponent":          {false, jsonOf(`{"user_id":OWNERe0,"secret":"the secret"}`)},
	"zeros":             {false, jsonOf(`{"user_id":"00OWNER","secret":"the secret"}`)},
	"space":             {false, jsonOf(`{"user_id":" OWNER","secret":"the secret"}`)},
	"deep":              {false, jsonOf(strings.Repeat(`{"a":`, 100_000) + good + strings.Repeat(`}`, 100_000))},
	"unknown-coding":    {false, coded("x-secret", func(o string) []byte { return []byte(strings.ReplaceAll(good, "OWNER", o)) })},
	"no-gzip":           {false, coded("gzip", func(o string) []byte { return []byte(strings.ReplaceAll(good, "OWNER", o)) })},
	"gzip-bomb":         {false, coded("gzip", func(o string) []byte { return zipped(strings.ReplaceAll(good, "OWNER", o), 256<<20) })},
	"endless":           {false, endless},
	"promises-more":     {false, promising},
	"breaks-off":        {false, breaking},
	"not-authoritative": {true, answerOf(203, "application/json", good)},
	"a-part":            {true, answerOf(206, "application/json", good)},
	"an-error-of-own":   {true, answerOf(500, "application/json", good)},
	"a-conflict":        {true, answerOf(409, "application/json", good)},
}

// endless never ends, until nobody listens.
func endless(w http.ResponseWriter, owner string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"user_id":%s,"secret":"the secret`, owner)
	for block := strings.Repeat("x", 1<<14); ; {
		if _, err := fmt.Fprint(w, block); err != nil {
			return
		}
	}
}

// promising sends less than it said.
func promising(w http.ResponseWriter, owner string) {
	text := strings.ReplaceAll(good, "OWNER", owner)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+100))
	fmt.Fprint(w, text)
}

// breaking ends the connection within the answer.
func breaking(w http.ResponseWriter, owner string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, strings.ReplaceAll(good, "OWNER", owner))
	_ = http.NewResponseController(w).Flush() // as much as arrives
	panic(http.ErrAbortHandler)
}

const oddRules = `
application:
  ownership:
    rules:
    - {path: "/odd/{kind}", id: ["query:of"], owner: {field: user_id, as: users.id}}
    - {path: "/handles/{id}", owner: {field: handle, as: users.handle}}
`

// oddSite has people whose numbers are more than JavaScript, and a float, can tell
// apart.
func oddSite(t *testing.T) (*site, *world, map[string]*person) {
	t.Helper()
	w := newWorld(devSeeds[0])
	for i, name := range cast {
		w.people[name].ID = 1<<53 + int64(i)
	}
	o := &oddity{&backend{newTenancy(sqliteShelf(t)), false}, map[string]func(http.ResponseWriter, string){}}
	o.shelf.define(t)
	for _, u := range w.people {
		o.users[u.Name] = u
	}
	for name, one := range oddities {
		o.answers[name] = one.answer
	}
	text := settings(w.everybody(), false)
	text = strings.Replace(text[:strings.Index(text, "application:")], "id: users.id", "id: users.id, handle: users.handle", 1) + oddRules
	gate := startSite(t, serve(t, o), text)
	people := map[string]*person{}
	for i, name := range cast {
		people[name] = gate.enter(w.people[name], i, false)
	}
	return gate, w, people
}

func TestAnswer_NotAsTheRuleExpects_ShowsNothingOfOthers(t *testing.T) {
	gate, w, people := oddSite(t)
	for name, odd := range oddities {
		began := time.Now()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, whose := range []string{"owner", "mate"} {
			a := gate.do(people["owner"], "GET", fmt.Sprintf("/odd/%s?of=%d", name, w.people[whose].ID), "")
			shown := strings.Contains(a.all(), "the secret")
			if name == "zipped" { // as it came
				shown = a.StatusCode == http.StatusOK && a.Header.Get("Content-Encoding") == "gzip"
			}
			switch {
			case whose == "mate" && (shown || a.StatusCode < 400):
				t.Errorf("%s: another's is shown: %d %.200s", name, a.StatusCode, a.text)
			case whose == "owner" && shown != odd.works:
				t.Errorf("%s: one's own: %d %.200s, want it %t: %s", name, a.StatusCode, a.text, odd.works, gate.why(a.request()))
			}
		}
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 128<<20 || time.Since(began) > 5*time.Second {
			t.Errorf("%s took %v and %d MiB", name, time.Since(began), (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	}
}

// TestName_ThatOnlyLooksTheSame_IsAnothers compares names that differ in case, in
// Unicode's normal form, or by zeros in front, and numbers beyond 2^53.
func TestName_ThatOnlyLooksTheSame_IsAnothers(t *testing.T) {
	gate, w, people := oddSite(t)
	for _, as := range cast {
		for _, whose := range cast {
			a := gate.do(people[as], "GET", "/handles/1?of="+url.QueryEscape(handles[whose]), "")
			if ok := a.StatusCode == http.StatusOK; ok != (as == whose) {
				t.Errorf("%q asks for what is %q's: %d %s: %s", handles[as], handles[whose], a.StatusCode, a.text, gate.why(a.request()))
			}
			a = gate.do(people[as], "GET", fmt.Sprintf("/odd/as-expected?of=%d", w.people[whose].ID), "")
			if ok := a.StatusCode == http.StatusOK; ok != (as == whose) {
				t.Errorf("%d asks for what is %d's: %d %s", w.people[as].ID, w.people[whose].ID, a.StatusCode, a.text)
			}
		}
	}
}

// TestRules_ThatDisagreeOrNeverMatch_AreErrorsAtStart has sets of rules that an
// operator would not get what they read like from, and ones that make sense.
func TestRules_ThatDisagreeOrNeverMatch_AreErrorsAtStart(t *testing.T) {
	for rules, want := range map[string]string{
		`{path: "/o/{id}", owner: {field: a}}, {path: "/o/{id}", owner: {field: b}}`:                     "two rules",
		`{path: "/o/{id}", owner: {field: a}}, {path: "/o/{id}", public: everybody may}`:                 "public by one rule",
		`{path: "/o/{id}", methods: [GET], public: everybody may}, {path: "/o/{id}", owner: {field: a}}`: "public by one rule",
		`{path: /o/, public: everybody may}, {path: "/o/{id}", owner: {field: a}}`:                       "never decides",
		`{path: "/{rest...}", public: everybody may}, {path: "/o/{id}", owner: {field: a}}`:              "never decides",
		`{path: "/o/{id}", public: everybody may, owner: {field: a}}`:                                    "contradicts",
		`{path: "/o/../{id}", owner: {field: a}}`:                                                        "never matches",
		`{path: "/o//{id}", owner: {field: a}}`:                                                          "match no path",
		`{path: "/o/{id}", methods: [get], owner: {field: a}}`:                                           "capital letters",
		`{path: "/o/{id}", id: ["path:n"], owner: {field: a}}`:                                           "no wildcard",
		`{path: "/o/{id}", id: ["body"], owner: {field: a}}`:                                             "want one of",
		`{path: "/o/{id}"}`: "does not say",
		`{path: /o, owner: {ledger: true}, gives: [{path: /n}]}`:                                               "no identifier",
		`{path: "/o/{id}", owner: {ledger: true}}`:                                                             "nothing gives",
		`{path: "/o/{id}", owner: {field: "a[]b"}}`:                                                            "a[]b",
		`{path: "/o/{id}", owner: {field: a}, counts: [n]}`:                                                    "counts",
		`{path: /o, items: "[]", owner: {probe: "/o"}}`:                                                        "within an item",
		`{path: "/o/{id}/x", owner: {probe: "/o/{id}"}}`:                                                       "no rule says",
		`{path: "/o/{id}/x", owner: {probe: "/o/{id}"}}, {path: "/o/{id}", methods: [PUT], owner: {field: a}}`: "no rule says",
		`{path: "/o/{id}/x", owner: {probe: "/o/{n}"}}, {path: "/o/{id}", owner: {field: a}}`:                  "neither a wildcard",
		`{path: "/o/{id}", owner: {column: user_id}}`:                                                          "no table",
		`{path: /g, id: ["graphql:Query.order(id)"], owner: {field: data.order.user_id}}`:                      "the names that the client gives",
		// These make sense.
		`{path: "/o/{id}/x", owner: {probe: "/o/{id}"}}, {path: "/o/{id}", owner: {field: a}}`:                               "",
		`{path: "/o/free", public: everybody may}, {path: "/o/{id}", owner: {field: a}}`:                                     "",
		`{path: "/o/{id}", methods: [GET], owner: {field: a}}, {path: "/o/{id}", methods: [PUT], owner: {probe: "/o/{id}"}}`: "",
		`{path: /o, items: "[]", owner: {field: a}}, {path: "/o/{id}", owner: {field: a}}`:                                   "",
	} {
		text := "application: {ownership: {rules: [" + rules + "]}}"
		c, err := config.Parse("", []byte(text), config.Options{Upstream: "http://127.0.0.1:1", Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()})
		if err == nil {
			var g *gateway.Gate
			c.Store.Durable = "memory"
			if g, err = gateway.New(gateway.Options{Config: c, State: t.TempDir()}); err == nil {
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", rules, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want words like %q", rules, err, want)
		}
	}
}
