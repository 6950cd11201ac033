package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// YAML is the entry as a person would write it under allow.
func (e AllowEntry) YAML() string {
	var b strings.Builder
	mark, expires := "  - ", ""
	if !e.Expires.IsZero() {
		expires = e.Expires.String()
	}
	for _, f := range []struct{ key, value string }{
		{"id", e.ID}, {"rung", e.Rung}, {"rule", e.Rule}, {"path", e.Path}, {"field", e.Field},
		{"reason", string(e.Reason)}, {"expires", expires},
	} {
		if f.value == "" {
			continue
		}
		quoted, err := yaml.Marshal(f.value)
		if err != nil {
			quoted = fmt.Appendf(nil, "%q", f.value) // a double-quoted scalar is JSON's
		}
		fmt.Fprintf(&b, "%s%s: %s\n", mark, f.key, strings.TrimSpace(string(quoted)))
		mark = "    "
	}
	return b.String()
}
