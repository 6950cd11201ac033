package signin_test

import (
	"net/http"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

func signUp(account string, others ...string) signin.Attempt {
	a := attempt(signin.SignUp, account, "x")
	a.Route, a.Others, a.Ambiguous = "POST /register", others, len(others) > 0
	return a
}

func jsonAnswer(status int, body string) signin.Answer {
	return signin.Answer{Status: status, Header: http.Header{"Content-Type": {jsonType}}, Body: []byte(body)}
}

func away(to string) signin.Answer {
	return signin.Answer{Status: 303, Header: http.Header{"Location": {to}, "Set-Cookie": {"sid=0123456789abcdef0123; HttpOnly"}}}
}

const accessToken = `"access_token":"0123456789abcdef0123456789abcdef"`

// TestRegisters_WhoSignsUp_IsToldWhereTheAnswerSignsIn has what people do beside what
// a person does who wants to be taken for another.
func TestRegisters_WhoSignsUp_IsToldWhereTheAnswerSignsIn(t *testing.T) {
	signedIn, declared, signs := signUp("ann@x"), signUp("ann@x"), signUp("ann@x")
	signedIn.SignedIn = true
	declared.Declared = true
	signs.Declared, signs.SignsIn = true, true
	for _, c := range []struct {
		name   string
		a      signin.Attempt
		answer signin.Answer
		want   string
	}{
		{"a form that leads on", signUp("ann@x"), away("/home"), "ann@x"},
		{"JSON with a token", signUp("ann@x"), jsonAnswer(201, `{`+accessToken+`}`), "ann@x"},
		{"declared", declared, away("/home"), "ann@x"},
		{"declared to sign in, whatever it says", signs, away("/home?check=mail"), "ann@x"},
		{"a message is sent", signUp("victim@x"), away("/check-your-mail"), ""},
		{"a message is sent, in words", signUp("victim@x"), html(200, "<p>Thank you. We have sent you a link.<a href=/logout>Log out</a>"), ""},
		{"JSON that asks to confirm", signUp("victim@x"), jsonAnswer(200, `{"success":true,"message":"Please confirm your address"}`), ""},
		{"JSON that says so by a member", signUp("victim@x"), jsonAnswer(200, `{"success":true,"confirmation_required":true}`), ""},
		{"refused", signUp("victim@x"), jsonAnswer(422, `{"errors":{"email":["has already been taken"]}}`), ""},
		{"by who is signed in", signedIn, away("/users"), ""},
		{"no name", signUp(""), away("/home"), ""},
		{"two addresses", signUp("mallory@x", "victim@x"), jsonAnswer(200, `{`+accessToken+`,"user":{"email":"mallory@x"}}`), ""},
		{"a name and an address, not told", signUp("mallory@x", "admin"), away("/home"), ""},
		{"a name and an address, one of them told", signUp("mallory@x", "admin"), jsonAnswer(200, `{`+accessToken+`,"user":{"email":"mallory@x"}}`), ""},
		{"a name and an address, both told", signUp("ann@x", "ann"), jsonAnswer(200, `{`+accessToken+`,"user":{"email":"ann@x","username":"Ann"}}`), "ann"},
		{"a name and an address, told of two people", signUp("mallory@x", "admin"), jsonAnswer(200, `{`+accessToken+`,"user":{"email":"mallory@x"},"referrer":{"username":"admin"}}`), ""},
	} {
		v := newModel(t, nil).Judge(post("/register"), c.a, c.answer)
		if v.Registers != c.want || v.Binds {
			t.Errorf("%s: %q, binds is %v, want %q: %v, %s", c.name, v.Registers, v.Binds, c.want, v.Outcome, v.Why)
		}
	}
}

// TestRegisters_RouteAnswersAlikeForATakenName_RegistersNobodyAnyMore.
func TestRegisters_RouteAnswersAlikeForATakenName_RegistersNobodyAnyMore(t *testing.T) {
	m := newModel(t, nil)
	if v := m.Judge(post("/register"), signUp("victim@x"), away("/home")); v.Registers == "" {
		t.Fatal("nothing to take back")
	}
	m.Taken(signUp("victim@x"))
	if v := m.Judge(post("/register"), signUp("other@x"), away("/home")); v.Registers != "" {
		t.Errorf("%q is registered by a route whose answers don't tell", v.Registers)
	}
	other := signUp("ann@x")
	other.Route = "POST /api/register"
	if v := m.Judge(post("/api/register"), other, away("/home")); v.Registers == "" {
		t.Error("another route is concerned")
	}
}

// TestRegisters_ByAToken_IsAProgramsOwn that makes accounts for others.
func TestRegisters_ByAToken_IsAProgramsOwn(t *testing.T) {
	r := post("/api/users")
	r.Header.Set("Authorization", "Bearer 0123456789abcdef0123456789abcdef")
	if v := newModel(t, nil).Judge(r, signUp("new@x"), jsonAnswer(201, `{`+accessToken+`}`)); v.Registers != "" {
		t.Errorf("%q is registered", v.Registers)
	}
}

// TestRegisters_NameInAnUnusualField_Registers nobody: who registers as himself can
// name another in a field that the backend does not read.
func TestRegisters_NameInAnUnusualField_RegistersNobody(t *testing.T) {
	m := newModel(t, nil)
	for range 12 {
		m.Judge(post("/register"), signUp("ann@x"), away("/home"))
	}
	a := signUp("victim")
	a.AccountAt.Name = "nick"
	if v := m.Judge(post("/register"), a, away("/home")); v.Registers != "" {
		t.Errorf("%q is registered", v.Registers)
	}
}

func TestNewFinder_SignsIn_NeedsASignUpAndAReason(t *testing.T) {
	for _, r := range []signin.Route{
		{Path: "/register", Kind: signin.SignUp, SignsIn: true},
		{Path: "/login", Kind: signin.SignIn, SignsIn: true, Reason: "it does"},
	} {
		if _, err := signin.NewFinder(signin.FinderOptions{Routes: []signin.Route{r}}); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}
