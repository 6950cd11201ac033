package pgwire

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	_ "crypto/sha512" // what certificates may be signed by
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
)

// SCRAM-SHA-256 (RFC 5802, 7677), as PostgreSQL has it: the user's name in the
// exchange is empty, the startup message has it.
const (
	scramPlain = "SCRAM-SHA-256"
	scramPlus  = "SCRAM-SHA-256-PLUS"
	// scramIterations is what PostgreSQL keeps passwords by.
	scramIterations = 4096
	// maxIterations bounds what a server may have the gate compute: PostgreSQL's
	// scram_iterations goes further, a password of a gate need not.
	maxIterations = 1 << 20
	saltSize      = 16
	nonceSize     = 18 // PostgreSQL's SCRAM_RAW_NONCE_LEN
	// maxSCRAM bounds one message of the exchange.
	maxSCRAM = 2048
)

// binding is the channel binding of the TLS connection that the exchange is in.
const bindingType = "tls-server-end-point"

var (
	errSCRAM = errors.New("malformed SCRAM message")
	// errProof is an exchange that was held as it should be, by somebody who
	// does not know the password.
	errProof = errors.New("the proof does not fit")
)

// A verifier is what the gate keeps of a client's password.
type verifier struct {
	salt                 []byte
	storedKey, serverKey [sha256.Size]byte
	// mock verifiers belong to nobody, and no proof fits.
	mock bool
}

func hmacSHA256(key []byte, text ...string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	for _, t := range text {
		h.Write([]byte(t))
	}
	h.Sum(sum[:0])
	return sum
}

// saltedPassword prepares a password as PostgreSQL does (SASLprep, RFC 4013) and
// hashes it. One that cannot be prepared is taken as it is, as there: emoji, what
// is no UTF-8.
func saltedPassword(password string, salt []byte, iterations int) ([]byte, error) {
	if prepared, err := stringprep.SASLprep.Prepare(password); err == nil && prepared != "" && utf8.ValidString(password) {
		password = prepared
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return salted, nil
}

func newVerifier(password string, salt []byte) (*verifier, error) {
	salted, err := saltedPassword(password, salt, scramIterations)
	if err != nil {
		return nil, err
	}
	v := &verifier{salt: salt, serverKey: hmacSHA256(salted, "Server Key")}
	client := hmacSHA256(salted, "Client Key")
	v.storedKey = sha256.Sum256(client[:])
	return v, nil
}

// mockVerifier is for a user that there is not: its salt is the same each time,
// as a user's is, and nobody knows the keys.
func mockVerifier(secret []byte, user string) *verifier {
	v := &verifier{salt: userSalt(secret, user), mock: true}
	v.storedKey = hmacSHA256(secret, "stored key of ", user)
	v.serverKey = hmacSHA256(secret, "server key of ", user)
	return v
}

func userSalt(secret []byte, user string) []byte {
	sum := hmacSHA256(secret, "salt of ", user)
	return sum[:saltSize]
}

// A scramServer is one exchange with a client.
type scramServer struct {
	v *verifier
	// binding is the data of tls-server-end-point; nil where -PLUS was not
	// offered.
	binding []byte
	plus    bool
	nonce   string // of the server

	header, firstBare, serverFirst, bothNonces string
}

// first reads client-first-message and answers it.
func (s *scramServer) first(message []byte) (answer string, err error) {
	text := string(message)
	header, bare, err := cutGS2(text)
	if err != nil {
		return "", err
	}
	switch flag := text[0]; {
	case s.plus && flag != 'p', !s.plus && flag == 'p':
		return "", fmt.Errorf("%w: the binding does not fit the mechanism", errSCRAM)
	case flag == 'y' && s.binding != nil:
		// The client did not see that -PLUS is offered: somebody took it out.
		return "", fmt.Errorf("%w: channel binding was taken out on the way", errSCRAM)
	case flag == 'p' && !strings.HasPrefix(header, "p="+bindingType+","):
		return "", fmt.Errorf("%w: unknown channel binding", errSCRAM)
	}
	user, rest, ok := strings.Cut(bare, ",")
	if !ok || !strings.HasPrefix(user, "n=") {
		return "", fmt.Errorf("%w: no user", errSCRAM)
	}
	nonce, _, _ := strings.Cut(rest, ",") // extensions are optional ones
	if nonce, ok = strings.CutPrefix(nonce, "r="); !ok || nonce == "" || !printable(nonce) {
		return "", fmt.Errorf("%w: no nonce", errSCRAM)
	}
	s.header, s.firstBare, s.bothNonces = header, bare, nonce+s.nonce
	s.serverFirst = fmt.Sprintf("r=%s,s=%s,i=%d", s.bothNonces, base64.StdEncoding.EncodeToString(s.v.salt), scramIterations)
	return s.serverFirst, nil
}

// cutGS2 takes the header off: whether channels are bound, and in whose name.
func cutGS2(text string) (header, bare string, err error) {
	flag, rest, ok := strings.Cut(text, ",")
	if !ok || flag != "n" && flag != "y" && !strings.HasPrefix(flag, "p=") {
		return "", "", fmt.Errorf("%w: no GS2 header", errSCRAM)
	}
	if !strings.HasPrefix(rest, ",") { // PostgreSQL takes no other identity either
		return "", "", fmt.Errorf("%w: an identity to act for", errSCRAM)
	}
	return text[:len(flag)+2], rest[1:], nil
}

func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7e || c == ',' {
			return false
		}
	}
	return true
}

// final reads client-final-message; the answer proves that the gate knows the
// password's verifier. It is errProof where the client does not know the
// password.
func (s *scramServer) final(message []byte) (answer string, err error) {
	at := bytes.LastIndex(message, []byte(",p="))
	if at < 0 {
		return "", fmt.Errorf("%w: no proof", errSCRAM)
	}
	without := string(message[:at])
	proof, err := base64.StdEncoding.DecodeString(string(message[at+3:]))
	if err != nil || len(proof) != sha256.Size {
		return "", fmt.Errorf("%w: the proof is none", errSCRAM)
	}
	want := "c=" + base64.StdEncoding.EncodeToString(append([]byte(s.header), s.boundData()...)) + ",r=" + s.bothNonces
	if without != want && !strings.HasPrefix(without, want+",") {
		return "", fmt.Errorf("%w: another binding or nonce than before", errSCRAM)
	}
	auth := s.firstBare + "," + s.serverFirst + "," + without
	signature := hmacSHA256(s.v.storedKey[:], auth)
	var key [sha256.Size]byte
	subtle.XORBytes(key[:], proof, signature[:])
	stored := sha256.Sum256(key[:])
	if subtle.ConstantTimeCompare(stored[:], s.v.storedKey[:]) != 1 || s.v.mock {
		return "", errProof
	}
	mine := hmacSHA256(s.v.serverKey[:], auth)
	return "v=" + base64.StdEncoding.EncodeToString(mine[:]), nil
}

func (s *scramServer) boundData() []byte {
	if s.plus {
		return s.binding
	}
	return nil
}

// A scramClient is one exchange with the database.
type scramClient struct {
	password string
	// header is the GS2 header, and binding what it binds to.
	header  string
	binding []byte
	nonce   string

	signature [sha256.Size]byte // what the server must answer
	step      int
}

// Steps of a scramClient's exchange.
const (
	scramBegun = iota
	scramProved
	scramVerified
)

// done reports an error where the exchange was left off before the database
// proved itself. No exchange at all is in order.
func (c *scramClient) done() error {
	if c != nil && c.step != scramVerified {
		return fmt.Errorf("%w: the exchange was not finished", errSCRAM)
	}
	return nil
}

// begin is SASLInitialResponse.
func (c *scramClient) begin(mechanism string) []byte {
	first := c.first()
	b := binary.BigEndian.AppendUint32(appendString(nil, mechanism), uint32(len(first)))
	return append(b, first...)
}

func (c *scramClient) firstBare() string { return "n=,r=" + c.nonce }

// first is client-first-message.
func (c *scramClient) first() string { return c.header + c.firstBare() }

// final reads server-first-message and answers it.
func (c *scramClient) final(message []byte) (answer string, err error) {
	serverFirst := string(message)
	var nonce, salt64, count string
	for i, part := range strings.SplitN(serverFirst, ",", 4) {
		want := [...]struct {
			prefix string
			to     *string
		}{{"r=", &nonce}, {"s=", &salt64}, {"i=", &count}, {"", new(string)}}[i]
		text, ok := strings.CutPrefix(part, want.prefix)
		if !ok {
			return "", errSCRAM
		}
		*want.to = text
	}
	salt, err := base64.StdEncoding.DecodeString(salt64)
	iterations, err2 := strconv.Atoi(count)
	switch {
	case err != nil || err2 != nil || len(salt) == 0:
		return "", errSCRAM
	case !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce) || !printable(nonce):
		return "", fmt.Errorf("%w: another nonce", errSCRAM)
	case iterations < 1 || iterations > maxIterations:
		return "", fmt.Errorf("%w: %d iterations, at most %d are done", errSCRAM, iterations, maxIterations)
	}
	salted, err := saltedPassword(c.password, salt, iterations)
	if err != nil {
		return "", err
	}
	without := "c=" + base64.StdEncoding.EncodeToString(append([]byte(c.header), c.binding...)) + ",r=" + nonce
	auth := c.firstBare() + "," + serverFirst + "," + without
	key, serverKey := hmacSHA256(salted, "Client Key"), hmacSHA256(salted, "Server Key")
	stored := sha256.Sum256(key[:])
	proof := hmacSHA256(stored[:], auth)
	subtle.XORBytes(proof[:], proof[:], key[:])
	c.signature = hmacSHA256(serverKey[:], auth)
	return without + ",p=" + base64.StdEncoding.EncodeToString(proof[:]), nil
}

// verify reads server-final-message: the database must know the password too.
func (c *scramClient) verify(message []byte) error {
	text, _, _ := strings.Cut(string(message), ",")
	text, ok := strings.CutPrefix(text, "v=")
	got, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || !hmac.Equal(got, c.signature[:]) {
		return errors.New("the database does not know the password itself")
	}
	return nil
}

// endPoint is the data of tls-server-end-point (RFC 5929): the certificate's
// hash, by the hash function of its signature. It is nil where the RFC leaves
// that undefined, or where libpq of before PostgreSQL 16 cannot tell it.
func endPoint(cert *x509.Certificate) []byte {
	var hash crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.SHA256WithRSA, x509.ECDSAWithSHA256:
		hash = crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	default:
		return nil
	}
	h := hash.New()
	h.Write(cert.Raw)
	return h.Sum(nil)
}
