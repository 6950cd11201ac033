package secret

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The forms are put together here so that no scanner takes this file for a leak.
var (
	jwt       = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	stripe    = "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"
	github    = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"
	aws       = "AKIA" + "IOSFODNN7EXAMPLE"
	slack     = "xo" + "xb-123456789012-abcdefGHIJKL"
	google    = "AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"
	pem       = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"
	basicAuth = "dXNlcjpodW50ZXIy" // user:hunter2
)

func TestRedact_SecretsOfKnownForm(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"key: " + pem + " end", "key: [redacted] end"},
		{"-----BEGIN PRIVATE KEY-----\nMIIEow, cut off", Mark},
		{`{"k":"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n"}`, `{"k":"[redacted]\n"}`},
		{"got " + jwt + ".", "got [redacted]"},
		{"x=" + stripe, "x=[redacted]"}, {"(" + github + ")", "([redacted])"}, {aws, Mark}, {slack, Mark}, {"?k=" + google, "?k=[redacted]"},
		{"Authorization: Bearer abcdef", "Authorization: Bearer [redacted]"},
		{"authorization: Digest username=\"a\", response=\"b\"\r\nHost: x", "authorization: Digest [redacted]\r\nHost: x"},
		{"Proxy-Authorization: Basic " + basicAuth, "Proxy-Authorization: Basic [redacted]"},
		{"Authorization: 0123456789abcdef", "Authorization: [redacted]"},
		{"used Basic " + basicAuth + " twice", "used Basic [redacted] twice"},
		{"curl -H 'bearer 7f3a9c2b1d' x", "curl -H 'bearer [redacted]' x"},
		{"Cookie: sid=abc; theme=dark\r\nHost: x", "Cookie: [redacted]\r\nHost: x"},
		{"Set-Cookie: sid=abc; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Path=/\nHost: x", "Set-Cookie: [redacted]\nHost: x"},
		{`{"cookie":"sid=abc; a=b","x":1}`, `{"cookie":"[redacted]","x":1}`},
		{"postgres://shop:hunter2@db:5432/shop?sslmode=disable", "postgres://shop:[redacted]@db:5432/shop?sslmode=disable"},
		{"postgres://shop:p@ss/w:rd@db/shop", "postgres://shop:[redacted]@db/shop"},
		{"redis://:hunter2@cache:6379/0", "redis://:[redacted]@cache:6379/0"},
		{"https://user:hunter2@example.com/a", "https://user:[redacted]@example.com/a"},
		{"shop:hunter2@tcp(127.0.0.1:3306)/shop", "shop:[redacted]@tcp(127.0.0.1:3306)/shop"},
		{"host=db user=shop password=hunter2 dbname=shop", "host=db user=shop password=[redacted] dbname=shop"},
		{"Server=db;User Id=sa;Password=hunter;Encrypt=true", "Server=db;User Id=sa;Password=[redacted];Encrypt=true"},
		{"user=a&password=hunter2&next=/", "user=a&password=[redacted]&next=/"},
		{"user%5Bpassword%5D=hunter2&x=1", "user%5Bpassword%5D=[redacted]&x=1"},
		{"user[password]=hunter2", "user[password]=[redacted]"},
		{`{"user":"a","password":"hunter 2","x":"y"}`, `{"user":"a","password":"[redacted]","x":"y"}`},
		{`{"password": "a\"b", "x": 1}`, `{"password": "[redacted]", "x": 1}`},
		{`{"log":"{\"password\":\"hunter2\",\"x\":1}"}`, `{"log":"{\"password\":\"[redacted]\",\"x\":1}"}`},
		{`{"apiKey":"abc","client_secret":"def","cvv":123}`, `{"apiKey":"[redacted]","client_secret":"[redacted]","cvv":[redacted]}`},
		{`{:password=>"hunter2", "token" => "0123456789abcdef"}`, `{:password=>"[redacted]", "token" => "[redacted]"}`},
		{"DB_PASSWORD=hunter2\nPATH=/bin", "DB_PASSWORD=[redacted]\nPATH=/bin"},
		{"db:\n  password: hunter\n  name: shop", "db:\n  password: [redacted]\n  name: shop"},
		{"wrong password: hunter2 for alice", "wrong password: [redacted] for alice"},
		{`{"passwords": ["a", "b"]}`, `{"passwords": [[redacted]]}`}, {`secret: ["a", "b"], x: 1`, `secret: [[redacted]], x: 1`},
		{"password='it''s' x", "password='[redacted]' x"}, {`password="unclosed x`, `password="[redacted]`},
		{"(password=hunter2)", "(password=[redacted])"}, {"passwort: geheim1", "passwort: [redacted]"},
		{"X-Api-Key: 7d8f\r\n", "X-Api-Key: [redacted]\r\n"},
		{"X-CSRF-Token: a1b2c3d4e5", "X-CSRF-Token: [redacted]"},
		{"GET /cb?code=4%2F0AX4XfWh0123&state=1", "GET /cb?code=[redacted]&state=1"},
		{"GET /x?access_token=abc HTTP/1.1", "GET /x?access_token=[redacted] HTTP/1.1"},
		{";jsessionid=0123456789ABCDEF", ";jsessionid=[redacted]"},
		{"mysql --password hunter2 -u root", "mysql --password [redacted] -u root"},
		{"<password>hunter2</password>", "<password>[redacted]</password>"},
		{`<wsse:Password Type="x">hunter2</wsse:Password>`, `<wsse:Password Type="x">[redacted]</wsse:Password>`},
		{"name=\"password\"\r\n\r\nhunter2\r\n--b", "name=\"password\"\r\n\r\n[redacted]\r\n--b"},
		{"card 4111 1111 1111 1111.", "card [redacted]."}, {"4111-1111-1111-1111", Mark}, {`"n":"5555555555554444"`, `"n":"[redacted]"`},
		{"378282246310005", Mark}, {"3782 822463 10005", Mark}, {"30569309025904", Mark},
	} {
		if got := Redact(c.in); got != c.want {
			t.Errorf("Redact(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestRedact_OrdinaryText_StaysUntouched(t *testing.T) {
	for _, s := range []string{
		"", "a", "The password must be at least 12 characters long.",
		"password: must be at least 8 characters", "password: required", `{"password": null, "token": ""}`, `field "password" is missing`,
		"Forgot your password? Reset it here.", "the secret of good cooking: butter", "Authorization: see the documentation",
		"bearer authentication is not configured", "basic authentication failed", "Basic usage: run it", "cookie: a small file", "Cookies: none",
		"UPDATE users SET password = ? WHERE id = $1", "password = $2", "WHERE password=:password", "if (password == other) return", "password: string;",
		"http://localhost:8080/@scope/name", "https://registry.npmjs.org/@types/node", "git@github.com:org/repo.git", "mailto:alice@example.com",
		"https://example.com:443/a@b", "ssh://git@example.com:22/repo.git", "alice@example.com", "http://[::1]:8080/x", "redis://cache:6379/0",
		"key: value", "error code: 404", "code=200", "session: 3 of 5", "token=42", "unexpected token: '<'", "primary key: id", "key=name&sort=asc",
		"550e8400-e29b-41d4-a716-446655440000", "order 1234567890123456", "1700000000000", "1700000000000000000", "ISBN 978-3-16-148410-0",
		"+49 151 2345 6789", "+1 (555) 010-9999", "4111111111111112", "v4.111111111111111", "4111111111111111.5", "id_4111111111111111", "a4111111111111111",
		"DE89 3702 0044 0532 0130 00", "2024-01-02 03:04:05 2024-01-02", "35-209900-176148-1",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
		"task-force-alpha-bravo-charlie-delta", "risk_live_dangerously", "author: Jane Doe", "authors: many", "<p>a paragraph</p>", "<title>password</title>",
		"origin https://evil.example is not https://shop.example", "Sec-Fetch-Site: cross-site", "monkey=banana", "keyboard: qwerty", "passenger=alice", "compass: north",
		"pinned: true", "opinion=good", "design: 12345678a", "signal=killed", "sessions: 20", "POST /orders/{id} HTTP/1.1", "--verbose --password-file /run/x",
		"SELECT * FROM users WHERE name = 'O''Brien' -- comment", "the code: if (a < b && c > d) { x(); }", "multi-factor code: sent by mail", "tokenizer=gpt", "${SECRET}", "password=${DB_PASSWORD}",
	} {
		if got := Redact(s); got != s {
			t.Errorf("Redact(%q) = %q", s, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"password=x", `{"password":"x"}`, jwt, pem, "postgres://a:b@c/d", "4111 1111 1111 1111", "Cookie: a=b", "Authorization: Basic eDp5", `\"token\":\"0123456789\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Redact(s)
		if utf8.ValidString(s) && !utf8.ValidString(once) {
			t.Errorf("Redact(%q) = %q is not UTF-8", s, once)
		}
		if strings.Contains(Redact(" "+stripe+" "), stripe) {
			t.Error("a secret survived")
		}
		line := Line(s)
		if len(line) > maxLine || strings.ContainsAny(line, "\r\n\x00\x1b") || !utf8.ValidString(line) {
			t.Errorf("Line(%q) = %q", s, line)
		}
		path := Path(s)
		if len(path) > maxPath || strings.ContainsAny(path, "?#\r\n\x00\x1b") && !strings.Contains(path, Mark) || !utf8.ValidString(path) {
			t.Errorf("Path(%q) = %q", s, path)
		}
		if v := Value(s); len(v) > 250 || len(s) > 20 && strings.Contains(v, s) {
			t.Errorf("Value(%q) = %q", s, v)
		}
	})
}

// FuzzRedact_Planted has a secret stand in any surroundings.
func FuzzRedact_Planted(f *testing.F) {
	f.Add("before ", " after")
	f.Add(`{"a":"`, `"}`)
	f.Add("password=", "&x")
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, s := range []string{stripe, aws} {
			if got := Redact(before + " " + s + " " + after); strings.Contains(got, s) {
				t.Errorf("in %q … %q: %q", before, after, got)
			}
		}
	})
}
