package signin

import (
	"encoding/json"
	"strings"
	"unicode"
)

// tokenNames are the members in which an answer gives a token, without "_" and
// case.
var tokenNames = set(`token accesstoken authtoken sessiontoken jwt idtoken bearer bearertoken apitoken apikey sessionid session sid refreshtoken
	key usertoken logintoken xauthtoken ticket access refresh`)

// TokenName reports whether a member of JSON of this name holds a credential.
func TokenName(name string) bool {
	return tokenNames[strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))]
}

// Members calls yield with the members of objects in text, at most to a depth of
// six; of lists, the first 16 elements. It stops at what is no JSON: a text that
// is cut off gives what it has. path is the names, joined by dots.
func Members(text string, yield func(path, name string, value any)) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	walkValue(d, "", "", 0, yield)
}

const (
	maxMemberDepth = 32
	shownDepth     = 6
	shownElements  = 16
)

// walkValue reads one value. It reports false where the text ends.
func walkValue(d *json.Decoder, path, name string, depth int, yield func(string, string, any)) bool {
	t, err := d.Token()
	if err != nil || depth > maxMemberDepth {
		return false
	}
	switch t {
	case json.Delim('{'):
		yieldAt(depth, path, name, t, yield)
		for d.More() {
			k, err := d.Token()
			key, ok := k.(string)
			if err != nil || !ok {
				return false
			}
			at := key
			if path != "" {
				at = path + "." + key
			}
			if !walkValue(d, at, key, depth+1, yield) {
				return false
			}
		}
		_, err = d.Token()
		return err == nil
	case json.Delim('['):
		empty := !d.More()
		if !empty {
			yieldAt(depth, path, name, t, yield)
		}
		for n := 0; d.More(); n++ {
			to := yield
			if n >= shownElements {
				to = func(string, string, any) {}
			}
			if !walkValue(d, path+"[]", name, depth+1, to) {
				return false
			}
		}
		_, err = d.Token()
		return err == nil
	}
	yieldAt(depth, path, name, t, yield)
	return true
}

func yieldAt(depth int, path, name string, v any, yield func(string, string, any)) {
	if depth > 0 && depth <= shownDepth {
		yield(path, name, v)
	}
}

// json looks at the members of an answer.
func (e *reader) json(text string) {
	if t := strings.TrimSpace(text); t == "true" || t == "false" || t == "null" || t == "[]" || t == "{}" {
		e.text(strings.Replace(strings.Replace(t, "null", "false", 1), "[]", "false", 1))
		return
	}
	told := map[string]bool{}
	once := func(points int, words string) {
		if !told[words] {
			told[words] = true
			e.say(points, words)
		}
	}
	depthOf := func(path string) int { return strings.Count(path, ".") + 1 }
	var own person
	Members(text, func(path, name string, value any) {
		plain := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
		if path == name {
			own.see(plain, value)
		}
		if asksMore(plain, value) {
			e.more = true
			once(2, "the JSON asks for a second factor")
			return
		}
		if depthOf(path) <= 4 {
			e.member(plain, value, depthOf(path), once)
		}
	})
	if own.key && own.known {
		once(3, "the JSON is a person's row")
	}
}

// A person is what the members of the answer itself say of one: a key, and what
// nothing but an account has. A key and a name are of anything.
type person struct{ key, known bool }

func (p *person) see(plain string, value any) {
	text, _ := value.(string)
	number, _ := value.(json.Number)
	switch {
	case rowKeys[plain]:
		p.key = p.key || text != "" || number != "" && number != "0"
	case accountMembers[plain]:
		p.known = p.known || text != "" || value == json.Delim('[')
	}
}

// asksMore reports whether a member says that a second factor is wanted.
func asksMore(plain string, value any) bool {
	about := false
	for _, w := range [...]string{"mfa", "2fa", "twofactor", "otp", "totp", "secondfactor"} {
		about = about || strings.Contains(plain, w)
	}
	switch v := value.(type) {
	case bool:
		return about && v && !strings.Contains(plain, "enabled") && !strings.Contains(plain, "verified")
	case string:
		low := strings.ToLower(v)
		if about && (strings.Contains(plain, "token") || strings.Contains(plain, "challenge") || strings.Contains(plain, "pending")) {
			return v != ""
		}
		return len(low) < 64 && (strings.Contains(low, "mfa_required") || strings.Contains(low, "2fa_required") || strings.Contains(low, "otp_required") ||
			strings.Contains(low, "two_factor") || strings.Contains(low, "mfa_challenge") || strings.Contains(low, "software_token_mfa") || strings.HasPrefix(low, "2fa_"))
	}
	return false
}

// member looks at one member. plain is its name in lower case.
func (e *reader) member(plain string, value any, depth int, say func(int, string)) {
	if text, ok := value.(string); ok {
		e.textMember(plain, text, say)
		return
	}
	switch {
	case value == nil && (plain == "data" || people[plain] || TokenName(plain) || strings.Contains(plain, "login") || strings.Contains(plain, "signin")):
		say(-4, "what the JSON would give is null")
	case verdicts[plain]:
		sayVerdict(plain, value, say)
	case errorNames[plain]:
		sayError(value, say)
	case codeNames[plain] && depth == 1:
		if n, ok := value.(json.Number); ok {
			switch {
			case n == "0" || n == "200" || n == "20000" || n == "1" && plain == "code":
				say(4, "the JSON's code is that of success")
			default:
				say(-5, "the JSON's code is that of a failure")
			}
		}
	case people[plain] && value == json.Delim('{'):
		say(4, "the JSON describes a person")
	case people[plain] && value == false:
		say(-4, "the JSON says that there is no person")
	case plain == "authorities" && depth == 1 && value == json.Delim('['):
		say(4, "the JSON has a person's authorities")
	case secondFactors[plain] && depth == 1 && value == false:
		say(3, "the JSON says that no second factor is asked for")
	}
}

// sayVerdict reads a member that says how it went, where it is no text.
func sayVerdict(plain string, value any, say func(int, string)) {
	switch v := value.(type) {
	case bool:
		if v {
			say(6, "the JSON says that it succeeded")
		} else {
			say(-8, "the JSON says that it failed")
		}
	case json.Number:
		n, err := v.Int64()
		switch {
		case err != nil:
		case n == 0 && plain != "status", n >= 400 && n < 600:
			say(-6, "the JSON says that it failed")
		case n == 1 && plain != "status":
			say(5, "the JSON says that it succeeded")
		}
	}
}

// sayError reads a member that has an error, where it is no text.
func sayError(value any, say func(int, string)) {
	switch v := value.(type) {
	case bool:
		if v {
			say(-7, "the JSON has an error")
		} else {
			say(4, "the JSON says that there is no error")
		}
	case json.Delim:
		say(-5, "the JSON has an error")
	case json.Number:
		if v != "0" {
			say(-5, "the JSON has an error")
		}
	}
}

func (e *reader) textMember(plain, text string, say func(int, string)) {
	low := strings.ToLower(text)
	switch {
	case TokenName(plain) && len(text) >= minSecret && !strings.ContainsAny(text, " \n"):
		say(7, "the JSON gives a token")
	case TokenName(plain) && len(text) >= minShortToken && mixed(text):
		say(4, "the JSON gives a short token")
	case verdicts[plain]:
		switch low {
		case "ok", "success", "succeeded", "true", "authenticated", "valid", "pass", "passed", "loggedin", "complete", "pass_", "1", "y", "yes":
			say(6, "the JSON says that it succeeded")
		case "error", "fail", "failed", "failure", "false", "invalid", "denied", "unauthorized", "ng", "0", "n", "no":
			say(-8, "the JSON says that it failed")
		}
	case codeNames[plain] && has(wordsOf(nil, firstBytes(low, 64)), failWords):
		say(-5, "the JSON's code is that of a failure")
	case errorNames[plain] && text != "":
		say(-6, "the JSON has an error")
	case messages[plain] && consents[strings.Trim(low, " .!")]:
		say(4, "the text is a word of consent")
	case messages[plain]:
		n := len(e.found)
		e.phrases(text, 4)
		if len(e.found) > n { // each message counts once
			last := e.found[n]
			e.found = e.found[:n]
			say(last.points, last.words)
		}
	case strings.HasPrefix(plain, "redirect") || plain == "url" || plain == "location" || plain == "next":
		words := spoken(firstBytes(text, 512))
		switch {
		case has(words, failWords):
			say(-5, "the JSON names a page of an error")
		case has(words, moreWords):
			e.more = true
		case !has(words, signInWords) && text != "":
			say(3, "the JSON names where to go on")
		}
	}
}

// minShortToken is the shortest text that may be a token, where what a framework
// draws is longer.
const minShortToken = 8

// mixed reports whether a text has several letters and digits, and nothing that words have
// between them.
func mixed(s string) bool {
	digits := 0
	for _, r := range s {
		if isDigit(r) {
			digits++
		} else if !unicode.IsLetter(r) {
			return false
		}
	}
	return digits >= 3 && len(s)-digits >= 3
}

var (
	verdicts = set(`ok auth success succeeded successful status result authenticated isauthenticated loggedin isloggedin valid issuccess authorized
		loginok state login outcome`)
	errorNames = set(`error errors err exception failure haserror iserror errorcode errcode errormessage errormsg errordescription reason fault detail
		fielderrors nonfielderrors formerrors`)
	codeNames      = set(`code errno retcode returncode resultcode statuscode rc`)
	people         = set(`user account profile currentuser me member customer principal viewer userinfo`)
	rowKeys        = set(`id uid uuid userid accountid`)
	accountMembers = set(`email mail username login role roles emailaddress`)
	secondFactors  = set(`twofactor twofactorrequired mfarequired requires2fa requirestwofactor otprequired`)
	consents       = set(`ok success successful succeeded authenticated`)
	messages       = set(`message msg text title description info notice html content`)
)
