package privilege

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// PrincipalName is the name under which the database is told a principal's ID.
// With an @ and its issuer behind, it is the ID of that issuer alone: where
// people are known by several, one's ID may be another's of somebody else.
const PrincipalName = "principal"

// RuleReserved is of a client's statement that is [Reserved].
const RuleReserved = "signed-principal"

// enterSQL begins what a Signer makes. The database believes only a message that
// begins so, and no client's may: see [Reserved].
const enterSQL = "SELECT gatehouse.enter("

// maxSaid bounds what is told of a principal, which stands in every message.
const maxSaid = 4 << 10

// SignerOptions configure a Signer.
type SignerOptions struct {
	// Key is gatehouse.key's secret: 64 hexadecimal digits. Required.
	Key secret.Text
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A Signer writes the statement that tells the database whose the one after it
// is, for the policies that [RLS] proposes. Its methods may be called
// concurrently.
type Signer struct {
	key []byte
	now func() time.Time
}

// NewSigner checks the options.
func NewSigner(o SignerOptions) (*Signer, error) {
	key, err := ParseKey(o.Key)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Signer{key: key, now: o.Now}, nil
}

// ParseKey reads a key, and says nothing of it where it is none.
func ParseKey(key secret.Text) ([]byte, error) {
	raw, err := hex.DecodeString(strings.TrimSpace(key.Reveal()))
	if err != nil || len(raw) != sha256.Size {
		return nil, errors.New("privilege: SignerOptions.Key is not 64 hexadecimal digits")
	}
	return raw, nil
}

// said is what is told, as gatehouse.claims() reads it.
type said struct {
	At           int64             `json:"at"`
	Names        map[string]string `json:"names"`
	Roles        []string          `json:"roles"`
	Unattributed bool              `json:"unattributed,omitempty"`
}

// Principal tells whose statement it is. Of nobody, and of one who has a name
// that the database can't hold, it tells that it is nobody's: that owns nothing.
func (s *Signer) Principal(p gatehouse.Principal) string {
	if !p.Known() {
		return s.sign(&said{})
	}
	of := said{Names: map[string]string{PrincipalName: p.ID, PrincipalName + "@" + p.Issuer: p.ID}, Roles: p.Roles}
	for _, a := range p.Aliases {
		if checkName(a.Name) == nil && !isPrincipal(a.Name) {
			of.Names[a.Name] = a.Value
		}
	}
	if !of.fits() {
		return s.sign(&said{})
	}
	return s.sign(&of)
}

// Unattributed tells that it is not known whose statement it is.
func (s *Signer) Unattributed() string { return s.sign(&said{Unattributed: true}) }

// isPrincipal reports whether a name says which ID.
func isPrincipal(name string) bool {
	return name == PrincipalName || strings.HasPrefix(name, PrincipalName+"@")
}

// checkName says what is wrong with a name of a principal's.
func checkName(name string) error {
	if len(name) > 512 || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return fmt.Errorf("privilege: %.60q is no name of a principal's", name)
	}
	return nil
}

// fits reports whether JSON, and the database, hold it as it is: what is not
// UTF-8 would become the same as another that is not.
func (c *said) fits() bool {
	n := 0
	one := func(text string) bool {
		n += len(text)
		return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
	}
	for name, value := range c.Names {
		if !one(name) || !one(value) {
			return false
		}
	}
	for _, role := range c.Roles {
		if !one(role) {
			return false
		}
	}
	return n <= maxSaid
}

func (s *Signer) sign(c *said) string {
	c.At = s.now().Unix()
	if c.Roles == nil {
		c.Roles = []string{}
	}
	text, _ := json.Marshal(c) // strings and numbers always can
	claims := base64.StdEncoding.EncodeToString(text)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("enter:" + claims)) // never fails
	return enterSQL + "'" + claims + "." + hex.EncodeToString(mac.Sum(nil)) + "')"
}

// Reserved reports whether a client's text begins as only the gate's own may:
// with it, whoever read what the gate sent for somebody could send it again.
func Reserved(sql string) bool { return strings.HasPrefix(sql, enterSQL) }
