package signin

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// maxAccount bounds an account's name, in bytes: an e-mail address has 254
	// at most (RFC 5321). Of a longer one the beginning stays, with a hash.
	maxAccount = 256
	// maxNormalised bounds what is normalised at all.
	maxNormalised = 1024
)

// Account is a name in the one spelling by which accounts are compared: NFKC
// with case folded, without what can't be seen and spaces around it, at most 256
// bytes. Backends differ: two names that one tells apart may be the same here.
func Account(name string) string { return normalised(name, true) }

func normalised(name string, fold bool) string {
	s := name
	if len(s) > maxNormalised {
		s = s[:maxNormalised]
	}
	s = norm.NFKC.String(strings.ToValidUTF8(s, "\uFFFD"))
	if fold {
		s = norm.NFKC.String(cases.Fold().String(s))
	}
	s = strings.TrimSpace(strings.Map(visible, s))
	if len(name) <= maxNormalised && len(s) <= maxAccount {
		return s
	}
	const kept = maxAccount - 2*8 - 3
	sum := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(s[:min(len(s), kept)], "") + "…" + hex.EncodeToString(sum[:8])
}

func visible(r rune) rune {
	if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
		return -1
	}
	return r
}
