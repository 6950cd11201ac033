package jwt_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehousehq/gatehouse/identity/source/jwt"
)

// TestFind_AttackTable tries each forgery beside the good token that it was
// made from.
func TestFind_AttackTable(t *testing.T) {
	ec, rs, p384, own := ecKey(t, elliptic.P256()), rsaKey(t, 2048), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P256())
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	attacker := newIDP(t, public("ec", own))
	shared := public("rs", rs)
	set := []jose.JSONWebKey{public("ec", ec), shared, public("p384", p384), public("ed", ed), public("", rsaKey(t, 2048))}
	p := newIDP(t, set...)
	s := open(t, p, func() time.Time { return noon }, nil)

	der, err := x509.MarshalPKIXPublicKey(rs.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk, err := json.Marshal(public("ec", own))
	if err != nil {
		t.Fatal(err)
	}
	jwkShared, err := json.Marshal(shared)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, ec, `{"alg":"ES256","kid":"ec"}`, claims())
	parts := strings.Split(good, ".")
	ecHeader := func(more string) string { return `{"alg":"ES256","kid":"ec"` + more + `}` }
	at := func(d time.Duration) string { return fmt.Sprint(noon.Add(d).Unix()) }
	control := func(name, token string) attack { return attack{name, token, ""} }

	attacks := []attack{
		control("ES256", good),
		control("RS256", sign(t, rs, `{"alg":"RS256","kid":"rs","typ":"JWT"}`, claims())),
		control("EdDSA", sign(t, ed, `{"alg":"EdDSA","kid":"ed"}`, claims())),

		// No signature, and algorithms that are none.
		{"alg none", sign(t, nil, `{"alg":"none","kid":"ec"}`, claims()), jwt.RuleAlgorithm},
		{"alg None", sign(t, nil, `{"alg":"None","kid":"ec"}`, claims()), jwt.RuleAlgorithm},
		{"alg nOnE with a signature", sign(t, ec, `{"alg":"nOnE","kid":"ec"}`, claims()), jwt.RuleAlgorithm},
		{"alg none, two parts", b64(`{"alg":"none"}`) + "." + b64(claims()), jwt.RuleMalformed},
		{"alg empty", sign(t, ec, `{"alg":"","kid":"ec"}`, claims()), jwt.RuleAlgorithm},
		{"alg missing", sign(t, ec, `{"kid":"ec"}`, claims()), jwt.RuleMalformed},
		{"alg a list", sign(t, ec, `{"alg":["ES256"],"kid":"ec"}`, claims()), jwt.RuleMalformed},
		{"alg null", sign(t, ec, `{"alg":null,"kid":"ec"}`, claims()), jwt.RuleMalformed},
		{"alg in another case", sign(t, ec, `{"alg":"es256","kid":"ec"}`, claims()), jwt.RuleAlgorithm},
		{"alg named twice", sign(t, ec, `{"alg":"none","alg":"ES256","kid":"ec"}`, claims()), jwt.RuleMalformed},
		{"signature stripped", parts[0] + "." + parts[1] + ".", jwt.RuleSignature},
		{"signature and its dot stripped", parts[0] + "." + parts[1], jwt.RuleMalformed},
		{"signature truncated", good[:len(good)-6], jwt.RuleSignature},
		{"signature of zeros (CVE-2022-21449)", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), jwt.RuleSignature},
		{"signature of r = s = n", parts[0] + "." + parts[1] + "." + order(t), jwt.RuleSignature},
		{"signature in DER", asDER(t, ec, parts), jwt.RuleSignature},
		{"claims changed", parts[0] + "." + b64(claims(`{"sub":"root"}`)) + "." + parts[2], jwt.RuleSignature},
		{"header changed", b64(ecHeader(`,"typ":"JWT"`)) + "." + parts[1] + "." + parts[2], jwt.RuleSignature},
		{"another's key", sign(t, own, ecHeader(""), claims()), jwt.RuleSignature},

		// The public key as a shared secret, and keys used for what they are not.
		{"HS256 with the public key in PEM", sign(t, asPEM, `{"alg":"HS256","kid":"rs"}`, claims()), jwt.RuleAlgorithm},
		{"HS256 with the public key in DER", sign(t, der, `{"alg":"HS256","kid":"rs"}`, claims()), jwt.RuleAlgorithm},
		{"HS256 with the public key as JWK", sign(t, jwkShared, `{"alg":"HS256","kid":"rs"}`, claims()), jwt.RuleAlgorithm},
		{"HS256 with an empty secret", sign(t, []byte{}, `{"alg":"HS256"}`, claims()), jwt.RuleAlgorithm},
		{"ES256 by a key of P-384", sign(t, p384, `{"alg":"ES256","kid":"p384"}`, claims()), jwt.RuleKey},
		{"ES256 named, RSA key", sign(t, rs, `{"alg":"ES256","kid":"rs"}`, claims()), jwt.RuleKey},
		{"RS256 named, EC key", sign(t, ec, `{"alg":"RS256","kid":"ec"}`, claims()), jwt.RuleKey},
		{"PS256 with a key for RS256", sign(t, rs, `{"alg":"PS256","kid":"rs"}`, claims()), jwt.RuleKey},

		// Names of keys, and keys that the token brings.
		control("a kid that does not need one", sign(t, ec, `{"alg":"ES256"}`, claims())),
		{"kid of a file", sign(t, []byte{}, `{"alg":"ES256","kid":"../../../../dev/null"}`, claims()), jwt.RuleKey},
		{"kid of SQL", sign(t, []byte("x"), `{"alg":"ES256","kid":"x' UNION SELECT 'x"}`, claims()), jwt.RuleKey},
		{"kid of a command", sign(t, own, `{"alg":"ES256","kid":"ec|id"}`, claims()), jwt.RuleKey},
		{"kid of an address", sign(t, own, `{"alg":"ES256","kid":"`+attacker.URL+`"}`, claims()), jwt.RuleKey},
		{"kid empty", sign(t, own, `{"alg":"ES256","kid":""}`, claims()), jwt.RuleKey},
		{"kid a number", sign(t, ec, `{"alg":"ES256","kid":1}`, claims()), jwt.RuleMalformed},
		{"kid null", sign(t, ec, `{"alg":"ES256","kid":null}`, claims()), jwt.RuleMalformed},
		{"kid twice", sign(t, own, `{"alg":"ES256","kid":"ec","kid":"own"}`, claims()), jwt.RuleMalformed},
		{"kid of 8 KiB", sign(t, own, `{"alg":"ES256","kid":"`+repeat("A", 8<<10)+`"}`, claims()), jwt.RuleKey},
		control("jku of the issuer's own, as some send it", sign(t, ec, ecHeader(`,"jku":"https://id.example.com/keys"`), claims())),
		{"jku to the attacker's keys", sign(t, own, ecHeader(`,"jku":"`+attacker.URL+`"`), claims()), jwt.RuleSignature},
		{"x5u to the attacker's keys", sign(t, own, ecHeader(`,"x5u":"`+attacker.URL+`"`), claims()), jwt.RuleSignature},
		{"jwk brought along", sign(t, own, ecHeader(`,"jwk":`+string(jwk)), claims()), jwt.RuleSignature},
		{"jwk brought along under a name of its own", sign(t, own, `{"alg":"ES256","kid":"own","jwk":`+string(jwk)+`}`, claims()), jwt.RuleKey},
		{"x5c brought along", sign(t, own, ecHeader(`,"x5c":["MIIB"]`), claims()), jwt.RuleSignature},
		control("x5t, as some send it", sign(t, ec, ecHeader(`,"x5t":"aGVsbG8"`), claims())),

		// Extensions.
		{"crit of something unknown", sign(t, ec, ecHeader(`,"crit":["bork"],"bork":1`), claims()), jwt.RuleCritical},
		{"crit empty", sign(t, ec, ecHeader(`,"crit":[]`), claims()), jwt.RuleCritical},
		{"b64 false", signParts(t, ec, b64(ecHeader(`,"b64":false,"crit":["b64"]`))+"."+b64(claims())), jwt.RuleCritical},
		{"b64 false without crit", sign(t, ec, ecHeader(`,"b64":false`), claims()), jwt.RuleCritical},

		// Whose, and for whom.
		{"another issuer", sign(t, ec, ecHeader(""), claims(`{"iss":"https://evil.example.com"}`)), jwt.RuleIssuer},
		{"issuer with a slash more", sign(t, ec, ecHeader(""), claims(`{"iss":"https://id.example.com/"}`)), jwt.RuleIssuer},
		{"issuer missing", sign(t, ec, ecHeader(""), claims(`{"iss":"-"}`)), jwt.RuleIssuer},
		{"issuer a list", sign(t, ec, ecHeader(""), claims(`{"iss":["https://id.example.com"]}`)), jwt.RuleIssuer},
		{"another audience", sign(t, ec, ecHeader(""), claims(`{"aud":"https://other.example.com"}`)), jwt.RuleAudience},
		{"audience missing", sign(t, ec, ecHeader(""), claims(`{"aud":"-"}`)), jwt.RuleAudience},
		{"audience as the beginning of ours", sign(t, ec, ecHeader(""), claims(`{"aud":"https://shop.example"}`)), jwt.RuleAudience},
		control("several audiences, ours among them", sign(t, ec, ecHeader(""), claims(`{"aud":["https://other.example.com","`+site+`"]}`))),
		{"several audiences, ours not among them", sign(t, ec, ecHeader(""), claims(`{"aud":["https://other.example.com","a"]}`)), jwt.RuleAudience},
		{"no audience in the list", sign(t, ec, ecHeader(""), claims(`{"aud":[]}`)), jwt.RuleAudience},
		{"an audience that is no text", sign(t, ec, ecHeader(""), claims(`{"aud":["`+site+`",1]}`)), jwt.RuleAudience},
		{"audience an object", sign(t, ec, ecHeader(""), claims(`{"aud":{"`+site+`":true}}`)), jwt.RuleAudience},
		{"subject missing", sign(t, ec, ecHeader(""), claims(`{"sub":"-"}`)), jwt.RuleClaims},
		{"subject empty", sign(t, ec, ecHeader(""), claims(`{"sub":""}`)), jwt.RuleClaims},
		{"subject a number", sign(t, ec, ecHeader(""), claims(`{"sub":1}`)), jwt.RuleClaims},
		{"subject of two lines", sign(t, ec, ecHeader(""), claims(`{"sub":"ann\r\nGate-User: root"}`)), jwt.RuleClaims},
		{"subject of 256 bytes", sign(t, ec, ecHeader(""), claims(`{"sub":"`+repeat("a", 256)+`"}`)), jwt.RuleClaims},

		// When.
		{"exp missing", sign(t, ec, ecHeader(""), claims(`{"exp":"-"}`)), jwt.RuleExpired},
		{"exp null", sign(t, ec, ecHeader(""), claims(`{"exp":null}`)), jwt.RuleClaims},
		{"exp past", sign(t, ec, ecHeader(""), claims(`{"exp":`+at(-31*time.Second)+`}`)), jwt.RuleExpired},
		control("exp past, within the leeway", sign(t, ec, ecHeader(""), claims(`{"exp":`+at(-29*time.Second)+`}`))),
		{"exp zero", sign(t, ec, ecHeader(""), claims(`{"exp":0}`)), jwt.RuleExpired},
		{"exp negative", sign(t, ec, ecHeader(""), claims(`{"exp":-1}`)), jwt.RuleClaims},
		{"exp huge", sign(t, ec, ecHeader(""), claims(`{"exp":1e300}`)), jwt.RuleClaims},
		{"exp over 64 bits", sign(t, ec, ecHeader(""), claims(`{"exp":18446744073709551616}`)), jwt.RuleClaims},
		{"exp beyond a float", signParts(t, ec, b64(ecHeader(""))+"."+b64(strings.Replace(claims(`{"exp":7}`), `"exp":7`, `"exp":1e999`, 1))), jwt.RuleClaims},
		{"exp a text", sign(t, ec, ecHeader(""), claims(`{"exp":"`+at(time.Hour)+`"}`)), jwt.RuleClaims},
		{"exp a list", sign(t, ec, ecHeader(""), claims(`{"exp":[`+at(time.Hour)+`]}`)), jwt.RuleClaims},
		control("exp with a fraction, as Python writes it", sign(t, ec, ecHeader(""), claims(`{"exp":`+at(time.Minute)+`.25}`))),
		{"exp with a fraction, past", sign(t, ec, ecHeader(""), claims(`{"exp":`+at(-time.Minute)+`.25}`)), jwt.RuleExpired},
		{"nbf in the future", sign(t, ec, ecHeader(""), claims(`{"nbf":`+at(31*time.Second)+`}`)), jwt.RuleNotYet},
		control("nbf in the future, within the leeway", sign(t, ec, ecHeader(""), claims(`{"nbf":`+at(29*time.Second)+`}`))),
		{"nbf a text", sign(t, ec, ecHeader(""), claims(`{"nbf":"now"}`)), jwt.RuleClaims},
		{"issued an hour ahead", sign(t, ec, ecHeader(""), claims(`{"iat":`+at(time.Hour)+`,"exp":`+at(2*time.Hour)+`}`)), jwt.RuleNotYet},
		{"issued by a clock an hour late", sign(t, ec, ecHeader(""), claims(`{"iat":`+at(-time.Hour)+`,"exp":`+at(-50*time.Minute)+`}`)), jwt.RuleExpired},

		// Two readings.
		{"sub twice", signParts(t, ec, b64(ecHeader(""))+"."+b64(strings.Replace(claims(), "{", `{"sub":"root",`, 1))), jwt.RuleMalformed},
		{"sub twice, once escaped", signParts(t, ec, b64(ecHeader(""))+"."+b64(strings.Replace(claims(), "{", `{"\u0073ub":"root",`, 1))), jwt.RuleMalformed},
		{"a member twice, deep inside", sign(t, ec, ecHeader(""), strings.Replace(claims(), "{", `{"a":[{"b":1,"b":2}],`, 1)), jwt.RuleMalformed},
		{"text behind the claims", sign(t, ec, ecHeader(""), claims()+"{}"), jwt.RuleMalformed},
		{"claims that are a list", sign(t, ec, ecHeader(""), "["+claims()+"]"), jwt.RuleMalformed},
		{"claims that are not UTF-8", sign(t, ec, ecHeader(""), strings.Replace(claims(), "ann", "ann\xff", 1)), jwt.RuleMalformed},
		{"nested deep", sign(t, ec, ecHeader(""), strings.Replace(claims(), "{", `{"a":`+repeat("[", 5000)+repeat("]", 5000)+",", 1)), jwt.RuleMalformed},
		{"nested one too deep", sign(t, ec, ecHeader(""), strings.Replace(claims(), "{", `{"a":`+repeat("[", 16)+repeat("]", 16)+",", 1)), jwt.RuleMalformed},
		control("nested as deep as may be", sign(t, ec, ecHeader(""), strings.Replace(claims(), "{", `{"a":`+repeat("[", 15)+repeat("]", 15)+",", 1))),
		{"header nested deep", sign(t, ec, ecHeader(`,"a":`+repeat("[", 100)+repeat("]", 100)), claims()), jwt.RuleMalformed},

		// Another form than the compact one.
		{"JSON serialisation", fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1], parts[2]), jwt.RuleMalformed},
		{"white space inside", parts[0] + ". " + parts[1] + "." + parts[2], jwt.RuleMalformed},
		{"a line break inside", parts[0] + "." + parts[1][:9] + "\n" + parts[1][9:] + "." + parts[2], jwt.RuleMalformed},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "==", jwt.RuleMalformed},
		{"bits behind the end", respelled(good), jwt.RuleMalformed},
		{"plain base64", parts[0] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(b64(claims(`{"x":"????>>>>~~~~"}`))) + "." + parts[2], jwt.RuleMalformed},
		{"a part more", good + "." + parts[2], jwt.RuleMalformed},
		{"ten thousand parts", repeat(".", 10_000), jwt.RuleMalformed},
		{"JWE", b64(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.b.c.d", jwt.RuleMalformed},
		{"JWE's header in three parts", sign(t, ec, ecHeader(`,"enc":"A256GCM"`), claims()), jwt.RuleMalformed},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA", jwt.RuleMalformed},
		{"a megabyte", repeat("A", 1<<20), jwt.RuleTooLong},
		{"a megabyte of claims, signed well", sign(t, ec, ecHeader(""), claims(`{"x":"`+repeat("x", 1<<20)+`"}`)), jwt.RuleTooLong},
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			found := s.Find(t.Context(), with(a.token))
			if a.rule == "" {
				wantKnown(t, found, "ann")
				return
			}
			wantInvalid(t, found, a.rule)
			for _, raw := range []string{attacker.URL, "dev/null", "UNION", "root"} {
				if strings.Contains(found.Decision.Evidence, raw) {
					t.Errorf("the evidence holds raw input: %s", found.Decision.Evidence)
				}
			}
			wantKnown(t, s.Find(t.Context(), with(good)), "ann")
		})
	}
	if n := attacker.asked.Load(); n != 0 {
		t.Errorf("the attacker's server was asked %d times", n)
	}
	if n := p.asked.Load(); n > 2 {
		t.Errorf("the issuer was asked %d times within one moment, want 2 at most", n)
	}
}

// An attack is a token; without a rule it is a good one.
type attack struct{ name, token, rule string }

// order is a signature whose r and s are the group's order.
func order(t *testing.T) string {
	t.Helper()
	n := elliptic.P256().Params().N.Bytes()
	return base64.RawURLEncoding.EncodeToString(bytes.Repeat(n, 2))
}

// asDER is the token signed well, in the encoding that TLS uses and JWS does not.
func asDER(t *testing.T, key *ecdsa.PrivateKey, parts []string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// respelled changes the bits behind the signature's end: lenient decoders read
// the same bytes.
func respelled(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last|1])
}
