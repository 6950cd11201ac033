package signin

import (
	"net/http"
	"slices"
	"strings"
)

// This file tells of sign-ups whether they sign in whom they register. The danger
// is the name of somebody else: a backend that keeps it to itself whether a name is
// taken answers both alike, and then the answer signs nobody in.

// registers gives the account that a sign-up made and signed in, for all that its
// answer says; empty where that can't be told. Whether the answer gives a session
// that only who is signed in has is for who knows the sessions.
func (p *profile) registers(e *reader) string {
	a := e.attempt
	usual := p.usual(a.AccountAt.String())
	switch {
	// Who is signed in makes accounts for others; and one that makes them by a
	// token of its own is a program.
	case a.Account == "" || a.Batch || a.SignedIn || !a.SignsIn && bearsToken(e.request):
		return ""
	case a.SignsIn && !a.Ambiguous:
		return a.Account
	case e.more || e.waits() || !a.Declared && !usual:
		return ""
	case a.Ambiguous:
		return e.toldName()
	}
	return a.Account
}

// bearsToken reports whether a request brings a token in its head.
func bearsToken(r *http.Request) bool {
	for _, name := range [...]string{"Authorization", "X-Auth-Token", "X-Access-Token", "X-Api-Key"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// toldName is the name among an e-mail address and a user name that were both
// given, where the JSON of the answer has both as one person's: it is the user
// name, as addresses may be anybody's until they are confirmed.
func (e *reader) toldName() string {
	a := e.attempt
	if len(a.Others) != 1 {
		return ""
	}
	name, mail := a.Account, a.Others[0]
	if strings.Contains(name, "@") {
		name, mail = mail, name
	}
	if strings.Contains(name, "@") || !strings.Contains(mail, "@") {
		return ""
	}
	within := map[string][2]bool{}
	found := false
	Members(e.jsonText(), func(path, last string, value any) {
		text, ok := value.(string)
		if as, _ := roleOf(last); !ok || as != account {
			return
		}
		at := strings.TrimSuffix(path, last)
		had := within[at]
		had[0] = had[0] || Account(text) == Account(name)
		had[1] = had[1] || Account(text) == Account(mail)
		if len(within) < maxFound {
			within[at] = had
		}
		found = found || had[0] && had[1]
	})
	if !found {
		return ""
	}
	return name
}

// jsonText is the answer's body where that is JSON.
func (e *reader) jsonText() string {
	text := strings.TrimLeft(string(e.answer.Body[:min(len(e.answer.Body), MaxBody)]), " \t\r\n\uFEFF")
	if text == "" || text[0] != '{' && text[0] != '[' {
		return ""
	}
	return text
}

// waiting are words of who has registered and is not let in yet.
var waiting = [...]string{
	"verif", "confirm", "activat", "approv", "pending", "check your", "mail sent", "mailed", "sent you", "sent to", "inbox", "instructions", "bestätig", "freischalt",
	"confirmer", "vérifi", "activer", "confirma", "active su", "conferma", "подтверд", "确认", "驗證", "验证", "確認",
}

// waits reports whether the answer speaks of a message that is to be read first.
func (e *reader) waits() bool {
	said := strings.ToLower(firstBytes(e.answer.Header.Get("Location"), 512))
	if text := e.jsonText(); text != "" {
		Members(text, func(_, name string, value any) {
			if v, ok := value.(string); ok && len(said) < MaxBody && (messages[strings.ToLower(name)] || verdicts[strings.ToLower(name)]) {
				said += " " + strings.ToLower(v)
			}
			if v, ok := value.(bool); ok && v && waitsFor(strings.ToLower(name)) {
				said += " pending"
			}
		})
	} else if e.answer.Status < 300 {
		said += " " + strings.ToLower(scan(string(e.answer.Body[:min(len(e.answer.Body), MaxBody)])).text)
	}
	return strings.Contains(said, "mail") && strings.Contains(said, "check") ||
		slices.ContainsFunc(waiting[:], func(w string) bool { return strings.Contains(said, w) })
}

// waitsFor reports whether a member that is true says that something is still to be
// done: "requires_confirmation", "email_verification_required".
func waitsFor(name string) bool {
	return (strings.Contains(name, "requir") || strings.Contains(name, "need") || strings.Contains(name, "pending") || strings.Contains(name, "await")) &&
		!strings.Contains(name, "not")
}

// Taken is told that a sign-up which looked like a success named an account that was
// there before: the route's answers don't tell whether the account is new.
func (m *Model) Taken(a Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.routes[a.Route]; p != nil {
		p.sameForTaken = true
	}
}
