package jwt_test

import (
	"crypto/elliptic"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
)

const header = `{"alg":"ES256","kid":"ec"}`

func at(d time.Duration) string { return fmt.Sprint(noon.Add(d).Unix()) }

func atNoon() time.Time { return noon }

func TestNew_BadOptions_NamedInError(t *testing.T) {
	for name, change := range map[string]func(*jwt.Options){
		"Issuers is empty": func(o *jwt.Options) { o.Issuers = nil },
		"no Issuer":        func(o *jwt.Options) { o.Issuers[0].Issuer = "" },
		"there twice":      func(o *jwt.Options) { o.Issuers = append(o.Issuers, o.Issuers[0]) },
		"Audiences":        func(o *jwt.Options) { o.Issuers[0].Audiences = nil },
		"Audiences: ":      func(o *jwt.Options) { o.Issuers[0].Audiences = []string{site, ""} },
		"either JWKS":      func(o *jwt.Options) { o.Issuers[0].File = "keys.json" },
		"or File":          func(o *jwt.Options) { o.Issuers[0].JWKS = "" },
		"must be https":    func(o *jwt.Options) { o.Issuers[0].JWKS = "http://id.example.com/keys" },
		"must be https: ":  func(o *jwt.Options) { o.Issuers[0].JWKS = "http://localhost.example.com/keys" },
		"no plain address": func(o *jwt.Options) { o.Issuers[0].JWKS = "https://user:secret@id.example.com/keys" },
		"none for a public key": func(o *jwt.Options) {
			o.Issuers[0].Algorithms = []string{"ES256", "HS256"}
		},
		"\"none\" is none":     func(o *jwt.Options) { o.Issuers[0].Algorithms = []string{"none"} },
		"Leeway":               func(o *jwt.Options) { o.Issuers[0].Leeway = 6 * time.Minute },
		"duration is negative": func(o *jwt.Options) { o.Issuers[0].MaxAge = -1 },
		"none may be longer":   func(o *jwt.Options) { o.Issuers[0].MaxStale = time.Minute },
		"no path":              func(o *jwt.Options) { o.Issuers[0].Claims.Roles = "/a//b" },
		"Options.Headers":      func(o *jwt.Options) { o.Headers = []string{"authorization"} },
		"Options.Cookies":      func(o *jwt.Options) { o.Cookies = []string{"a=b"} },
		"MaxToken":             func(o *jwt.Options) { o.MaxToken = -1 },
	} {
		o := jwt.Options{Issuers: []jwt.Issuer{{Issuer: "https://id.example.com", JWKS: "https://id.example.com/keys", Audiences: []string{site}}}}
		change(&o)
		if _, err := jwt.New(o); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, ": ")) {
			t.Errorf("the error is %v, want one that says %q", err, name)
		}
	}
}

func TestFind_TokenInCookieOrHeader_CountsWhereDeclared(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	p := newIDP(t, public("ec", ec))
	s := open(t, p, atNoon, func(o *jwt.Options) { o.Cookies, o.Headers = []string{"token"}, []string{"x-access-token"} })
	good, bob := sign(t, ec, header, claims()), sign(t, ec, header, claims(`{"sub":"bob"}`))
	again := sign(t, ec, header, claims(`{"jti":"2"}`))
	for _, c := range []struct {
		name   string
		header http.Header
		want   string // a rule, "ann", or "" for nobody
	}{
		{"nothing", http.Header{}, ""},
		{"bearer", http.Header{"Authorization": {"Bearer " + good}}, "ann"},
		{"bearer in another case, two spaces", http.Header{"Authorization": {"bEARER  " + good}}, "ann"},
		{"bearer with a tab", http.Header{"Authorization": {"Bearer\t" + good}}, jwt.RuleMalformed},
		{"bearer with a comma", http.Header{"Authorization": {"Bearer," + good}}, jwt.RuleMalformed},
		{"another scheme", http.Header{"Authorization": {"Basic YW5uOnB3"}}, ""},
		{"a scheme that begins alike", http.Header{"Authorization": {"Bearer2 x"}}, ""},
		{"a bearer that is empty", http.Header{"Authorization": {"Bearer"}}, ""},
		{"two Authorization, one of them ours", http.Header{"Authorization": {"Basic YW5uOnB3", "Bearer " + good}}, jwt.RuleSeveral},
		{"the same bearer twice", http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}}, jwt.RuleSeveral},
		{"cookie", http.Header{"Cookie": {"a=1; token=" + good + "; b=2"}}, "ann"},
		{"cookie in quotes", http.Header{"Cookie": {`token="` + good + `"`}}, "ann"},
		{"cookie in a second line", http.Header{"Cookie": {"a=1", "token=" + good}}, "ann"},
		{"a cookie of another name", http.Header{"Cookie": {"Token=" + good + "; mytoken=" + good}}, ""},
		{"a cookie left empty by a sign-out", http.Header{"Cookie": {"token="}}, ""},
		{"a cookie that is no token", http.Header{"Cookie": {"token=hello"}}, jwt.RuleMalformed},
		{"a good cookie before a forged one", http.Header{"Cookie": {"token=" + good + "; token=" + good[:len(good)-6]}}, jwt.RuleSignature},
		{"a forged cookie before a good one", http.Header{"Cookie": {"token=" + good[:len(good)-6] + "; token=" + good}}, jwt.RuleSignature},
		{"header", http.Header{"X-Access-Token": {good}}, "ann"},
		{"header with the scheme", http.Header{"X-Access-Token": {"Bearer " + good}}, "ann"},
		{"a header that is not declared", http.Header{"X-Token": {good}}, ""},
		{"the same in three places", http.Header{"Authorization": {"Bearer " + good}, "X-Access-Token": {good}, "Cookie": {"token=" + good}}, "ann"},
		{"two tokens of one person", http.Header{"Authorization": {"Bearer " + good}, "Cookie": {"token=" + again}}, "ann"},
		{"tokens of two people", http.Header{"Authorization": {"Bearer " + good}, "Cookie": {"token=" + bob}}, jwt.RuleSeveral},
		{"good bearer, forged cookie", http.Header{"Authorization": {"Bearer " + good}, "Cookie": {"token=" + good[:len(good)-6]}}, jwt.RuleSignature},
		{"five tokens", http.Header{"Cookie": {"token=1; token=2; token=3; token=4; token=5"}}, jwt.RuleSeveral},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", site, nil)
			r.Header = c.header
			found := s.Find(t.Context(), r)
			switch c.want {
			case "":
				if found.Outcome != source.None {
					t.Errorf("found %v (%s), want none", found.Outcome, found.Decision.Rule)
				}
			case "ann":
				wantKnown(t, found, "ann")
			default:
				wantInvalid(t, found, c.want)
			}
		})
	}
}

func TestFind_LeaveOthers_LeavesTokensOfOtherKindsAlone(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	p := newIDP(t, public("ec", ec))
	s := open(t, p, atNoon, func(o *jwt.Options) { o.LeaveOthers = true })
	good := sign(t, ec, header, claims())
	wantKnown(t, s.Find(t.Context(), with(good)), "ann")
	for name, token := range map[string]string{
		"opaque":                         "2YotnFZFEjr1zCsicMWpAA",
		"signed by a framework":          "eyJ1c2VyIjoxfQ.ZxYzAQ.c2lnbmF0dXJl",
		"a JWT of the backend's own":     sign(t, []byte("its secret"), `{"alg":"HS256","typ":"JWT"}`, `{"user":1}`),
		"a JWT of an issuer of nobody's": sign(t, ec, header, claims(`{"iss":"https://other.example.com"}`)),
		"encrypted":                      b64(`{"alg":"dir","enc":"A256GCM"}`) + "..YQ.YQ.YQ",
	} {
		if found := s.Find(t.Context(), with(token)); found.Outcome != source.None {
			t.Errorf("%s: found %v (%s), want none", name, found.Outcome, found.Decision.Rule)
		}
	}
	for rule, token := range map[string]string{
		jwt.RuleAlgorithm: sign(t, nil, `{"alg":"none"}`, claims()),
		jwt.RuleSignature: good[:len(good)-6],
		jwt.RuleMalformed: sign(t, ec, header, strings.Replace(claims(), "{", `{"iss":"https://other.example.com",`, 1)),
		jwt.RuleTooLong:   repeat("A", 17<<10),
	} {
		wantInvalid(t, s.Find(t.Context(), with(token)), rule)
	}
}

func TestFind_Claims_BecomeThePrincipal(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	p := newIDP(t, public("ec", ec))
	s := open(t, p, atNoon, func(o *jwt.Options) {
		o.Issuers[0].Claims = jwt.Claims{Subject: "uid", Tenant: "https://example.com/tenant", Roles: "/realm_access/roles", Scopes: "/a~1b/s~0c"}
		o.Issuers[0].SecondFactor = []string{"urn:two"}
	})
	found := s.Find(t.Context(), with(sign(t, ec, header, claims(`{"uid":"u-7","https://example.com/tenant":"acme",
		"realm_access":{"roles":["admin","clerk"]},"a/b":{"s~c":"read  write"},"auth_time":`+at(-time.Hour)+`,"acr":"urn:two"}`))))
	wantKnown(t, found, "u-7")
	got := found.Principal
	if got.Tenant != "acme" || !reflect.DeepEqual(got.Roles, []string{"admin", "clerk"}) || !reflect.DeepEqual(got.Scopes, []string{"read", "write"}) ||
		!got.SignedIn.Equal(noon.Add(-time.Hour)) || !got.SecondFactor {
		t.Errorf("the principal is %+v", got)
	}

	plain := open(t, p, atNoon, nil)
	found = plain.Find(t.Context(), with(sign(t, ec, header, claims(`{"roles":"admin clerk","scope":["read","write all"]}`))))
	if got := found.Principal; !reflect.DeepEqual(got.Roles, []string{"admin clerk"}) || !reflect.DeepEqual(got.Scopes, []string{"read", "write all"}) ||
		!got.SignedIn.IsZero() || got.Tenant != "" {
		t.Errorf("by default the principal is %+v", got)
	}
	for name, more := range map[string]string{
		"roles an object": `{"roles":{"admin":true}}`, "roles with a number": `{"roles":["a",1]}`, "roles null inside": `{"roles":[null]}`,
		"scope true": `{"scope":true}`, "too many roles": `{"roles":["` + repeat(`a","`, 256) + `a"]}`,
		"a long role": `{"roles":["` + repeat("a", 257) + `"]}`, "auth_time a text": `{"auth_time":"noon"}`,
	} {
		t.Run(name, func(t *testing.T) {
			wantInvalid(t, plain.Find(t.Context(), with(sign(t, ec, header, claims(more)))), jwt.RuleClaims)
		})
	}
}

func TestFind_AMR_TwoKindsOfProofAreTwoFactors(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	s := open(t, newIDP(t, public("ec", ec)), atNoon, nil)
	for amr, want := range map[string]bool{
		`["pwd"]`: false, `["pwd","otp"]`: true, `["mfa"]`: true, `["pwd","pin"]`: false, `["hwk","otp"]`: false,
		`["fpt","hwk"]`: true, `[]`: false, `["pwd","user"]`: false, `["pwd","geo","rba"]`: false, `"mfa"`: false, `[1,"pwd"]`: false,
	} {
		found := s.Find(t.Context(), with(sign(t, ec, header, claims(`{"amr":`+amr+`,"acr":"urn:two"}`))))
		if found.Outcome != source.Known || found.Principal.SecondFactor != want {
			t.Errorf("amr %s: %v, second factor %v, want %v", amr, found.Outcome, found.Principal.SecondFactor, want)
		}
	}
}

func TestFind_DeclaredTypeAndAge_AreHeldTo(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	s := open(t, newIDP(t, public("ec", ec)), atNoon, func(o *jwt.Options) {
		o.Issuers[0].Types, o.Issuers[0].MaxAge, o.Issuers[0].MaxSignIn = []string{"at+jwt"}, 15*time.Minute, time.Hour
	})
	typed := `{"alg":"ES256","kid":"ec","typ":"at+jwt"}`
	signedIn := `{"auth_time":` + at(-30*time.Minute) + `}`
	for _, c := range []struct{ name, header, more, rule string }{
		{"as declared", typed, "{}", ""},
		{"the type as a media type", `{"alg":"ES256","kid":"ec","typ":"Application/AT+JWT"}`, "{}", ""},
		{"an ID token", `{"alg":"ES256","kid":"ec","typ":"JWT"}`, "{}", jwt.RuleType},
		{"no type", header, "{}", jwt.RuleType},
		{"issued 16 minutes ago", typed, `{"iat":` + at(-16*time.Minute) + `}`, jwt.RuleAge},
		{"issued at no time", typed, `{"iat":"-"}`, jwt.RuleAge},
		{"signed in two hours ago", typed, `{"auth_time":` + at(-2*time.Hour) + `}`, jwt.RuleAge},
		{"signed in at no time", typed, `{"auth_time":"-"}`, jwt.RuleAge},
		{"signed in tomorrow", typed, `{"auth_time":` + at(24*time.Hour) + `}`, jwt.RuleNotYet},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := s.Find(t.Context(), with(sign(t, ec, c.header, claims(signedIn, c.more))))
			if c.rule == "" {
				wantKnown(t, found, "ann")
				return
			}
			wantInvalid(t, found, c.rule)
		})
	}
}

func TestFind_DeclaredAlgorithms_AreAllThatCount(t *testing.T) {
	ec, rs := ecKey(t, elliptic.P256()), rsaKey(t, 2048)
	s := open(t, newIDP(t, public("ec", ec), public("rs", rs)), atNoon, func(o *jwt.Options) { o.Issuers[0].Algorithms = []string{"RS256"} })
	wantKnown(t, s.Find(t.Context(), with(sign(t, rs, `{"alg":"RS256","kid":"rs"}`, claims()))), "ann")
	wantInvalid(t, s.Find(t.Context(), with(sign(t, ec, header, claims()))), jwt.RuleAlgorithm)
}

// The verification is remembered, and ends with what it depends on: each case
// asks for the same token twice, before and after the clock is turned.
func TestFind_Remembered_EndsWithItsTime(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	for _, c := range []struct {
		name, more string
		turn       time.Duration
		rule       string
	}{
		{"before exp", "{}", 10*time.Minute + 29*time.Second, ""},
		{"after exp and the leeway", "{}", 10*time.Minute + 30*time.Second, jwt.RuleExpired},
		{"after max_age", `{"exp":` + at(24*time.Hour) + `}`, 14*time.Minute + 30*time.Second, jwt.RuleAge},
		{"before max_age", `{"exp":` + at(24*time.Hour) + `}`, 14 * time.Minute, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := &clock{at: noon}
			s := open(t, newIDP(t, public("ec", ec)), now.now, func(o *jwt.Options) { o.Issuers[0].MaxAge = 15 * time.Minute })
			token := sign(t, ec, header, claims(c.more))
			first := s.Find(t.Context(), with(token))
			wantKnown(t, first, "ann")
			now.turn(c.turn)
			found := s.Find(t.Context(), with(token))
			if found.Credential != first.Credential {
				t.Error("the token's name has changed")
			}
			if c.rule == "" {
				wantKnown(t, found, "ann")
				return
			}
			wantInvalid(t, found, c.rule)
		})
	}
}

func TestFind_Credential_NamedByKeyAndNotByChance(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	p := newIDP(t, public("ec", ec))
	of := func(key byte) *jwt.Source {
		return open(t, p, atNoon, func(o *jwt.Options) { o.Key[0] = key })
	}
	token := sign(t, ec, header, claims(`{"x":"`+repeat("x", 1000)+`"}`))
	a, b, other := of(1).Find(t.Context(), with(token)), of(1).Find(t.Context(), with(token)), of(2).Find(t.Context(), with(token))
	if a.Credential != b.Credential || a.Credential == other.Credential {
		t.Error("the same key must give the same name, another key another")
	}
	if c := of(1).Find(t.Context(), with(sign(t, ec, header, claims()))); c.Credential == a.Credential {
		t.Error("two tokens have one name")
	}
}

func TestFind_KnownToken_CostsTwoAllocationsAtMost(t *testing.T) {
	ec := ecKey(t, elliptic.P256())
	s := open(t, newIDP(t, public("ec", ec)), atNoon, func(o *jwt.Options) { o.Cookies = []string{"token"} })
	token := sign(t, ec, header, claims())
	r := httptest.NewRequest("GET", site, nil)
	r.Header.Set("Cookie", "a=b; token="+token)
	for name, r := range map[string]*http.Request{"bearer": with(token), "cookie": r} {
		wantKnown(t, s.Find(t.Context(), r), "ann")
		if n := testing.AllocsPerRun(200, func() { s.Find(t.Context(), r) }); n > 2 && !raceEnabled {
			t.Errorf("%s: a known token costs %v allocations, want 2 at most", name, n)
		}
	}
	long := with(repeat("A", 1<<20))
	if n := testing.AllocsPerRun(200, func() { s.Find(t.Context(), long) }); n > 6 && !raceEnabled {
		t.Errorf("a megabyte costs %v allocations, want 6 at most", n)
	}
}

func BenchmarkFind_Known(b *testing.B) {
	ec := ecKey(b, elliptic.P256())
	s := open(b, newIDP(b, public("ec", ec)), atNoon, nil)
	r := with(sign(b, ec, header, claims(`{"roles":["a","b"],"scope":"read write","name":"Ann Example","email":"ann@example.com"}`)))
	wantKnown(b, s.Find(b.Context(), r), "ann")
	b.ReportAllocs()
	for b.Loop() {
		s.Find(b.Context(), r)
	}
}

func BenchmarkFind_First(b *testing.B) {
	ec := ecKey(b, elliptic.P256())
	s := open(b, newIDP(b, public("ec", ec)), atNoon, nil)
	requests := make([]*http.Request, 512)
	for i := range requests {
		requests[i] = with(sign(b, ec, header, claims(fmt.Sprintf(`{"jti":"%d"}`, i))))
	}
	small := open(b, newIDP(b, public("ec", ec)), atNoon, func(o *jwt.Options) { o.MaxCached = 1 })
	wantKnown(b, s.Find(b.Context(), requests[0]), "ann")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		small.Find(b.Context(), requests[i%len(requests)])
	}
}

func BenchmarkFind_Megabyte(b *testing.B) {
	ec := ecKey(b, elliptic.P256())
	s := open(b, newIDP(b, public("ec", ec)), atNoon, nil)
	r := with(repeat("A", 1<<20))
	b.ReportAllocs()
	for b.Loop() {
		s.Find(b.Context(), r)
	}
}
