// Package secret keeps secrets out of logs, errors and events: a string type
// that never prints itself, and functions that replace what looks like a
// secret in text that is about to be written down.
//
// [Text] trusts nothing. [Redact] knows secrets by their form (a private key
// block, a card number, "password=…"); it cannot know that an ordinary word
// was somebody's password. Where text came from a client, describe it with
// [Value] instead.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mark stands in the place of what was taken out.
const Mark = "[redacted]"

// A Text is a secret string. It prints [Mark] however it is printed: fmt with
// every verb, log/slog, JSON and other text encodings. Two ways round that are
// left by Go itself, so don't go them: fmt shows the unexported fields of a
// struct as they are, and encoding/json the keys of a map. The zero value is
// the empty secret, which equals none.
type Text string

var (
	_ fmt.Formatter  = Text("")
	_ slog.LogValuer = Text("")
)

// Reveal is the secret itself.
func (t Text) Reveal() string { return string(t) }

// Equal reports whether the two are the same secret, in time that depends on
// their lengths alone, not on where they differ. The empty secret equals nothing, so that a secret that
// was never configured opens nothing.
func (t Text) Equal(other Text) bool {
	// ConstantTimeCompare wants equal lengths.
	a, b := sha256.Sum256([]byte(t)), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && t != ""
}

func (t Text) String() string   { return Mark }
func (t Text) GoString() string { return Mark }

// Format writes [Mark] for every verb.
func (t Text) Format(f fmt.State, _ rune) { io.WriteString(f, Mark) }

// LogValue is what log/slog writes.
func (t Text) LogValue() slog.Value { return slog.StringValue(Mark) }

// MarshalText writes [Mark]; it is what JSON and YAML encoders use.
func (t Text) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// UnmarshalText takes the text as the secret.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Text(text)
	return nil
}
