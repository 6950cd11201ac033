package signin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/signin"
)

const (
	hexToken = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
	jwtToken = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
	sets     = "Set-Cookie: "
)

// jsonAnswers are what frameworks answer a sign-in by JSON, after their sources and
// documentation: head fields, a blank, the body.
var jsonAnswers = []struct {
	name   string
	status int
	head   string
	body   string
	want   signin.Outcome
}{
	{"devise-token-auth", 200, "Access-Token: " + hexToken + "\nClient: xyz\nUid: ann@x", `{"data":{"id":1,"email":"ann@x","provider":"email","uid":"ann@x","allow_password_change":false,"name":null}}`, signin.Success},
	{"devise-token-auth", 401, "", `{"success":false,"errors":["Invalid login credentials. Please try again."]}`, signin.Failure},
	{"devise-jwt", 200, "Authorization: Bearer " + jwtToken, `{"status":{"code":200,"message":"Welcome."},"data":{"id":1,"created":"2026"}}`, signin.Success},
	{"devise-jwt", 401, "", `{"error":"Invalid Email or password."}`, signin.Failure},
	{"Rails API", 201, sets + "_app=" + hexToken + "; HttpOnly", `{"status":"created","logged_in":true,"user":{"id":1,"email":"ann@x"}}`, signin.Success},
	{"Rails API", 200, "", `{"status":401,"errors":["no such user","verify credentials and try again"]}`, signin.Failure},
	{"Rails API, a row", 201, sets + "_app=" + hexToken + "; HttpOnly", `{"id":1,"created_at":"2026-01-01"}`, signin.Success},
	{"Simple JWT", 200, "", `{"refresh":"` + jwtToken + `","access":"` + jwtToken + `"}`, signin.Success},
	{"Simple JWT", 401, "", `{"detail":"No active account found with the given credentials"}`, signin.Failure},
	{"DRF authtoken", 200, "", `{"token":"` + hexToken + `"}`, signin.Success},
	{"DRF authtoken", 400, "", `{"non_field_errors":["Unable to log in with provided credentials."]}`, signin.Failure},
	{"dj-rest-auth", 200, "", `{"key":"` + hexToken + `"}`, signin.Success},
	{"Laravel Breeze API", 204, sets + "laravel_session=" + hexToken + "; HttpOnly\n" + sets + "XSRF-TOKEN=" + hexToken, ``, signin.Success},
	{"Laravel Breeze API", 422, sets + "laravel_session=" + hexToken + "; HttpOnly", `{"message":"These credentials do not match our records.","errors":{"email":["These credentials do not match our records."]}}`, signin.Failure},
	{"Laravel Fortify", 200, sets + "laravel_session=" + hexToken + "; HttpOnly", `{"two_factor":false}`, signin.Success},
	{"Laravel Fortify", 200, sets + "laravel_session=" + hexToken + "; HttpOnly", `{"two_factor":true}`, signin.Halfway},
	{"Laravel Sanctum token", 200, "Content-Type: text/html; charset=UTF-8", `2|` + hexToken, signin.Success},
	{"Laravel Sanctum token in JSON", 200, "", `{"token":"2|` + hexToken + `"}`, signin.Success},
	{"NextAuth", 200, sets + "next-auth.session-token=" + jwtToken + "; HttpOnly", `{"url":"http://localhost:3000/"}`, signin.Success},
	{"NextAuth", 401, "", `{"url":"http://localhost:3000/api/auth/error?error=CredentialsSignin&provider=credentials"}`, signin.Failure},
	{"Auth.js 5", 200, "", `{"url":"http://localhost:3000/login?error=CredentialsSignin&code=credentials"}`, signin.Failure},
	{"Better Auth", 200, sets + "better-auth.session_token=" + hexToken + "; HttpOnly", `{"redirect":false,"token":"abcdef","user":{"id":"1","email":"ann@x"}}`, signin.Success},
	{"Better Auth", 401, "", `{"code":"INVALID_EMAIL_OR_PASSWORD","message":"Invalid email or password"}`, signin.Failure},
	{"Express", 200, "", `{"ok":true,"user":{"id":7,"name":"Ann"}}`, signin.Success},
	{"Express", 200, "", `{"ok":false,"error":"Wrong password."}`, signin.Failure},
	{"Express, a short token", 200, "", `{"id":7,"token":"a1b2c3d4e5f6"}`, signin.Success},
	{"Express, null for it", 200, "", `{"id":null,"token":null}`, signin.Failure},
	{"Express, auth", 200, "", `{"auth":true,"token":"` + jwtToken + `"}`, signin.Success},
	{"Express, auth", 200, "", `{"auth":false,"token":null,"reason":"x"}`, signin.Failure},
	{"Express, auth alone", 200, "", `{"auth":false}`, signin.Failure},
	{"Express, words", 200, "", `{"message":"Login successful"}`, signin.Success},
	{"Express, other words", 200, "", `{"message":"success"}`, signin.Success},
	{"Express, refusing words", 200, "", `{"message":"Invalid credentials"}`, signin.Failure},
	{"Express, refusing words", 200, "", `{"msg":"User not found"}`, signin.Failure},
	{"Express, no user", 200, "", `{"user":null}`, signin.Failure},
	{"Express, no user", 200, "", `{"user":false,"info":{"message":"Missing credentials"}}`, signin.Failure},
	{"passport", 401, "Content-Type: text/plain", `Unauthorized`, signin.Failure},
	{"JSend", 200, "", `{"status":"success","data":{"user":{"id":1}}}`, signin.Success},
	{"JSend", 200, "", `{"status":"fail","data":{"password":"is wrong"}}`, signin.Failure},
	{"Spring Security", 200, sets + "JSESSIONID=" + strings.ToUpper(hexToken[:32]) + "; HttpOnly", ``, signin.Success},
	{"Spring Security, the user", 200, sets + "JSESSIONID=" + strings.ToUpper(hexToken[:32]) + "; HttpOnly", `{"username":"ann","authorities":[{"authority":"ROLE_USER"}],"accountNonExpired":true,"enabled":true}`, signin.Success},
	{"Spring Security", 401, "", `{"timestamp":"2026-01-01T00:00:00Z","status":401,"error":"Unauthorized","path":"/login"}`, signin.Failure},
	{"Spring JWT", 200, "", `{"token":"` + jwtToken + `","type":"Bearer","id":1,"username":"ann","roles":["ROLE_USER"]}`, signin.Success},
	{"Firebase", 200, "", `{"kind":"identitytoolkit#VerifyPasswordResponse","localId":"Zx1","email":"ann@x","displayName":"","idToken":"` + jwtToken + `","registered":true,"refreshToken":"` + hexToken + `","expiresIn":"3600"}`, signin.Success},
	{"Firebase", 400, "", `{"error":{"code":400,"message":"INVALID_LOGIN_CREDENTIALS","errors":[{"message":"INVALID_LOGIN_CREDENTIALS","domain":"global","reason":"invalid"}]}}`, signin.Failure},
	{"Firebase, second factor", 200, "", `{"mfaPendingCredential":"` + hexToken + `","mfaInfo":[{"mfaEnrollmentId":"x"}],"localId":"Zx1"}`, signin.Halfway},
	{"Supabase", 200, "", `{"access_token":"` + jwtToken + `","token_type":"bearer","expires_in":3600,"refresh_token":"abcdefghijkl","user":{"id":"1","aud":"authenticated","email":"ann@x","confirmation_sent_at":null},"weak_password":null}`, signin.Success},
	{"Supabase", 400, "", `{"code":400,"error_code":"invalid_credentials","msg":"Invalid login credentials"}`, signin.Failure},
	{"Strapi", 200, "", `{"jwt":"` + jwtToken + `","user":{"id":1,"username":"ann","confirmed":true,"blocked":false}}`, signin.Success},
	{"Strapi", 400, "", `{"data":null,"error":{"status":400,"name":"ValidationError","message":"Invalid identifier or password","details":{}}}`, signin.Failure},
	{"Directus", 200, "", `{"data":{"expires":900000,"refresh_token":"` + hexToken + `","access_token":"` + jwtToken + `"}}`, signin.Success},
	{"Directus, a session", 200, sets + "directus_session_token=" + jwtToken + "; HttpOnly", `{"data":{"expires":900000}}`, signin.Success},
	{"Directus", 401, "", `{"errors":[{"message":"Invalid user credentials.","extensions":{"code":"INVALID_CREDENTIALS"}}]}`, signin.Failure},
	{"Directus, second factor", 401, "", `{"errors":[{"message":"Invalid user OTP.","extensions":{"code":"INVALID_OTP"}}]}`, signin.Failure},
	{"Ghost", 201, "Content-Type: text/plain\n" + sets + "ghost-admin-api-session=" + hexToken + "; HttpOnly", `Created`, signin.Success},
	{"Ghost", 422, "", `{"errors":[{"message":"Your password is incorrect.","context":"Your password is incorrect.","type":"ValidationError"}]}`, signin.Failure},
	{"Ghost, second factor", 403, "", `{"errors":[{"message":"User must verify session to login.","type":"Needs2FAError","code":"2FA_NEW_DEVICE_DETECTED"}]}`, signin.Halfway},

	// What is honestly not told stays so.
	{"an object of anything", 200, "", `{"id":7,"name":"Ann"}`, signin.Unsure},
	{"an empty answer", 200, "", ``, signin.Unsure},
	{"a visitor's cookie and a number", 200, sets + "app_session=" + hexToken + "; HttpOnly", `{"attempts":3}`, signin.Unsure},
	{"a token of a form", 200, "", `{"csrf_token":"` + hexToken + `"}`, signin.Unsure},
	{"a time", 200, "", `{"timestamp":1767225600}`, signin.Unsure},
	{"a word", 200, "Content-Type: text/plain", `pong`, signin.Unsure},
	{"a digest", 200, "Content-Type: text/html", `<p>` + hexToken, signin.Unsure},
}

func TestJudge_JSONSignInsOfFrameworks_AreToldWithoutTraining(t *testing.T) {
	for _, c := range jsonAnswers {
		a := signin.Answer{Status: c.status, Header: http.Header{}, Body: []byte(c.body)}
		if c.body != "" {
			a.Header.Set("Content-Type", jsonType)
		}
		for line := range strings.Lines(c.head) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "Content-Type" {
				a.Header.Set(name, value)
			} else {
				a.Header.Add(name, value)
			}
		}
		v := newModel(t, nil).Judge(post("/api/login"), attempt(signin.SignIn, "ann@x", "x"), a)
		if v.Outcome != c.want {
			t.Errorf("%s, %d %s\n\tis told as %v, want %v, with %d: %s", c.name, c.status, c.body, v.Outcome, c.want, v.Score, v.Why)
		}
	}
}
