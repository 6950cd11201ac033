package secret

import (
	"regexp"
	"strings"
)

// class is how much a name says about its value.
type class uint8

const (
	// ordinary names hold no secret.
	ordinary class = iota
	// weak names may: their value is replaced where it looks like a token.
	weak
	// strong names do.
	strong
)

// strongWords are the ends of names whose value is a secret, in lower case and
// without separators: "db_password", "X-Api-Key", "clientSecret".
var strongWords = []string{
	"password", "passwd", "passphrase", "passwort", "motdepasse", "contraseña", "passcode", "userpass", "dbpass", "pgpass",
	"passwords", "pwd", "secret", "secrets", "secretkey", "secretaccesskey", "apikey", "apitoken", "accesskey", "accountkey", "privatekey", "signingkey", "encryptionkey",
	"masterkey", "accesstoken", "refreshtoken", "idtoken", "authtoken", "bearertoken", "sessiontoken", "resettoken",
	"csrftoken", "xsrftoken", "clientassertion", "credential", "credentials", "jwt", "cvv", "cvc", "cardnumber", "otp", "totp",
	"sharedaccesskey", "recoverycode", "backupcode", "connectionstring",
}

// weakWords are whole names, in the same spelling.
var weakWords = map[string]bool{
	"token": true, "auth": true, "authorization": true, "proxyauthorization": true, "session": true, "sessionid": true, "sid": true, "connectsid": true, "phpsessid": true,
	"jsessionid": true, "aspsessionid": true, "key": true, "code": true, "sig": true, "signature": true, "xamzsignature": true,
	"xamzsecuritytoken": true, "xauthtoken": true, "ticket": true, "samlresponse": true, "assertion": true, "pass": true, "pin": true,
	"tokens": true, "sessionkey": true, "cookie": true, "setcookie": true, "dsn": true,
}

// nameHints are in lower case what every name of the two lists contains.
var nameHints = []string{
	"pass", "passwort", "motdepasse", "mot-de-passe", "mot_de_passe", "contrase", "pwd", "secret", "key", "token", "jwt", "cvv", "cvc", "card", "otp", "credential",
	"auth", "sess", "sid", "code", "sig", "ticket", "saml", "assertion", "pin", "cookie", "dsn", "connection",
}

// nameClass says what a name tells of its value.
func nameClass(name string) class {
	plain := strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', '.', '[', ']', '%', ' ':
			return -1
		}
		return r
	}, strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(name, "%5B", "["), "%5D", "]")))
	for _, w := range strongWords {
		if strings.HasSuffix(plain, w) {
			return strong
		}
	}
	// "user[token]" and "payment.pin" are the weak name of something.
	last := name[strings.LastIndexAny(strings.TrimRight(name, "]"), "[.")+1:]
	last = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ']' {
			return -1
		}
		return r
	}, strings.ToLower(last))
	if weakWords[plain] || weakWords[last] || strings.HasSuffix(plain, "token") {
		return weak
	}
	return ordinary
}

// placeholder reports whether a value stands for another: SQL and format
// parameters, templates, what was redacted before.
func placeholder(v string) bool {
	switch {
	case strings.HasPrefix(v, Mark), strings.HasPrefix(v, "${"), strings.HasPrefix(v, "{{"), strings.HasPrefix(v, "$("):
		return true
	case strings.Trim(v, "*•x.?") == "":
		return true
	}
	return placeholderExpr.MatchString(v)
}

var placeholderExpr = regexp.MustCompile(`^(?:\$\d{1,3}|:\w{1,32}|@\w{1,32}|%[sdvq]|\{\w{0,32}\}|<[^>]{1,32}>|\?)[,;)]*$`)

// plainWords say something about a secret and are none.
var plainWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`required optional missing invalid empty null none nil undefined true false yes no ok wrong
		incorrect expired changed reset hidden string str text varchar char bool boolean int integer number bytes unknown mismatch
		denied rejected refused accepted valid set unset given absent present removed disabled enabled weak short long plain stored
		hashed encrypted plaintext needed default deprecated unsupported unauthorized forbidden`) {
		m[w] = true
	}
	return m
}()

func plainWord(v string) bool {
	return plainWords[strings.ToLower(strings.TrimRight(v, ".,;:!)]}"))]
}
