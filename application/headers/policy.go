package headers

import (
	"net/http"
	"strings"
)

// policySet are the directives of the policies that a backend enforces.
type policySet []map[string]string

// policies reads every enforced policy of a header; a comma separates policies in
// one line (CSP 3, section 2.2.2), a semicolon directives. A directive that is
// said twice counts once, the first time (section 2.2.1).
func policies(h http.Header) (all policySet) {
	for _, line := range h["Content-Security-Policy"] {
		for text := range strings.SplitSeq(line, ",") {
			directives := map[string]string{}
			for part := range strings.SplitSeq(text, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
				name = strings.ToLower(name)
				if _, twice := directives[name]; name != "" && !twice {
					directives[name] = strings.TrimSpace(value)
				}
			}
			if len(directives) > 0 {
				all = append(all, directives)
			}
		}
	}
	return all
}

func (s policySet) has(name string) bool {
	for _, p := range s {
		if _, ok := p[name]; ok {
			return true
		}
	}
	return false
}

func (s policySet) says(name, value string) bool {
	for _, p := range s {
		if p[name] == value {
			return true
		}
	}
	return false
}

func hasPolicy(h http.Header) bool { return len(policies(h)) > 0 }

// without gives a policy less one directive.
func without(policy, directive string) string {
	var kept []string
	for part := range strings.SplitSeq(policy, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		if name != "" && !strings.EqualFold(name, directive) {
			kept = append(kept, strings.TrimSpace(part))
		}
	}
	return strings.Join(kept, "; ")
}
