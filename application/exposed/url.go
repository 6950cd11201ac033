package exposed

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// The rules of secrets in a URL. They are observed, never refused.
const (
	// RuleSessionInURL: whoever sees the URL has the session.
	RuleSessionInURL = "session-in-url"
	// RuleTokenInURL: a key, or a token that authorises requests.
	RuleTokenInURL = "token-in-url"
	// RulePasswordInURL: a password.
	RulePasswordInURL = "password-in-url"
	// RuleLinkInURL: a secret that is made to stand in a link, and works once
	// or for a time: the links of mails, signed URLs, OAuth's code.
	RuleLinkInURL = "link-in-url"
)

// A Finding is a secret that stands in a URL.
type Finding struct {
	Rule  string
	Place gatehouse.Place
	// Lesser findings are what protocols and mails do on purpose.
	Lesser   bool
	Evidence string
}

// names of parameters, in lower case and without separators, by what they
// hold.
var (
	sessionNames  = words("phpsessid jsessionid aspsessionid aspnetsessionid sessionid sessid sid connectsid cfid cftoken session sessiontoken sessionkey")
	passwordNames = words("password passwd pwd passwort motdepasse passphrase userpassword loginpassword newpassword oldpassword currentpassword pin otp totp cvv cvc")
	tokenNames    = words("accesstoken authtoken apitoken bearertoken refreshtoken idtoken bearer jwt apikey xapikey appkey clientsecret secret secretkey secretaccesskey privatetoken privatekey accesskey subscriptionkey authorization token authkey usertoken")
	linkNames     = words("code state resettoken passwordresettoken invitetoken invitationtoken confirmationtoken verificationtoken activationtoken unsubscribetoken magic idtokenhint samlrequest samlresponse relaystate ticket signature sig hash xamzsignature xamzcredential xamzsecuritytoken xgoogsignature xgoogcredential policy keypairid hdnea hmac oobcode")
)

// linkSteps are parts of a path whose links carry a token on purpose.
var linkSteps = []string{"reset", "verify", "confirm", "activat", "invit", "unsubscribe", "magic", "password", "accept", "email", "callback", "signed", "download", "share", "preview", "ical", "calendar", "feed", "rss"}

var jwtForm = regexp.MustCompile(`^eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*$`)

// maxParameters bounds how many parameters are looked at.
const maxParameters = 256

// InURL finds the secrets in a request's URL, by the names of its parameters
// and the form of their values. Nothing of a value is in the evidence.
func InURL(r *http.Request) []Finding {
	var found []Finding
	if strings.IndexByte(r.URL.RawQuery, '=') >= 0 {
		found = inQuery(r.URL)
	}
	return append(found, inMatrix(r.URL.EscapedPath())...)
}

func inQuery(u *url.URL) (found []Finding) {
	all := parameters(u.RawQuery)
	signed, oauth := false, false
	for _, p := range all {
		switch p.plain {
		case "xamzsignature", "xgoogsignature", "signature", "sig", "policy", "keypairid":
			signed = true
		case "state", "iss":
			oauth = true
		}
	}
	step := linkStep(u.Path)
	for _, p := range all {
		rule := ruleOf(p)
		if rule == "" {
			continue
		}
		f := Finding{Rule: rule, Place: gatehouse.Place{Kind: gatehouse.Query, Name: p.name}}
		switch {
		case rule == RulePasswordInURL, rule == RuleSessionInURL:
		case rule == RuleLinkInURL, signed, step, p.plain == "code" && oauth:
			f.Rule, f.Lesser = RuleLinkInURL, true
		}
		f.Evidence = inURLWords[f.Rule] + ": " + secret.Value(p.value)
		found = append(found, f)
	}
	return found
}

// inURLWords is what each rule says of a parameter.
var inURLWords = map[string]string{
	RuleSessionInURL:  "the URL holds a session's identifier, which histories, logs and Referer headers keep",
	RuleTokenInURL:    "the URL holds a token or key, which histories, logs and Referer headers keep",
	RulePasswordInURL: "the URL holds a password, which histories, logs and Referer headers keep",
	RuleLinkInURL:     "the URL holds a token that is made for a link",
}

type parameter struct{ name, plain, value string }

// parameters reads a query without regard to what is broken in it.
func parameters(query string) (list []parameter) {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || len(name) > 128 {
			continue
		}
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		list = append(list, parameter{secret.Line(name), plainName(name), value})
		if len(list) == maxParameters {
			break
		}
	}
	return list
}

// plainName is a name in lower case and without separators; of a nested one,
// its last part.
func plainName(name string) string {
	name = strings.TrimRight(name, "]")
	name = name[strings.LastIndexAny(name, "[")+1:]
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', '.', '[', ']', ' ':
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// ruleOf says what a parameter holds, "" for nothing secret.
func ruleOf(p parameter) string {
	switch {
	case passwordNames[p.plain]:
		if len(p.value) >= 4 && !flag(p.value) {
			return RulePasswordInURL
		}
	case sessionNames[p.plain] && drawn(p.value, 12):
		return RuleSessionInURL
	case linkNames[p.plain] && drawn(p.value, 8):
		return RuleLinkInURL
	case tokenNames[p.plain] && drawn(p.value, 8):
		return RuleTokenInURL
	case jwtForm.MatchString(p.value):
		return RuleTokenInURL
	case len(p.value) >= 16 && strings.HasPrefix(secret.Redact(p.value), secret.Mark):
		return RuleTokenInURL // the form of a service's key
	}
	return ""
}

// flag reports whether a value only says whether or how: pwd=true, otp=sms.
func flag(v string) bool {
	switch strings.ToLower(v) {
	case "true", "false", "none", "null", "show", "hide", "required", "forgot", "reset", "changed", "email", "undefined":
		return true
	}
	return false
}

// drawn reports whether a value could have been drawn at random: long enough,
// of letters, digits and what base64 has, and no mere word.
func drawn(v string, atLeast int) bool {
	if len(v) < atLeast {
		return false
	}
	digits, upper, lower, other := 0, 0, 0, 0
	for i := range len(v) {
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z':
			upper++
		case c >= 'a' && c <= 'z':
			lower++
		case c == '-' || c == '_' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~' || c == ':' || c == '%' || c == '|':
			other++
		default:
			return false
		}
	}
	return digits > 0 && (upper+lower > 0 || len(v) >= 16) || upper > 2 && lower > 2 && other == 0 && len(v) >= 16 || len(v) >= 32 && other == 0
}

func linkStep(path string) bool {
	path = strings.ToLower(path)
	for _, s := range linkSteps {
		if strings.Contains(path, s) {
			return true
		}
	}
	return false
}

// inMatrix finds Java's and ColdFusion's session identifiers in a path's
// matrix parameters.
func inMatrix(path string) (found []Finding) {
	for rest := path; ; {
		_, after, ok := strings.Cut(rest, ";")
		if !ok {
			return found
		}
		rest = after
		param, _, _ := strings.Cut(after, "/")
		param, _, _ = strings.Cut(param, ";")
		name, value, _ := strings.Cut(param, "=")
		if sessionNames[plainName(name)] && drawn(value, 12) {
			found = append(found, Finding{Rule: RuleSessionInURL, Place: gatehouse.Place{Kind: gatehouse.PathSegment, Name: secret.Line(name)},
				Evidence: inURLWords[RuleSessionInURL] + ": " + secret.Value(value)})
		}
		if len(found) == 8 {
			return found
		}
	}
}
