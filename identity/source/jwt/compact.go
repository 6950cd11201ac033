package jwt

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// A token is one in compact form, taken apart and not verified.
type token struct {
	text   string
	alg    string
	typ    string
	kid    string
	named  bool // there is a kid
	strict bool // the header asks for something that a reader must know: crit or b64
	claims map[string]any
}

// A foreign error is about what may be another source's: no JWT, or none of
// the issuers here.
type foreign struct{ error }

var (
	errNotCompact = errors.New("it is not three parts of base64url with dots between them")
	errEncrypted  = errors.New("it is encrypted (JWE); only signed tokens are read")
	errPayload    = errors.New("its claims are not a JSON object")
)

// parse takes a token apart. What it gives is what the token says of itself;
// of it only the issuer's name, the key's and the algorithm's may be used, to
// look up what the token is to be verified with.
func parse(text string) (token, error) {
	parts := strings.SplitN(text, ".", 6)
	header, err := decode(parts[0])
	if err != nil {
		return token{}, foreign{errNotCompact}
	}
	of, err := parseObject(header)
	alg, isText := of["alg"].(string)
	switch {
	case errors.Is(err, errDuplicate) || errors.Is(err, errDepth):
		return token{}, err
	case err != nil || !isText:
		return token{}, foreign{errors.New("its header is no JSON object that names an algorithm")}
	case len(parts) == 5 || of["enc"] != nil:
		return token{}, foreign{errEncrypted}
	case len(parts) != 3:
		return token{}, foreign{errNotCompact}
	}
	t := token{text: text, alg: alg}
	if err := t.readHeader(of); err != nil {
		return token{}, err
	}
	payload, err := decode(parts[1])
	if err != nil {
		return token{}, errNotCompact
	}
	if _, err := decode(parts[2]); err != nil && parts[2] != "" {
		return token{}, errNotCompact
	}
	t.claims, err = parseObject(payload)
	if errors.Is(err, errNotJSON) {
		return token{}, errPayload
	}
	return t, err
}

// readHeader takes of the header what is used. jku, x5u, x5c and jwk say where
// a key could be got or what it is; nothing here asks them.
func (t *token) readHeader(of map[string]any) error {
	for name, to := range map[string]*string{"typ": &t.typ, "kid": &t.kid} {
		value, there := of[name]
		text, ok := value.(string)
		if there && !ok {
			return errors.New("its header's " + name + " is no text")
		}
		*to = text
	}
	_, t.named = of["kid"]
	_, crit := of["crit"]
	_, b64 := of["b64"]
	t.strict = crit || b64
	return nil
}

// decode reads base64url as RFC 7515 writes it: no padding, no white space, and
// no bits behind the end, so that one token has one spelling.
func decode(part string) ([]byte, error) {
	if part == "" || strings.ContainsAny(part, "\r\n") { // which Go's decoder leaves out
		return nil, errNotCompact
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

// signedBy verifies the signature with one of the keys, and gives that key.
func (t *token) signedBy(keys []*key, alg jose.SignatureAlgorithm) (*key, error) {
	signed, err := jose.ParseSignedCompact(t.text, []jose.SignatureAlgorithm{alg})
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if _, err = signed.Verify(k.public); err == nil {
			return k, nil
		}
	}
	return nil, err
}
