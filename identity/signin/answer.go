package signin

import (
	"net/http"
	"net/url"
	"strings"
)

// An Answer is what the backend answered an attempt.
type Answer struct {
	Status int
	Header http.Header
	// Body is the beginning of the body, without its content coding; of more
	// than MaxBody bytes that much is looked at.
	Body []byte
}

// MaxBody is how much of an answer is looked at: forms stand in the first
// half of their page.
const MaxBody = 64 << 10

// evidence is one thing that speaks for success (points above zero) or failure.
type evidence struct {
	points int
	words  string
}

// A reader collects what one answer says.
type reader struct {
	attempt *Attempt
	request *http.Request
	answer  Answer
	found   []evidence
	// more is set where the answer asks for a second factor.
	more bool
	// renewed is set where it sets a session's cookie.
	renewed bool
	// target is where it redirects to, as a path.
	target string
}

func (e *reader) say(points int, words string) { e.found = append(e.found, evidence{points, words}) }

func (e *reader) total() (sum int) {
	for _, f := range e.found {
		sum += f.points
	}
	return sum
}

// read looks at all of the answer.
func (e *reader) read() {
	e.cookies()
	e.headToken()
	switch s := e.answer.Status; {
	case s == http.StatusUnauthorized, s == http.StatusUnprocessableEntity:
		e.say(-9, "the status is "+http.StatusText(s))
	case s == http.StatusTooManyRequests, s == http.StatusLocked:
		e.say(-9, "the backend refuses to judge more tries")
	case s >= 400 && s < 500:
		e.say(-8, "the status is "+http.StatusText(s))
		e.body() // it may ask for a second factor
	case s >= 300 && s < 400 && s != http.StatusNotModified:
		e.redirect()
	case s == http.StatusNoContent, s == http.StatusResetContent:
		e.say(4, "the status is "+http.StatusText(s))
	case s >= 200 && s < 300:
		if s == http.StatusCreated {
			e.say(3, "the status is "+http.StatusText(s))
		}
		e.body()
	}
}

// headToken looks for a token in the head, as those of devise are given.
func (e *reader) headToken() {
	for _, name := range TokenFields {
		value := e.answer.Header.Get(name)
		if _, token, ok := strings.Cut(value, " "); ok {
			value = token
		}
		if len(value) >= minSecret && !strings.ContainsAny(value, " \t") {
			e.say(7, "the head gives a token")
			return
		}
	}
}

// TokenFields are the fields of an answer's head in which frameworks give a token.
var TokenFields = [...]string{"Authorization", "Access-Token", "X-Auth-Token", "X-Access-Token"}

// redirect looks at where the client is sent.
func (e *reader) redirect() {
	location, err := url.Parse(e.answer.Header.Get("Location"))
	if err != nil || e.answer.Header.Get("Location") == "" {
		return
	}
	at := e.request.URL.ResolveReference(location)
	e.target = at.Path
	path := spoken(at.Path)
	words := joined(append(spoken(at.Path), spoken(firstBytes(location.RawQuery+"&"+location.Fragment, 512))...))
	same := strings.TrimSuffix(at.Path, "/") == strings.TrimSuffix(e.request.URL.Path, "/")
	switch {
	case has(words, moreWords) || has(path, factorWords) && !has(words, failWords):
		e.more = true
		e.say(2, "it redirects to where a second factor is asked for")
	case has(words, failWords):
		e.say(-7, "it redirects to where an error is told")
	case has(path, signInWords) && !has(words, wellWords):
		e.say(-6, "it redirects to a sign-in")
	case same && location.RawQuery == e.request.URL.RawQuery && e.renewed:
		e.say(1, "it redirects to where the form was sent, with another session")
	case same && location.RawQuery == e.request.URL.RawQuery:
		e.say(-3, "it redirects to where the form was sent")
	case same:
		e.say(1, "it redirects to another view of where the form was sent")
	default:
		e.say(4, "it redirects away from the sign-in")
	}
}

// spoken are the words of a path or a query, without what was drawn at random:
// that has words in it by chance.
func spoken(s string) (words []string) {
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune("/?&=;", r) }) {
		digits := 0
		for _, r := range part {
			if isDigit(r) {
				digits++
			}
		}
		if len(part) <= 12 || digits < 3 && len(part) <= 64 {
			words = wordsOf(words, part)
		}
	}
	return joined(words)
}

var (
	failWords = set(`error errors err fail failed failure invalid incorrect denied wrong lockout locked badcredentials unauthorized
		nologin loginfailed disabled expired`)
	wellWords = set(`success successful succeeded welcome loggedin callback dashboard continue code`)
	moreWords = set(`otp totp mfa 2fa 2sv tfa twofactor loginwith2fa authenticator webauthn u2f`)
)

// body looks at what the answer says.
func (e *reader) body() {
	body := e.answer.Body[:min(len(e.answer.Body), MaxBody)]
	text := strings.TrimLeft(string(body), " \t\r\n\uFEFF")
	kind := strings.ToLower(e.answer.Header.Get("Content-Type"))
	// What protects JSON from being run as a script (Angular, Gerrit, Google).
	for _, prefix := range [...]string{")]}',", ")]}'", "while(1);", "for(;;);"} {
		text = strings.TrimLeft(strings.TrimPrefix(text, prefix), " \t\r\n")
	}
	switch {
	case bareToken(text):
		e.say(7, "the answer is a token")
	case strings.Contains(kind, "json"), text != "" && strings.ContainsRune("{[", rune(text[0])) && !strings.Contains(kind, "html"):
		e.json(text)
	case strings.Contains(kind, "html"), strings.HasPrefix(text, "<"):
		e.html(text)
	default:
		e.text(text)
	}
}

// bareToken reports whether an answer is one token and nothing else: long, of the
// characters that tokens have, letters and digits among them.
func bareToken(s string) bool {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	if len(s) < 2*minSecret || len(s) > 8<<10 {
		return false
	}
	letters, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(rune(c)):
			digits++
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case !strings.ContainsRune("._|~+/=-", rune(c)):
			return false
		}
	}
	return digits >= 3 && letters >= 6
}

// text looks at an answer of a few words.
func (e *reader) text(s string) {
	if s == "" && e.answer.Status < 300 {
		if e.renewed {
			e.say(2, "the answer is empty, with a session")
		}
		return
	}
	if len(s) > 512 {
		return
	}
	switch strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'.!`)) {
	case "ok", "true", "1", "success", "yes", "created":
		e.say(5, "the answer is a word of consent")
		return
	case "false", "0", "no", "fail", "failed", "error", "invalid":
		e.say(-5, "the answer is a word of refusal")
		return
	}
	e.phrases(s, 3)
}

// phrases looks for sentences by which programs say that they refuse, and that
// they welcome.
func (e *reader) phrases(s string, weight int) {
	low := strings.ToLower(firstBytes(s, MaxBody))
	for _, p := range refusals {
		if strings.Contains(low, p) {
			e.say(-weight, "the text says that something is wrong")
			return
		}
	}
	for _, p := range welcomes {
		if strings.Contains(low, p) {
			e.say(weight, "the text says that the client is signed in")
			return
		}
	}
}

// refusals are what programs say to who gave a wrong password, in lower case.
var refusals = []string{
	"incorrect", "invalid user", "invalid pass", "invalid log", "invalid cred", "invalid email", "invalid e-mail", "invalid code", "invalid otp", "invalid token",
	"wrong pass", "wrong user", "wrong cred", "wrong e", "wrong code", "not valid", "not match", "n't match", "not recogni", "unrecogni", "unknown user", "unknown account",
	"unknown email", "not found", "doesn't exist", "does not exist", "no such user", "no account", "login failed", "log in failed", "sign in failed", "sign-in failed", "login error",
	"authentication failed", "failed to log", "failed to sign", "failed to auth", "could not log", "couldn't log", "could not sign", "couldn't sign", "unable to log", "unable to sign", "try again",
	"bad cred", "please check your", "please enter a correct", "access denied", "account is locked", "account has been locked", "too many",
	"ungültig", "falsch", "fehlgeschlagen", "nicht korrekt", "stimmt nicht", "incorrecte", "invalide", "incorrecto", "incorrecta", "inválid", "non valid", "errat", "onjuist",
	"felaktig", "неверн", "неправильн", "错误", "不正确", "不存在", "違", "正しくありません",
}

var welcomes = []string{
	"logged in as", "signed in as", "successfully logged in", "successfully signed in", "login successful", "logged in successfully", "signed in successfully",
	"you are now logged in", "you are now signed in", "you have been logged in", "you have logged in", "welcome back", "logged in", "erfolgreich angemeldet", "connexion réussie", "登录成功",
}

func firstBytes(s string, n int) string { return s[:min(len(s), n)] }
