package jwt_test

import (
	"crypto/elliptic"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/identity/source"
	"github.com/gatehousehq/gatehouse/identity/source/jwt"
)

// FuzzFind sends what nobody signed, and the issuer's signature under what it
// did not sign: nothing but the good token itself may count.
func FuzzFind(f *testing.F) {
	ec := ecKey(f, elliptic.P256())
	s := open(f, newIDP(f, public("ec", ec)), atNoon, nil)
	good := sign(f, ec, header, claims())
	parts := strings.Split(good, ".")
	wantKnown(f, s.Find(f.Context(), with(good)), "ann")
	for _, seed := range [][2]string{
		{header, claims()}, {`{"alg":"none"}`, claims()}, {`{"alg":"ES256","crit":["a"]}`, "{}"},
		{`{"alg":"ES256","jwk":{}}`, `{"iss":"https://id.example.com","exp":1e400}`}, {`{"alg":"ES256","x5c":[""]}`, `[[[[{"a":"\ud800"}]]]]`},
	} {
		f.Add(seed[0], seed[1], true)
		f.Add(seed[0], seed[1], false)
	}
	f.Add(parts[0]+" ", parts[1]+"\r\n", false)
	f.Fuzz(func(t *testing.T, head, body string, encoded bool) {
		token := head + "." + body + "." + parts[2]
		if encoded {
			token = b64(head) + "." + b64(body) + "." + parts[2]
		}
		r := with("")
		r.Header["Authorization"] = []string{"Bearer " + token}
		found := s.Find(t.Context(), r)
		if found.Outcome == source.Known && token != good || found.Outcome == source.None {
			t.Fatalf("found %v for %q", found.Outcome, token)
		}
		if found.Outcome == source.Invalid && (found.Decision.Rule == "" || found.Decision.Rule == jwt.RuleKeys) {
			t.Fatalf("refused by rule %q: %q", found.Decision.Rule, token)
		}
	})
}
