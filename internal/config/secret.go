package config

import "log/slog"

// A Secret is a text that prints as [redacted].
type Secret string

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string               { return "[redacted]" }
func (s Secret) GoString() string             { return "[redacted]" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("[redacted]") }
