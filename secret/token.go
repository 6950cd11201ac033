package secret

import "strings"

// tokenLike reports whether s could have been made by a machine or typed as a
// password, rather than be a word of a sentence, a number or a name: it has
// eight characters or more, and digits among letters, or no vowel's rhythm of
// case and digits that words have.
func tokenLike(s string) bool {
	if len(s) < 8 {
		return false
	}
	if len(s) >= 32 && !strings.ContainsAny(s, " /") {
		return true
	}
	k := kindsOf(s)
	return k.digits > 0 && k.letters > 0 || k.turns > len(s)/4
}

// kinds counts what a text is made of.
type kinds struct {
	letters, digits int
	// turns counts neighbours of different kinds: lower case before upper
	// case, a letter beside a digit. Random text has many, words few.
	turns int
}

func kindsOf(s string) kinds {
	var k kinds
	var before byte
	for i := range len(s) {
		kind := charKind(s[i])
		switch kind {
		case 'a', 'A':
			k.letters++
		case '0':
			k.digits++
		}
		if before != 0 && kind != 0 && kind != before && !(before == 'A' && kind == 'a') {
			k.turns++
		}
		before = kind
	}
	return k
}

func charKind(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a'
	case c >= 'A' && c <= 'Z':
		return 'A'
	case c >= '0' && c <= '9':
		return '0'
	}
	return 0
}

// longToken reports whether a segment of a path looks random: 20 characters
// or more, in which a quarter of the neighbours change kind. A slug's words
// and a date's numbers don't.
func longToken(s string) bool {
	if len(s) < 20 {
		return false
	}
	k := kindsOf(s)
	if k.turns*4 > len(s) {
		return true
	}
	return len(s) >= 64 && !strings.ContainsAny(s, "-_. ")
}

// isUUID reports whether s has the text form of RFC 9562.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if (c < 'a' || c > 'f') && (s[i] < '0' || s[i] > '9') {
				return false
			}
		}
	}
	return true
}
