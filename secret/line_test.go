package secret

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPath(t *testing.T) {
	uuid := "550e8400-e29b-41d4-a716-446655440000"
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"/", "/"}, {"/orders/42", "/orders/42"}, {"/a?password=x#y", "/a"}, {"/orders/" + uuid, "/orders/" + uuid},
		{"/blog/how-to-install-postgresql-15-on-debian-12-bookworm", "/blog/how-to-install-postgresql-15-on-debian-12-bookworm"},
		{"/static/app.3f2a9c1b.js", "/static/app.3f2a9c1b.js"}, {"/HowToInstallPostgreSQLOnDebian", "/HowToInstallPostgreSQLOnDebian"},
		{"/@scope%2fname", "/@scope%2fname"}, {"/wiki/Straße", "/wiki/Straße"}, {"/2024-01-02T10:20:30Z/report", "/2024-01-02T10:20:30Z/report"},
		{"/users/alice@example.com/x", "/users/[email]/x"}, {"/users/alice%40example.com", "/users/[email]"},
		{"/dl/" + stripe, "/dl/[redacted]"}, {"/t/" + jwt + "/x", "/t/[redacted]/x"},
		{"/share/dozjgNryP4J3jVmNHl0w5NXgL0n3I9Pl", "/share/[redacted]"},
		{"/reset/" + uuid, "/reset/[redacted]"}, {"/password-reset/a1b2c3", "/password-reset/[redacted]"}, {"/password/change", "/password/change"},
		{"/a;jsessionid=0123456789ABCDEF/b", "/[redacted]/b"},
		{"/a\r\nX-Y: x\x1b[31m\u202e", `/a\r\nX-Y: x\u001b[31m\u202e`}, {"/\xff\xfe", `/\xff\xfe`},
		{"/%", "/%"}, {"/%zz", "/%zz"},
	} {
		if got := Path(c.in); got != c.want {
			t.Errorf("Path(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
	if got := Path("/" + strings.Repeat("é/", 5000)); len(got) > maxPath || !strings.HasSuffix(got, "…") || !utf8.ValidString(got) {
		t.Errorf("a long path gives %d bytes: %q", len(got), got)
	}
}

func TestLine_EscapesRedactsAndCuts(t *testing.T) {
	if got := Line("a\nb\x00 password=hunter2 \u202e"); got != `a\nb\u0000 password=[redacted] \u202e` {
		t.Errorf("%q", got)
	}
	if got := Line(strings.Repeat("x ", 100_000)); len(got) > maxLine {
		t.Errorf("%d bytes", len(got))
	}
	// A secret at the cut is taken out whole.
	if got := Line(strings.Repeat(".", maxLine-10) + " " + stripe); strings.Contains(got, stripe[:8]) {
		t.Errorf("%q", got[maxLine-20:])
	}
}

func TestValue(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "empty",
		"7":                                    "1 character, digits",
		"-12.5":                                "5 characters, a number",
		"hello":                                "5 characters, letters",
		"it's a \"day\"":                       "12 characters, text with spaces and quotes",
		"550e8400-e29b-41d4-a716-446655440000": "36 characters, a UUID",
		"alice@example.com":                    "17 characters, an e-mail address",
		"https://example.com/a":                "21 characters, a URL",
		"{\"a\":1}":                            "7 characters, text in brackets with digits and quotes",
		"<script>":                             "8 characters, text with angle brackets",
		"a\x00b":                               "3 characters, text with control characters",
		"\xff":                                 "1 byte, not UTF-8",
		"größe 1":                              "7 characters, text with digits, spaces and letters beyond ASCII",
		"' OR 1=1; --":                         "12 characters, text with digits, spaces, quotes and semicolons",
	} {
		if got := Value(in); got != want {
			t.Errorf("Value(%q) = %q; want %q", in, got, want)
		}
	}
}

func BenchmarkLine_Evidence(b *testing.B) {
	s := "Sec-Fetch-Site is cross-site, and the origin https://evil.example is not https://shop.example"
	for b.Loop() {
		Line(s)
	}
}

func BenchmarkRedact_Everything(b *testing.B) {
	s := strings.Repeat(`{"user":"a","password":"hunter2","cookie":"sid=abc","url":"postgres://a:b@c/d","authorization":"Basic `+basicAuth+`"}`, 10)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Redact(s)
	}
}
