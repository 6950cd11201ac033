package guard

import "strings"

// passwordNames are whole names of password fields, without separators and in
// lower case: "new_password" and "newPassword" are "newpassword".
var passwordNames = map[string]bool{
	"pass": true, "pwd": true, "pw": true, "psw": true, "passphrase": true, "userpass": true, "loginpass": true,
	"newpass": true, "oldpass": true, "repass": true, "pass1": true, "pass2": true, "newpwd": true, "oldpwd": true,
	"userpwd": true, "passwordagain": true, "passwordconfirm": true, "passwordconfirmation": true, "passwordrepeat": true,
	"passwordverify": true, "passwordnew": true, "password1": true, "password2": true, "passwd1": true, "passwd2": true,
	"motdepasse": true, "mdp": true, "contrasena": true, "contraseña": true, "senha": true, "wachtwoord": true, "haslo": true,
	"hasło": true, "heslo": true, "parola": true, "salasana": true, "lösenord": true, "losenord": true, "пароль": true, "密码": true,
}

// passwordEnds are what longer names of password fields end with.
var passwordEnds = []string{"password", "passwd", "passwort", "kennwort"}

// columnWords are parts of the names of columns that a password, or its hash,
// is kept in.
var columnWords = []string{"pass", "pwd", "hash", "digest", "secret", "cred", "crypt", "kennwort", "mdp", "senha"}

// maxName is how long a field's name may be to be looked at.
const maxName = 128

// isPasswordField reports whether a field's name says that it holds a password.
// Of a nested name the last part counts: "user[password]", "user.password".
func isPasswordField(name string) bool {
	if len(name) > maxName {
		return false
	}
	name = strings.TrimSuffix(name, ")") // of an argument of GraphQL
	name = strings.TrimRight(strings.TrimSuffix(name, "[]"), "]")
	if i := strings.LastIndexAny(name, "[].("); i >= 0 {
		name = name[i+1:]
	}
	if len(name) < 2 {
		return false
	}
	name = plainName(name)
	if passwordNames[name] {
		return true
	}
	for _, end := range passwordEnds {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// separators are what parts a name's words: they say nothing.
var separators = strings.NewReplacer("_", "", "-", "", " ", "", "$", "", ":", "")

func plainName(name string) string { return strings.ToLower(separators.Replace(name)) }

// isPasswordColumn reports whether a column's name says that it keeps a
// password or its hash.
func isPasswordColumn(name string) bool {
	name = plainName(name)
	for _, word := range columnWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "pw"
}
