package signin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/signin"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/secret"
)

func parsedLoosely(t testing.TB, r *http.Request) *input.Inputs {
	t.Helper()
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, _ := parser.Parse(r) // what can't be parsed is looked at as far as it goes
	return in
}

func post(target string) *http.Request { return httptest.NewRequest("POST", target, nil) }

func attempt(kind signin.Kind, account, password string) signin.Attempt {
	a := signin.Attempt{Kind: kind, Route: "POST /login", Account: account, Named: true}
	a.AccountAt.Name = "email"
	if password != "" {
		a.Secrets = []secret.Text{secret.Text(password)}
	}
	return a
}

func html(status int, body string) signin.Answer {
	return signin.Answer{Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body)}
}

// TestJudge_AnswersThatTellNothing_AreUnsureUntilLearned has an application whose
// two answers differ in nothing that is known: what people do next tells.
func TestJudge_AnswersThatTellNothing_AreUnsureUntilLearned(t *testing.T) {
	now := time.Date(2030, 1, 2, 8, 0, 0, 0, time.UTC)
	m := newModel(t, func() time.Time { return now })
	refused := html(200, "<p>Zmb wbu lfq dhx kqa vbn ztr opl mnb</p>")
	taken := html(200, "<p>Qwe asd yxc rtz fgh vbn uio jkl mno pqr</p>")
	if v := m.Judge(post("/login"), attempt(signin.SignIn, "first", "x"), refused); v.Outcome != signin.Unsure || v.Binds {
		t.Fatalf("told as %v before anything was learned: %s", v.Outcome, v.Why)
	}
	for i := range 12 {
		account := fmt.Sprintf("person%d", i)
		m.Judge(post("/login"), attempt(signin.SignIn, account, "typo"), refused)
		now = now.Add(10 * time.Second)
		m.Judge(post("/login"), attempt(signin.SignIn, account, "right"), taken)
		now = now.Add(20 * time.Minute)
	}
	if v := m.Judge(post("/login"), attempt(signin.SignIn, "later", "x"), refused); v.Outcome != signin.Failure {
		t.Errorf("the refusal is told as %v: %s", v.Outcome, v.Why)
	}
	if v := m.Judge(post("/login"), attempt(signin.SignIn, "other", "x"), taken); v.Outcome != signin.Success {
		t.Errorf("the success is told as %v: %s", v.Outcome, v.Why)
	}
}

// TestJudge_AttackerWhoRetries_CannotMakeSuccessesOfFailures sends what an
// attacker can: guesses, which are refused, however they are repeated.
func TestJudge_AttackerWhoRetries_CannotMakeSuccessesOfFailures(t *testing.T) {
	now := time.Date(2030, 1, 2, 8, 0, 0, 0, time.UTC)
	m := newModel(t, func() time.Time { return now })
	refused := html(200, `<form action="/login"><input name="email"><input type="password" name="p"></form><p>Wrong password.</p>`)
	for i := range 3000 {
		v := m.Judge(post("/login"), attempt(signin.SignIn, fmt.Sprintf("victim%d", i%7), fmt.Sprint(i)), refused)
		if v.Outcome != signin.Failure {
			t.Fatalf("guess %d is told as %v: %s", i, v.Outcome, v.Why)
		}
		now = now.Add(time.Duration(i%13) * time.Minute)
	}
}

func TestJudge_SiteIsChanged_IsLearnedAnew(t *testing.T) {
	m := newModel(t, nil)
	away := func(to string) signin.Answer {
		return signin.Answer{Status: 302, Header: http.Header{"Location": {to}}}
	}
	for i := range 400 {
		m.Judge(post("/login"), attempt(signin.SignIn, fmt.Sprint("a", i), "x"), away("/home"))
	}
	// The failure of the new release redirects too, and says so.
	for i := range 50 {
		v := m.Judge(post("/login"), attempt(signin.SignIn, fmt.Sprint("b", i), "x"), away("/login?failed=1"))
		if v.Outcome != signin.Failure {
			t.Fatalf("told as %v: %s", v.Outcome, v.Why)
		}
	}
}

// TestJudge_OneAccountManyPasswords has a backend that answers wrong passwords as
// others do right ones: no backend takes five passwords of one account.
func TestJudge_OneAccountManyPasswords_AreNoSuccesses(t *testing.T) {
	m := newModel(t, nil)
	always := signin.Answer{Status: 302, Header: http.Header{"Location": {"/home"}}}
	last := signin.Verdict{}
	for i := range 10 {
		last = m.Judge(post("/login"), attempt(signin.SignIn, "ann", fmt.Sprint(i)), always)
	}
	if last.Outcome != signin.Unsure || last.Binds {
		t.Errorf("told as %v: %s", last.Outcome, last.Why)
	}
	// One person who changes the password does not make a sign-in doubtful.
	m = newModel(t, nil)
	always.Header.Set("Set-Cookie", "sid=0123456789abcdef0123; HttpOnly")
	for i := range 100 {
		m.Judge(post("/login"), attempt(signin.SignIn, fmt.Sprint("person", i), "x"), always)
	}
	for i := range 3 {
		if v := m.Judge(post("/login"), attempt(signin.SignIn, "ann", fmt.Sprint(i)), always); v.Outcome != signin.Success {
			t.Errorf("told as %v: %s", v.Outcome, v.Why)
		}
	}
}

// TestBinds_VictimNamedInAFieldThatIsNotRead has a backend whose own field has a
// name that means nothing: who signs in as himself adds "username=victim".
func TestBinds_VictimNamedInAFieldThatIsNotRead(t *testing.T) {
	m := newModel(t, nil)
	success := signin.Answer{Status: 302, Header: http.Header{"Location": {"/home"}, "Set-Cookie": {"sid=0123456789abcdef0123; HttpOnly"}}}
	for range 12 { // ordinary sign-ins: the finder sees a password alone
		m.Judge(post("/login"), attempt(signin.SignIn, "", "x"), success)
	}
	a := attempt(signin.SignIn, "victim", "mallorys")
	if v := m.Judge(post("/login"), a, success); v.Outcome != signin.Success || v.Binds {
		t.Errorf("binds is %v: the session would be the victim's", v.Binds)
	}
	a = attempt(signin.SignIn, "mallory", "x")
	a.Ambiguous, a.Others = true, []string{"victim"}
	if v := m.Judge(post("/login"), a, success); v.Binds {
		t.Error("an ambiguous sign-in binds")
	}
}

// TestBinds_AnyFormWithAPassword_DoesNot: a page that takes everything is no
// sign-in, and who sends it a victim's name is not the victim.
func TestBinds_AnyFormWithAPassword_DoesNot(t *testing.T) {
	m := newModel(t, nil)
	for i := range 50 {
		a := attempt(signin.SignIn, fmt.Sprint("victim", i), "x")
		a.Route, a.Named = "POST /contact", false
		v := m.Judge(post("/contact"), a, signin.Answer{Status: 302, Header: http.Header{"Location": {"/thanks"}}})
		if v.Binds {
			t.Fatalf("try %d binds: %s", i, v.Why)
		}
	}
}

// TestBinds_SignUp_DoesNot: the answer to who signs up with a name that is taken
// is ordinarily that to any other, so as not to tell.
func TestBinds_SignUp_DoesNot(t *testing.T) {
	a := attempt(signin.SignUp, "victim", "x")
	v := newModel(t, nil).Judge(post("/register"), a, signin.Answer{Status: 302, Header: http.Header{"Location": {"/check-your-mail"}, "Set-Cookie": {"sid=0123456789abcdef0123; HttpOnly"}}})
	if v.Outcome != signin.Success || v.Binds {
		t.Errorf("told as %v, binds is %v", v.Outcome, v.Binds)
	}
}

func TestJudge_SignOut_EndsWithTheCookie(t *testing.T) {
	m := newModel(t, nil)
	gone := http.Header{"Location": {"/"}, "Set-Cookie": {"sid=; Max-Age=0; Path=/"}}
	for _, c := range []struct {
		name   string
		method string
		answer signin.Answer
		want   signin.Outcome
	}{
		{"a form", "POST", signin.Answer{Status: 302, Header: http.Header{"Location": {"/"}}}, signin.Success},
		{"a link", "GET", signin.Answer{Status: 302, Header: gone}, signin.Success},
		{"a link that sends one away", "GET", signin.Answer{Status: 302, Header: http.Header{"Location": {"/login"}}}, signin.Success},
		{"a link to the article", "GET", signin.Answer{Status: 301, Header: http.Header{"Location": {"/Log_out"}}}, signin.Failure},
		{"a link, and the page of who is not signed in", "GET", html(200, `<p>You have been logged out.<form action="/login"><input type="password" name="p"></form>`), signin.Success},
		{"a link, and words alone", "GET", html(200, "<p>You are signed out."), signin.Success},
		{"a link, and the question whether to", "GET", html(200, `<p>Do you want to log out?<form action="/logout"><button>Log out</button></form>`), signin.Failure},
		{"an article that tells what happens", "GET", html(200, `<a href="/logout">Log out</a><p>You have been logged out, it says then.`), signin.Failure},
		{"an article about it", "GET", html(200, "<h1>How to log out</h1>"), signin.Failure},
		{"a refusal", "POST", html(403, "no"), signin.Failure},
		{"an article about it that is changed", "POST ", signin.Answer{Status: 302, Header: http.Header{"Location": {"/w/Log_out"}}}, signin.Failure},
		{"a script for everything", "POST ", signin.Answer{Status: 302, Header: gone}, signin.Success},
	} {
		target := "/logout"
		if method, ok := strings.CutSuffix(c.method, " "); ok {
			c.method, target = method, "/index.php?title=Log_out"
		}
		v := m.Judge(httptest.NewRequest(c.method, target, nil), signin.Attempt{Kind: signin.SignOut, Route: "x", SignedIn: true}, c.answer)
		if v.Outcome != c.want {
			t.Errorf("%s is told as %v: %s", c.name, v.Outcome, v.Why)
		}
	}
}

// TestJudge_WhoIsSignedInTriesAnother: the pages of who is signed in have a way to
// sign out whatever became of the try.
func TestJudge_WhoIsSignedInTriesAnother(t *testing.T) {
	form := `<a href="/logout">Log out</a><form><input name="user"><input type="password" name="password"></form>`
	again := http.Header{"Content-Type": {"text/html"}, "Set-Cookie": {"sid=0123456789abcdef0123; HttpOnly"}}
	for _, c := range []struct {
		name     string
		signedIn bool
		answer   signin.Answer
		want     signin.Outcome
	}{
		{"refused", true, html(200, "<p>Incorrect username or password."+form), signin.Failure},
		{"refused without a word", true, html(200, form), signin.Failure},
		{"taken, by a new session", true, signin.Answer{Status: 200, Header: again, Body: []byte(`<a href="/logout">Log out</a>`)}, signin.Success},
		{"taken", false, html(200, `<a href="/logout">Log out</a>`), signin.Success},
	} {
		a := attempt(signin.SignIn, "bob", "x")
		a.SignedIn = c.signedIn
		if v := newModel(t, nil).Judge(post("/login"), a, c.answer); v.Outcome != c.want {
			t.Errorf("%s is told as %v: %s", c.name, v.Outcome, v.Why)
		}
	}
}

// TestJudge_JSONOfAPerson_IsASuccessWithASession, as that of a shop's interface; an
// answer that merely has a key and a name is of anything.
func TestJudge_JSONOfAPerson_IsASuccessWithASession(t *testing.T) {
	session := http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"shop_session=QX7ZK2M4P6R8T0V1W3Y5; Path=/"}}
	none := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		header http.Header
		body   string
		want   signin.Outcome
	}{
		{session, `{"id":7,"name":"Ann","role":"customer"}`, signin.Success},
		{none, `{"id":7,"email":"ann@example.com"}`, signin.Success},
		{none, `{"id":"1f3a","name":"ValidationError"}`, signin.Unsure},
		{none, `{"id":0,"email":""}`, signin.Unsure},
		{none, `{"id":"1f3a","email":"ann@example.com","error":"Wrong password."}`, signin.Failure},
		{none, `{"request":{"id":7,"email":"ann@example.com"}}`, signin.Unsure},
	} {
		if v := newModel(t, nil).Judge(post("/api/session"), attempt(signin.SignIn, "ann", "x"), signin.Answer{Status: 200, Header: c.header, Body: []byte(c.body)}); v.Outcome != c.want {
			t.Errorf("%s is told as %v: %s", c.body, v.Outcome, v.Why)
		}
	}
}

func TestJudge_SecondFactor(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer signin.Answer
		want   signin.Outcome
	}{
		{"asked again", html(200, `<p class="error">Invalid code.</p><form action="/login/otp"><input name="otp" autocomplete="one-time-code"></form>`), signin.Failure},
		{"taken", signin.Answer{Status: 302, Header: http.Header{"Location": {"/home"}}}, signin.Success},
		{"JSON that asks again", signin.Answer{Status: 400, Header: http.Header{"Content-Type": {jsonType}}, Body: []byte(`{"error":"invalid_otp"}`)}, signin.Failure},
		{"a token", signin.Answer{Status: 200, Header: http.Header{"Content-Type": {jsonType}}, Body: []byte(`{"access_token":"0123456789abcdef0123456789abcdef"}`)}, signin.Success},
	} {
		if v := newModel(t, nil).Judge(post("/login/otp"), attempt(signin.SecondFactor, "", "123456"), c.answer); v.Outcome != c.want {
			t.Errorf("%s is told as %v: %s", c.name, v.Outcome, v.Why)
		}
	}
}

// TestJudge_HostileAnswers_AreBounded has answers that never end, as far as they
// are handed in.
func TestJudge_HostileAnswers_AreBounded(t *testing.T) {
	m := newModel(t, nil)
	for name, body := range map[string]string{
		"deep JSON": strings.Repeat(`{"a":`, 200_000), "wide JSON": `{"a":[` + strings.Repeat(`{"token":null},`, 100_000), "tags": strings.Repeat("<input type=password name=", 50_000),
		"an open quote": `<a href="` + strings.Repeat("x", 2<<20), "brackets": strings.Repeat("<", 1<<20), "script": "<script>" + strings.Repeat("<", 1<<20),
	} {
		for _, kind := range []string{"text/html", jsonType} {
			start := time.Now()
			m.Judge(post("/login"), attempt(signin.SignIn, "ann", "x"), signin.Answer{Status: 200, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)})
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s as %s took %v", name, kind, took)
			}
		}
	}
}

// TestModel_ManyRoutes_AreBounded: routes are made of what strangers ask for.
func TestModel_ManyRoutes_AreBounded(t *testing.T) {
	m, err := signin.NewModel(signin.ModelOptions{MaxRoutes: 8})
	if err != nil {
		t.Fatal(err)
	}
	success := signin.Answer{Status: 302, Header: http.Header{"Location": {"/home"}, "Set-Cookie": {"sid=0123456789abcdef0123; HttpOnly"}}}
	for range 20 {
		m.Judge(post("/login"), attempt(signin.SignIn, "ann", "x"), success)
	}
	for i := range 5000 {
		a := attempt(signin.SignIn, "ann", "x")
		a.Route = fmt.Sprint("POST /other/", i)
		m.Judge(post("/other"), a, html(200, "nothing"))
	}
	v := m.Judge(post("/login"), attempt(signin.SignIn, "bob", "x"), success)
	if !strings.Contains(v.Why, "of answers like this") {
		t.Errorf("what was learned of the real route is forgotten: %s", v.Why)
	}
	if _, err := signin.NewModel(signin.ModelOptions{MaxRoutes: -1}); err == nil {
		t.Error("a negative bound was taken")
	}
}

// TestJudge_Shape_DiffersWithOneSentenceAndNotWithAPersonsOwn has a long page in which
// a few words tell who has an account.
func TestJudge_Shape_DiffersWithOneSentenceAndNotWithAPersonsOwn(t *testing.T) {
	m := newModel(t, time.Now)
	page := func(name, message string) signin.Answer {
		shelf := strings.Repeat("<p>teapots and lamps that last, made by hand, sent on the day that you order them</p>", 40)
		return html(401, shelf+`<form method="post"><p class="error">`+message+`</p><p>`+name+`</p><input name="email"><input type="password" name="p"></form><small>17 items, session 8f3a91</small>`)
	}
	shape := func(name, message string) uint64 {
		return m.Judge(post("/login"), attempt(signin.SignIn, name, "wrong"), page(name, message)).Shape
	}
	const known, unknown = "This is not the right password.", "There is no account with this e-mail address."
	if shape("ann@example.com", known) != shape("bob@example.com", known) {
		t.Error("two people's answers have different shapes")
	}
	if shape("ann@example.com", known) == shape("carl@example.com", unknown) {
		t.Error("answers that tell who has an account have one shape")
	}
}
