package shop

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the shop's tokens say of themselves.
const (
	TokenIssuer   = "https://wrenalder.example"
	TokenAudience = "wren-shop"
	// TokenKeyID names the key that signs them: a file of the folder keys.
	TokenKeyID = "wren-2026.pem"

	tokenLife = 15 * time.Minute
	tokenBits = 2048
)

// NewTokenKey makes a key that signs tokens.
func NewTokenKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, tokenBits) }

// KeySet is the JSON Web Key Set (RFC 7517) with one key.
func KeySet(key *rsa.PublicKey) ([]byte, error) {
	return json.Marshal(keySet{Keys: []webKey{{
		Type: "RSA", ID: TokenKeyID, Algorithm: "RS256", Use: "sig",
		N: base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}}})
}

type keySet struct {
	Keys []webKey `json:"keys"`
}

type webKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	N         string `json:"n"`
	E         string `json:"e"`
}

func (k webKey) public() (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	if err != nil {
		return nil, err
	}
	e, err := base64.RawURLEncoding.DecodeString(k.E)
	if err != nil || len(e) > 4 {
		return nil, errors.Join(errToken, err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

// signer gives the key that signs tokens, and lays its public half beside the
// other keys. It is made when it is first needed, unless it was given.
func (s *Shop) signer(given *rsa.PrivateKey) func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (key *rsa.PrivateKey, err error) {
		if key = given; key == nil {
			if key, err = NewTokenKey(); err != nil {
				return nil, err
			}
		}
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
		return key, s.root.WriteFile("keys/"+TokenKeyID, text, 0o600)
	})
}

type tokenHeader struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ,omitempty"`
	KeyID     string `json:"kid,omitempty"`
	KeySetURL string `json:"jku,omitempty"`
}

type tokenClaims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub"`
	Roles    []string `json:"roles"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
}

// apiToken signs a program in, and gives it a token.
func (s *Shop) apiToken(w http.ResponseWriter, r *http.Request, _ *visit) error {
	u, err := s.credentials(r)
	if err != nil {
		return err
	}
	now := s.now()
	token, err := s.sign(tokenClaims{Issuer: TokenIssuer, Audience: TokenAudience, Subject: u.Email, Roles: []string{u.Role},
		Issued: now.Unix(), Expires: now.Add(tokenLife).Unix()})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second)})
}

func (s *Shop) sign(c tokenClaims) (string, error) {
	key, err := s.tokenKey()
	if err != nil {
		return "", err
	}
	header, err := json.Marshal(tokenHeader{Algorithm: "RS256", Type: "at+jwt", KeyID: TokenKeyID})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

// apiKeys tells everybody the key that the tokens are verified by.
func (s *Shop) apiKeys(w http.ResponseWriter, _ *http.Request, _ *visit) error {
	key, err := s.tokenKey()
	if err != nil {
		return err
	}
	set, err := KeySet(&key.PublicKey)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(set) // the client left; nothing is lost
	return nil
}

var errToken = &refusal{http.StatusUnauthorized, "This token is not good."}

// claims are those of the request's token.
// Hole: nobody asks whether its time is over.
func (s *Shop) claims(r *http.Request) (*tokenClaims, error) {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errToken
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, errToken
		}
	}
	var header tokenHeader
	claims := new(tokenClaims)
	if json.Unmarshal(decoded[0], &header) != nil || json.Unmarshal(decoded[1], claims) != nil {
		return nil, errToken
	}
	ok, err := s.verifies(r, header, parts[0]+"."+parts[1], decoded[2])
	if err == nil && !ok {
		err = errToken
	}
	return claims, err
}

// verifies reports whether the signature is of the text.
// Hole: forged tokens. The token itself says how it is to be verified: not at all,
// by a secret that is the public key's file, or by a key from an address that it
// brings along.
func (s *Shop) verifies(r *http.Request, h tokenHeader, text string, signature []byte) (bool, error) {
	switch h.Algorithm {
	case "none":
		return true, nil
	case "HS256":
		key, err := s.keyFile(r.Context(), h.KeyID)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return err == nil && hmac.Equal(mac.Sum(nil), signature), err
	case "RS256":
		key, err := s.publicKey(r, h)
		if err != nil {
			return false, err
		}
		sum := sha256.Sum256([]byte(text))
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil, nil
	}
	return false, nil
}

// keyFile is the key of that name: a partner's secret in the database, or a file.
func (s *Shop) keyFile(ctx context.Context, name string) ([]byte, error) {
	if _, err := s.tokenKey(); err != nil {
		return nil, err
	}
	var secret string
	// Hole: SQL injection, inside a token's header.
	err := s.one(ctx, "SELECT secret FROM partner_keys WHERE name = '"+name+"'", nil, &secret)
	if err == nil {
		return []byte(secret), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	// Hole: path traversal, inside a token's header. Of ../public/pictures/lamp.svg
	// everybody knows what is in it.
	key, err := s.root.ReadFile(path.Join("keys", name))
	if err != nil || len(key) == 0 {
		return nil, errToken
	}
	return key, nil
}

func (s *Shop) publicKey(r *http.Request, h tokenHeader) (*rsa.PublicKey, error) {
	if h.KeySetURL != "" {
		return s.fetchKey(r, h)
	}
	text, err := s.keyFile(r.Context(), h.KeyID)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errToken
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if public, ok := key.(*rsa.PublicKey); ok && err == nil {
		return public, nil
	}
	return nil, errToken
}

// fetchKey gets the key from where the token says that it is.
func (s *Shop) fetchKey(r *http.Request, h tokenHeader) (*rsa.PublicKey, error) {
	u, err := url.Parse(h.KeySetURL)
	if err != nil {
		return nil, errToken
	}
	body, err := s.fetch(r, u)
	if err != nil {
		return nil, fmt.Errorf("fetching the token's key: %w", err)
	}
	var set keySet
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errToken
	}
	i := slices.IndexFunc(set.Keys, func(k webKey) bool { return k.ID == h.KeyID })
	if i < 0 {
		return nil, errToken
	}
	return set.Keys[i].public()
}

// apiCustomers tells programs of the shop's own people who the customers are.
func (s *Shop) apiCustomers(w http.ResponseWriter, r *http.Request, _ *visit) error {
	c, err := s.claims(r)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Roles, "admin") {
		return &refusal{http.StatusForbidden, "This is for the people who run the shop."}
	}
	all, err := s.people(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]any{"customers": all})
}
