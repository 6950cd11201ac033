package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys = 64
	minRSA  = 2048
	maxRSA  = 8192 // crypto/tls's bound: larger ones take long
)

// A key is one that an issuer signs with, and the algorithms it is for.
type key struct {
	id     string
	public any
	algs   []jose.SignatureAlgorithm
	print  string
	// gone is set once the issuer's set holds it no longer.
	gone atomic.Bool
}

func (k *key) same(other *key) bool {
	return k.id == other.id && k.print == other.print && slices.Equal(k.algs, other.algs)
}

// parseKeys reads a key set (RFC 7517) and says how many keys of it are not
// usable. Some usually aren't: keys for encryption, of other curves.
func parseKeys(text []byte, allowed []jose.SignatureAlgorithm) (keys []*key, unusable int, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, 0, errors.New("what is there is no JSON key set")
	}
	if len(set.Keys) > maxKeys {
		return nil, 0, fmt.Errorf("it holds %d keys, %d at most are taken", len(set.Keys), maxKeys)
	}
	for _, raw := range set.Keys {
		k, err := parseKey(raw, allowed)
		if err != nil {
			unusable++
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, unusable, fmt.Errorf("of its %d keys none can be used", unusable)
	}
	return keys, unusable, nil
}

// private are the members of a JWK that only its owner may know. Whoever
// publishes one has no secret left; "k" is one that also verifies (HS256).
var private = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

func parseKey(raw json.RawMessage, allowed []jose.SignatureAlgorithm) (*key, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	for _, name := range private {
		if _, ok := members[name]; ok {
			return nil, errors.New("it is no public key")
		}
	}
	var of struct {
		Use string   `json:"use"`
		Ops []string `json:"key_ops"`
		X   string   `json:"x"`
	}
	if err := json.Unmarshal(raw, &of); err != nil {
		return nil, err
	}
	if of.Use != "" && of.Use != "sig" || of.Ops != nil && !slices.Contains(of.Ops, "verify") {
		return nil, errors.New("it is not for signatures")
	}
	// Certificates vouch for nothing here: the set's address or file does.
	for name := range members {
		if strings.HasPrefix(name, "x5") {
			delete(members, name)
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	if _, ok := jwk.Key.(ed25519.PublicKey); ok && len(of.X) != 43 { // go-jose fills up what is short
		return nil, errors.New("its x is not of 32 bytes")
	}
	return pin(jwk, allowed)
}

// pin says which algorithms a key is for: those of its kind that it names
// itself, or, where it names none, that the issuer is declared with.
func pin(jwk jose.JSONWebKey, allowed []jose.SignatureAlgorithm) (*key, error) {
	var algs []jose.SignatureAlgorithm
	switch public := jwk.Key.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve.Params().BitSize {
		case 256:
			algs = algorithms[0:1]
		case 384:
			algs = algorithms[1:2]
		case 521:
			algs = algorithms[2:3]
		}
	case ed25519.PublicKey:
		algs = algorithms[3:4]
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSA || bits > maxRSA || public.E < 3 || public.E%2 == 0 {
			return nil, fmt.Errorf("it is an RSA key of %d bits", bits)
		}
		algs = algorithms[4:]
		if jwk.Algorithm == "" && allowed == nil {
			algs = algorithms[4:5]
		}
	}
	var pinned []jose.SignatureAlgorithm
	for _, alg := range algs {
		if (jwk.Algorithm == "" || jwk.Algorithm == string(alg)) && (allowed == nil || slices.Contains(allowed, alg)) {
			pinned = append(pinned, alg)
		}
	}
	if len(pinned) == 0 {
		return nil, errors.New("it is for no algorithm that is allowed")
	}
	print, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return &key{id: jwk.KeyID, public: jwk.Key, algs: pinned, print: string(print)}, nil
}
