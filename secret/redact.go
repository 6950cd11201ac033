package secret

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// Redact returns s with [Mark] in the place of every secret whose form it
// knows: private key blocks, JSON Web Tokens, keys of well-known services,
// credentials in Authorization headers and cookies, passwords in connection
// strings, values of password-like names (in URLs, forms, JSON, YAML, XML and
// command lines), and card numbers. Ordinary text is returned as it is. The
// time taken grows linearly with s.
func Redact(s string) string {
	if len(s) < minSecret {
		return s
	}
	lower := strings.ToLower(s)
	for _, r := range rules {
		if contains(lower, r.hints) {
			s = r.apply(s)
		}
	}
	if contains(lower, nameHints) {
		s = redactPairs(s)
	}
	return redactCards(s)
}

// minSecret is the shortest text that a rule can match: "pwd=x".
const minSecret = 5

// A rule finds one form of secret.
type rule struct {
	name string
	// hints are texts, in lower case, of which one must occur for the
	// expression to be tried.
	hints []string
	expr  *regexp.Regexp
	// group is the submatch to replace: 0 is the whole match.
	group int
	// keep is asked about a match by its submatches; true leaves it. Nil
	// replaces every match.
	keep func(match []string) bool
}

func contains(lower string, hints []string) bool {
	for _, h := range hints {
		if strings.Contains(lower, h) {
			return true
		}
	}
	return false
}

func (r rule) apply(s string) string {
	all := r.expr.FindAllStringSubmatchIndex(s, -1)
	if all == nil {
		return s
	}
	var out strings.Builder
	done := 0
	for _, at := range all {
		from, to := at[2*r.group], at[2*r.group+1]
		if from < 0 || s[from:to] == Mark || r.keep != nil && r.keep(submatches(s, at)) {
			continue
		}
		out.WriteString(s[done:from])
		out.WriteString(Mark)
		done = to
	}
	out.WriteString(s[done:])
	return out.String()
}

func submatches(s string, at []int) []string {
	m := make([]string, len(at)/2)
	for i := range m {
		if at[2*i] >= 0 {
			m[i] = s[at[2*i]:at[2*i+1]]
		}
	}
	return m
}

// rules run in this order: whole blocks and tokens first, so that what is left
// for the pairs is short.
var rules = []rule{
	{
		name: "private key", hints: []string{"private key"},
		expr: regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)`),
	},
	{
		// RFC 7515 and 7516, compact; "eyJ" is the base64url of `{"`.
		name: "JSON Web Token", hints: []string{"eyj"},
		expr: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,3}`),
	},
	{
		name: "key of a service", hints: serviceHints,
		expr: regexp.MustCompile(`\b(?:` + strings.Join(serviceKeys, "|") + `)`),
	},
	{
		name: "Authorization header", hints: []string{"authorization"},
		expr:  regexp.MustCompile(`(?i)\bauthorization\\*["']?\s*(?:=>|[:=])\s*\\*["']?(?:basic|bearer|digest|negotiate|ntlm|token|apikey|dpop|hawk|hmac|signature|aws4-hmac-sha256)\s+([^\r\n]+)`),
		group: 1, keep: func(m []string) bool { return strings.HasPrefix(m[1], Mark) },
	},
	{
		name: "bearer token", hints: []string{"bearer", "dpop"},
		expr:  regexp.MustCompile(`(?i)\b(?:bearer|dpop)[ \t]+([A-Za-z0-9._~+/-]{8,}=*)`),
		group: 1, keep: func(m []string) bool { return !tokenLike(m[1]) },
	},
	{
		name: "basic credentials", hints: []string{"basic"},
		expr:  regexp.MustCompile(`(?i)\bbasic[ \t]+([A-Za-z0-9+/_-]{4,}=*)`),
		group: 1, keep: func(m []string) bool { return !basicCredentials(m[1]) },
	},
	{
		name: "cookies", hints: []string{"cookie"},
		expr:  regexp.MustCompile(`(?i)\bcookie\\*["']?\s*[:=]\s*\\*["']?([!#$%&*+.^_|~0-9a-z-]+=(?:"[^"\r\n]*"|[^\s;"]*)(?:;[^;"\r\n]*)*)`),
		group: 1, keep: func(m []string) bool { return strings.HasPrefix(m[1], Mark) },
	},
	{
		name: "password in a URL", hints: []string{"://"},
		expr:  regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@"'<>]*:([^\s"'<>]*)@`),
		group: 1, keep: func(m []string) bool { return portAndPath(m[0], m[1]) },
	},
	{
		name: "token in a URL", hints: []string{"://"},
		expr:  regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://([^\s/:@"'<>]{16,})@`),
		group: 1, keep: func(m []string) bool { return !tokenLike(m[1]) },
	},
	{
		name: "password in a MySQL data source", hints: []string{"@tcp(", "@unix("},
		expr:  regexp.MustCompile(`[\w.%-]+:([^\s"']+)@(?:tcp|unix)\(`),
		group: 1,
	},
	{
		name: "command line option", hints: []string{"--"},
		expr:  regexp.MustCompile(`(?:^|\s)--([A-Za-z][\w-]*)[ \t]+("[^"\r\n]*"|'[^'\r\n]*'|[^\s"'-]\S*)`),
		group: 2, keep: func(m []string) bool { return nameClass(m[1]) != strong || plainWord(m[2]) },
	},
	{
		name: "XML element", hints: []string{"</"},
		expr:  regexp.MustCompile(`<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?>([^<>]+)</`),
		group: 2, keep: func(m []string) bool { return nameClass(m[1]) != strong },
	},
	{
		name: "multipart field", hints: []string{"name=\""},
		expr:  regexp.MustCompile(`\bname="([^"\r\n]{1,64})"[^\r\n]*(?:\r?\n[^\r\n]+)*\r?\n\r?\n([^\r\n]+)`),
		group: 2, keep: func(m []string) bool { return nameClass(m[1]) != strong },
	},
}

// serviceKeys are the documented forms of services' keys.
var serviceKeys = []string{
	`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b`, // AWS access key
	`gh[pousr]_[A-Za-z0-9]{36,}`,            // GitHub
	`github_pat_[A-Za-z0-9_]{22,}`,
	`glpat-[A-Za-z0-9_-]{20,}`,           // GitLab
	`xox[abceoprs]-[A-Za-z0-9-]{10,}`,    // Slack
	`xapp-\d-[A-Za-z0-9-]{10,}`,          // Slack, application level
	`(?:sk|rk)_(?:live|test)_\w{10,}`,    // Stripe
	`whsec_[A-Za-z0-9+/=]{16,}`,          // Stripe, webhooks
	`AIza[A-Za-z0-9_-]{35}`,              // Google API
	`ya29\.[A-Za-z0-9_-]{20,}`,           // Google OAuth
	`GOCSPX-[A-Za-z0-9_-]{20,}`,          // Google OAuth client
	`npm_[A-Za-z0-9]{36}`,                // npm
	`pypi-AgE[A-Za-z0-9_-]{20,}`,         // PyPI
	`sk-(?:proj|ant|svcacct)-[\w-]{20,}`, // OpenAI, Anthropic
	`SG\.[\w-]{22}\.[\w-]{43}`,           // SendGrid
	`hvs\.[\w-]{24,}`,                    // Vault
	`dop_v1_[a-f0-9]{64}`,                // DigitalOcean
	`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`, // Shopify
	`AGE-SECRET-KEY-1[A-Z0-9]{58}`,       // age
	`hooks\.slack\.com/services/T\w+/B\w+/\w+`,
}

var serviceHints = []string{
	"akia", "asia", "abia", "acca", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-",
	"sk_", "rk_", "whsec_", "aiza", "ya29.", "gocspx-", "npm_", "pypi-", "sk-", "sg.", "hvs.", "dop_v1_", "shp", "age-secret-key-",
	"hooks.slack.com",
}

// basicCredentials reports whether s is base64 of "user:password" (RFC 7617).
func basicCredentials(s string) bool {
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(strings.TrimRight(s, "=")); err == nil {
			return strings.Contains(string(b), ":")
		}
	}
	return false
}

// portAndPath reports whether what stands before an "@" in a URL is a port
// followed by a path, as in http://localhost:8080/@scope/name, or, where the
// scheme is the web's, has a path at all.
func portAndPath(match, password string) bool {
	at := strings.IndexAny(password, "/?#")
	if at < 0 {
		return false
	}
	if len(match) > 4 && strings.EqualFold(match[:4], "http") {
		return true
	}
	return strings.Trim(password[:at], "0123456789") == ""
}
