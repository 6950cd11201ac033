package signin

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file has the words by which fields and paths are told. A name is taken
// apart into words at everything that is no letter or digit, where lower case
// turns to upper, and before digits: "user[loginName]" is user, login, name.

// maxWords bounds the words of one name: the client makes it.
const maxWords = 16

// wordsOf appends the words of s, in lower case.
func wordsOf(dst []string, s string) []string {
	start, was, most := -1, rune(0), len(dst)+maxWords
	for i, r := range s {
		letter, digit := unicode.IsLetter(r), r >= '0' && r <= '9'
		switch {
		case !letter && !digit:
			dst = appendWord(dst, s[max(start, 0):i], start >= 0 && len(dst) < most)
			start = -1
		case start >= 0 && (digit != isDigit(was) && !twoFactor(s, i) || unicode.IsUpper(r) && unicode.IsLower(was)):
			dst = appendWord(dst, s[max(start, 0):i], start >= 0 && len(dst) < most)
			start = i
		case start < 0:
			start = i
		}
		was = r
	}
	return appendWord(dst, s[max(start, 0):], start >= 0 && len(dst) < most)
}

func appendWord(dst []string, word string, is bool) []string {
	if !is {
		return dst
	}
	return append(dst, strings.ToLower(word))
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// twoFactor reports whether "2fa" or "2sv" begins before i: that is one word.
func twoFactor(s string, i int) bool {
	if i == 0 || s[i-1] != '2' || i+2 > len(s) {
		return false
	}
	next := strings.ToLower(s[i : i+2])
	return next == "fa" || next == "sv"
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// What a field's name says, in the languages that sites are written in.
var (
	passwordWords = set(`password passwords passwd pass pwd psw pw passwort kennwort passphrase contraseña contrasena clave senha parola
		haslo hasło heslo wachtwoord lösenord losenord salasana passord adgangskode parool şifre sifre пароль 密码 密碼 パスワード userpass
		userpassword loginpassword passw pword`)
	// passwordParts are such words where they are written in one with others.
	passwordParts = []string{"password", "passwd", "passwort", "kennwort", "motdepasse", "contraseña"}
	// aboutPassword are words beside them that make a field one about a password.
	aboutPassword = set(`hint policy strength length forgot forgotten show remember save keep has use type method reset token expires expiry
		changed url id field label enabled`)
	confirmWords = set(`confirm confirmation confirmed conf repeat repeated retype again verify verification check 2 second bestätigung wiederholen confirmar`)
	newWords     = set(`new neu neues nuevo nouveau`)
	oldWords     = set(`old current cur existing previous altes aktuelles actual`)

	accountWords = map[string]int{
		"email": 5, "mail": 5, "username": 5, "login": 3, "loginname": 5, "userlogin": 5, "userid": 4, "uname": 5, "identifier": 4, "identity": 4,
		"user": 4, "account": 4, "uid": 4, "usr": 4, "benutzer": 4, "benutzername": 5, "utilisateur": 4, "identifiant": 5, "usuario": 5,
		"utente": 4, "gebruikersnaam": 5, "användarnamn": 5, "courriel": 5, "correo": 5, "loginfmt": 5, "log": 3, "handle": 3, "nick": 3,
		"nickname": 3, "phone": 3, "mobile": 3, "msisdn": 3, "member": 3, "customer": 3, "emailaddress": 5, "name": 1, "id": 1,
		"пользователь": 4, "логин": 5, "用户名": 5, "ユーザー": 4, "screenname": 4, "principal": 4,
	}
	// ownerWords stand before a "name" or an "id" that is an account's.
	ownerWords = set(`wp user login member customer account session signin j data`)
	// aboutAccount are words beside them that make a field one about an account.
	aboutAccount = set(`agent type role group first last middle full display company token csrf hash count submit button redirect action url
		remember host server db database smtp ldap proxy sender from to cc bcc subject message content text form attempt`)

	strongCodeWords = set(`otp totp hotp mfa 2fa 2sv tfa twofactor authcode onetimecode onetimepassword verificationcode authenticationcode`)
	codeWords       = set(`code token pin passcode challenge answer`)
	couponWords     = set(`coupon coupons voucher vouchers promo promocode promotion giftcard giftcode discount redeem redemption invite invitation
		couponcode vouchercode gutschein gutscheincode cupon bonus activation license licence serial`)
	cardWords = set(`card cvc cvv pan iban expiry`)
	cardNames = []string{"cardnumber", "ccnumber", "cardno", "cvc", "cvv", "securitycode"}
)

// What a path's words say.
var (
	signInWords = set(`login signin logon session sessions authenticate authentication auth authorize userlogin wplogin token anmelden anmeldung connexion
		credentials acceder entrar inloggen sso`)
	// nameFirst are those of a sign-in that asks for the name before the password.
	nameFirst     = set(`login signin logon identifier lookup anmelden connexion`)
	signUpWords   = set(`register registration registrations signup join enroll enrol createaccount registrieren inscription registro subscribe`)
	recoveryWords = set(`forgot forgotten reset recover recovery lost remind reminder lostpassword resetpassword passwordreset forgotpassword
		passwordrecovery vergessen oubli olvido retrieve retrievepassword pwreset`)
	factorWords  = set(`otp totp mfa 2fa 2sv tfa twofactor factor verify verification challenge authenticator onetime code checkpoint`)
	confirmPath  = set(`confirm sudo reauthenticate reauth unlock elevate verify`)
	signOutWords = set(`logout signout logoff signoff userlogout abmelden deconnexion salir uitloggen`)
	usersWords   = set(`users user accounts account members customers profiles`)
)

// routingNames are the parameters in which programs with one script for
// everything say what is asked for.
var routingNames = set(`action title route do mode task page view op cmd ajax q r module controller option func method operationname`)

// pairs are words that are written apart and mean one.
var pairs = map[string]string{
	"sign in": "signin", "log in": "login", "sign up": "signup", "sign out": "signout", "log out": "logout", "log off": "logoff",
	"log on": "logon", "sign on": "signin", "two factor": "twofactor", "one time": "onetime", "create account": "createaccount", "new account": "createaccount",
	"two step": "twofactor", "gift card": "giftcard", "gift code": "giftcode", "auth code": "authcode",
}

// compound are words that others end in where they are written in one:
// "clientlogin" is a login.
var compound = [...]string{"login", "signin", "logout", "signout", "logoff"}

// joined adds to words what two of them mean together, and what compounds end in.
func joined(words []string) []string {
	for _, w := range words {
		for _, end := range compound {
			if len(w) > len(end) && strings.HasSuffix(w, end) {
				words = append(words, end)
			}
		}
	}
	for i := 0; i+1 < len(words); i++ {
		if one, ok := pairs[words[i]+" "+words[i+1]]; ok {
			words = append(words, one)
		}
	}
	return words
}

func has(words []string, in map[string]bool) bool {
	for _, w := range words {
		if in[w] {
			return true
		}
	}
	return false
}

// A role is what a field is to an attempt.
type role uint8

const (
	other role = iota
	account
	password
	newPassword // or one that is repeated
	oldPassword
	strongCode
	weakCode
	coupon
	card
)

// roleOf says what a field of this name is, and how surely, where it is an
// account.
func roleOf(name string) (role, int) {
	var room [maxWords]string
	words := wordsOf(room[:0], name)
	plain := strings.Join(words, "")
	for _, c := range cardNames {
		if strings.HasSuffix(plain, c) {
			return card, 0
		}
	}
	words = joined(words)
	if isPassword(words, plain) {
		switch {
		case strings.Contains(plain, "onetime"):
			return strongCode, 0
		case has(words, oldWords):
			return oldPassword, 0
		case has(words, confirmWords), has(words, newWords):
			return newPassword, 0
		}
		return password, 0
	}
	switch {
	case has(words, couponWords):
		return coupon, 0
	case has(words, cardWords):
		return card, 0
	case has(words, strongCodeWords):
		return strongCode, 0
	case has(words, codeWords) && !has(words, otherCodes):
		if has(words, proofCodes) && !has(words, tokenWord) {
			return strongCode, 0
		}
		return weakCode, 0
	}
	best := 0
	for _, w := range words {
		if accountWords[w] > 1 || len(words) == 1 || has(words[:1], ownerWords) {
			best = max(best, accountWords[w])
		}
	}
	if best == 0 || has(words, aboutAccount) {
		return other, 0
	}
	return account, best
}

// otherCodes are words that make a code one of something else, proofCodes those
// that make it a proof; a token is more often a form's own.
var (
	otherCodes = set(`csrf xsrf post postal zip country area currency language lang product sku color status error captcha recaptcha verifier
		authenticity request form state nonce access refresh id qr bar source`)
	tokenWord  = set(`token`)
	proofCodes = set(`verification authentication auth sms security backup recovery confirmation login twofactor onetime`)
)

func isPassword(words []string, plain string) bool {
	is := has(words, passwordWords)
	for _, part := range passwordParts {
		is = is || strings.Contains(plain, part)
	}
	return is && !has(words, aboutPassword)
}

// looksLikeCode reports whether a value has the form of a code that is typed: six
// to eight digits, in groups or not; or, where recovery codes may be, a short
// word with a digit in it.
func looksLikeCode(v string) bool {
	digits, rest := 0, 0
	for _, r := range v {
		switch {
		case isDigit(r):
			digits++
		case r == ' ' || r == '-':
		case unicode.IsLetter(r):
			rest++
		default:
			return false
		}
	}
	n := utf8.RuneCountInString(v)
	return rest == 0 && digits >= 4 && digits <= 10 || digits > 0 && n >= 6 && n <= 24
}

// allDigits reports whether a value is four to ten digits, in groups or not.
func allDigits(v string) bool {
	return looksLikeCode(v) && strings.IndexFunc(v, unicode.IsLetter) < 0
}
