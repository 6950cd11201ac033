package jwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gatehousehq/gatehouse"
)

const (
	// maxSubject is RFC 7519's neighbour's bound: OpenID Connect Core, 2.
	maxSubject = 255
	// maxGranted bounds roles and scopes, each, and maxGrantedLength one of them.
	maxGranted       = 256
	maxGrantedLength = 256
	// lastDate is the end of the year 9999, in seconds since 1970.
	lastDate = 253402300799
)

// A path leads to a claim.
type path []string

func newPath(name, otherwise string) (path, error) {
	if name == "" {
		name = otherwise
	}
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' {
		return path{name}, nil
	}
	steps := strings.Split(name[1:], "/")
	for i, step := range steps {
		if step == "" {
			return nil, fmt.Errorf("%q is no path to a claim", name)
		}
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return steps, nil
}

func (p path) in(claims map[string]any) (any, bool) {
	if len(p) == 0 {
		return nil, false
	}
	for _, step := range p[:len(p)-1] {
		claims, _ = claims[step].(map[string]any)
	}
	value, ok := claims[p[len(p)-1]]
	return value, ok
}

// audience reports whether a token is for one of the audiences.
func audience(claims map[string]any, audiences []string) bool {
	switch aud := claims["aud"].(type) {
	case string:
		return slices.Contains(audiences, aud)
	case []any:
		found := false
		for _, one := range aud {
			text, ok := one.(string)
			if !ok {
				return false
			}
			found = found || slices.Contains(audiences, text)
		}
		return found
	}
	return false
}

// date reads a NumericDate: seconds since 1970, which may have a fraction.
func date(claims map[string]any, name string) (at time.Time, there bool, err error) {
	value, there := claims[name]
	if !there {
		return time.Time{}, false, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, true, fmt.Errorf("its %s is no number", name)
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || seconds < 0 || seconds > lastDate {
		return time.Time{}, true, fmt.Errorf("its %s is no date", name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true, nil
}

// text reads a claim that names somebody or something.
func text(value any) (string, error) {
	s, ok := value.(string)
	if !ok || s == "" || len(s) > maxSubject || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errors.New("must be a text of 1 to 255 bytes")
	}
	return s, nil
}

// granted reads roles or scopes: a list of texts or one text, which holds
// several where split is set.
func granted(value any, split bool) ([]string, error) {
	var all []string
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		if split {
			all = strings.Fields(v)
		} else if v != "" {
			all = []string{v}
		}
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return nil, errors.New("must hold texts alone")
			}
			all = append(all, s)
		}
	default:
		return nil, errors.New("must be a text or a list of texts")
	}
	if len(all) > maxGranted || slices.ContainsFunc(all, func(s string) bool { return len(s) > maxGrantedLength }) {
		return nil, fmt.Errorf("must be %d texts of %d bytes at most", maxGranted, maxGrantedLength)
	}
	return all, nil
}

// factors are the kinds of proof that amr names (RFC 8176): two kinds are two
// factors. What is missing here is of no kind by itself, such as "user" and "geo".
var factors = map[string]string{
	"pwd": "knows", "pin": "knows", "kba": "knows",
	"otp": "has", "hwk": "has", "swk": "has", "sc": "has", "sms": "has", "tel": "has", "pop": "has",
	"face": "is", "fpt": "is", "iris": "is", "retina": "is", "vbm": "is",
}

// secondFactor says whether amr, or an acr that is declared so, tells of two
// factors.
func secondFactor(claims map[string]any, declared []string) bool {
	if acr, ok := claims["acr"].(string); ok && slices.Contains(declared, acr) {
		return true
	}
	methods, _ := claims["amr"].([]any)
	kind := ""
	for _, one := range methods {
		method, _ := one.(string)
		if method == "mfa" {
			return true
		}
		if this := factors[method]; this != "" {
			if kind != "" && kind != this {
				return true
			}
			kind = this
		}
	}
	return false
}

// principal reads whom the claims of a verified token are about.
func (i *issuer) principal(claims map[string]any) (p gatehouse.Principal, err error) {
	p.Issuer = i.Issuer.Issuer
	subject, _ := i.subject.in(claims)
	if p.ID, err = text(subject); err != nil {
		return p, fmt.Errorf("its subject %w", err)
	}
	if tenant, there := i.tenant.in(claims); there {
		if p.Tenant, err = text(tenant); err != nil {
			return p, fmt.Errorf("its tenant %w", err)
		}
	}
	roles, _ := i.roles.in(claims)
	if p.Roles, err = granted(roles, false); err != nil {
		return p, fmt.Errorf("its roles %w", err)
	}
	scopes, _ := i.scopes.in(claims)
	if p.Scopes, err = granted(scopes, true); err != nil {
		return p, fmt.Errorf("its scopes %w", err)
	}
	if p.SignedIn, _, err = date(claims, "auth_time"); err != nil {
		return p, err
	}
	p.SecondFactor = secondFactor(claims, i.SecondFactor)
	return p, nil
}
