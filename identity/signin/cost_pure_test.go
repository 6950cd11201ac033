//go:build !race

package signin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

// TestFind_HostileBodies_CostLittle has bodies of a mebibyte: whatever is in them,
// looking for an attempt takes about as long as parsing.
func TestFind_HostileBodies_CostLittle(t *testing.T) {
	var members, fields, deep strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&members, `"pAsSk%dWordConfirm":"%d",`, i, i)
		fmt.Fprintf(&fields, "a%dB%d=%d&", i, i, i)
		fmt.Fprintf(&deep, `x%d: "y", `, i)
	}
	for name, c := range map[string][2]string{
		"members": {jsonType, "{" + strings.TrimSuffix(members.String()[:1<<20-64], ",") + `":1,"password":"x","email":"ann@x"}`},
		"fields":  {formType, fields.String()[:1<<19] + "&email=ann%40x&password=x"},
		"graphql": {jsonType, `{"query":"mutation {` + strings.ReplaceAll(deep.String()[:1<<19], `"`, `\"`) + `","password":"x","email":"ann@x"}`},
		"quotes":  {jsonType, `{"query":"mutation ` + strings.Repeat(`\"`, 1<<18) + `","password":"x","email":"ann@x"}`},
		"dots":    {formType, strings.Repeat("a.b.c.d.e.f.g.h.", 1<<14) + "=1&email=ann%40x&password=x"},
	} {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(c[1]))
		r.Header.Set("Content-Type", c[0])
		began := time.Now()
		in := parsedLoosely(t, r)
		parsing := time.Since(began)
		began = time.Now()
		a := newFinder(t).Find(r, in)
		took := time.Since(began)
		t.Logf("%s: parsing %v, finding %v: %v", name, parsing, took, a.Kind)
		if a.Kind != signin.SignIn || a.Account != "ann@x" {
			t.Errorf("%s hides the sign-in: found %v %q", name, a.Kind, a.Account)
		}
		if took > 3*time.Second { // tens of milliseconds on an idle machine; what is quadratic takes minutes
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestJudge_HostileAnswers_CostLittle(t *testing.T) {
	m := newModel(t, nil)
	for _, unit := range []string{"<", "<a ", "<a href=", `<a href="`, "<input name=x ", "<input type=password>", "<script>", "</script", "<!--", "a b ", "{", `{"a":`, `{"a":[`, `"`, "[1,", "\\u0000", "é", "a", "<div class=\"error ", "type type type "} {
		body := strings.Repeat(unit, (64<<10)/len(unit))
		for _, prefix := range []string{"", "<input ", `{"message":"`, "{"} {
			for _, kind := range []string{"text/html", jsonType, "text/plain"} {
				began := time.Now()
				m.Judge(post("/login"), attempt(signin.SignIn, "ann", "x"), signin.Answer{Status: 200, Header: http.Header{"Content-Type": {kind}, "Set-Cookie": {body}, "Location": {body}}, Body: []byte(prefix + body)})
				if took := time.Since(began); took > 3*time.Second { // some milliseconds on an idle machine
					t.Errorf("%q after %q as %s took %v", unit, prefix, kind, took)
				}
			}
		}
	}
}
