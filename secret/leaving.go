package secret

import (
	"bytes"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
)

// A Form is one form of secret that no answer to a client should hold.
type Form struct {
	// Name is what it is, for a person: "a private key".
	Name string
	// Hints are texts of which each such secret holds one. A scanner may look
	// for them in either case, then asks Find.
	Hints []string
	// Doubtful secrets are of little harm, or have a form that other texts
	// have too: to be observed, not refused.
	Doubtful bool

	expr *regexp.Regexp
	// fold is set where the hints may be in either case.
	fold bool
	// holds is asked about what matched; nil takes it.
	holds func(match []byte) bool
}

// FormReach is how far from its hint a secret can begin or end, in bytes. A
// private key's block may be longer: Find then gives the part that is there.
const FormReach = 512

// Find looks for a secret of this form that covers the hint at text[at:end],
// and gives its span.
func (f *Form) Find(text []byte, at, end int) (from, to int, ok bool) {
	if !f.fold && f.otherCase(text[at:end]) {
		return 0, 0, false
	}
	low := max(0, at-FormReach)
	high := len(text)
	if f.Name != privateKey {
		high = min(high, end+FormReach)
	}
	for _, m := range f.expr.FindAllIndex(text[low:high], 16) {
		from, to = low+m[0], low+m[1]
		if from > at || to < end {
			continue
		}
		if wordBefore(text, from) || f.holds != nil && !f.holds(text[from:to]) {
			continue
		}
		return from, to, true
	}
	return 0, 0, false
}

// otherCase reports whether a hint was found in another case than secrets of
// this form have.
func (f *Form) otherCase(hint []byte) bool {
	return !slices.Contains(f.Hints, string(hint))
}

// wordBefore reports whether the match goes on to the left: then it is part of
// something else.
func wordBefore(text []byte, from int) bool {
	if from == 0 {
		return false
	}
	c := text[from-1]
	return charKind(c) != 0 && text[from] != '-'
}

const privateKey = "a private key"

// Forms are the secrets that are known by their form when they leave. Not
// among them: what browsers are meant to see (Google's AIza…, Stripe's pk_…),
// JSON Web Tokens and OAuth tokens, which a sign-in hands out, and AWS key
// identifiers alone, which signed URLs hold.
func Forms() []Form {
	return []Form{
		{
			Name: privateKey, Hints: []string{"PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"},
			expr: regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|[ \t\r\n]|[A-Z][\w-]+: [^\r\n\\]{0,200}|[A-Za-z0-9+/=])*`), holds: keyBody,
		},
		{
			Name: "an AWS secret key", Hints: []string{"secretaccesskey", "secret_access_key", "secret access key"}, fold: true,
			expr:  regexp.MustCompile(`(?i)secret_?(?: )?access_?(?: )?key[\w"'\\]{0,10}\s{0,4}(?:=>|[:=>])\s{0,4}[\\"']{0,3}[A-Za-z0-9/+]{40}\b`),
			holds: func(m []byte) bool { return random(m[len(m)-40:]) },
		},
		{
			Name: "a GitHub token", Hints: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"},
			expr: regexp.MustCompile(`gh[pousr]_[A-Za-z0-9]{36}\b`), holds: func(m []byte) bool { return checked(m[4:]) },
		},
		{
			Name: "a GitHub token", Hints: []string{"github_pat_"},
			expr: regexp.MustCompile(`github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b`), holds: random,
		},
		{
			Name: "an npm token", Hints: []string{"npm_"},
			expr: regexp.MustCompile(`npm_[A-Za-z0-9]{36}\b`), holds: func(m []byte) bool { return checked(m[4:]) },
		},
		{
			Name: "a Stripe key", Hints: []string{"sk_live_", "rk_live_"},
			expr: regexp.MustCompile(`[sr]k_live_[A-Za-z0-9]{16,250}\b`), holds: random,
		},
		{
			Name: "a Stripe test key", Hints: []string{"sk_test_", "rk_test_"}, Doubtful: true,
			expr: regexp.MustCompile(`[sr]k_test_[A-Za-z0-9]{16,250}\b`), holds: random,
		},
		{
			Name: "a Slack token", Hints: []string{"xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"},
			expr: regexp.MustCompile(`(?:xox[bparse]-(?:\d{1,3}-)?\d{9,14}-[A-Za-z0-9-]{20,250}|xapp-\d-[A-Z0-9]{9,14}-\d{9,15}-[a-f0-9]{32,80})\b`), holds: random,
		},
		{
			Name: "a Slack webhook", Hints: []string{"hooks.slack.com/services/"},
			expr: regexp.MustCompile(`hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}\b`), holds: random,
		},
		{
			Name: "a Google client's secret", Hints: []string{"GOCSPX-"},
			expr: regexp.MustCompile(`GOCSPX-[A-Za-z0-9_-]{28}`), holds: random,
		},
		{
			Name: "a SendGrid key", Hints: []string{"SG."},
			expr: regexp.MustCompile(`SG\.[\w-]{22}\.[\w-]{43}`), holds: random,
		},
		{
			Name: "a GitLab token", Hints: []string{"glpat-"},
			expr: regexp.MustCompile(`glpat-[A-Za-z0-9_-]{20,64}`), holds: random,
		},
		{
			Name: "a Vault token", Hints: []string{"hvs."},
			expr: regexp.MustCompile(`hvs\.[\w-]{90,120}`), holds: random,
		},
		{
			Name: "a DigitalOcean token", Hints: []string{"dop_v1_"},
			expr: regexp.MustCompile(`dop_v1_[a-f0-9]{64}\b`), holds: random,
		},
		{
			Name: "a Shopify token", Hints: []string{"shpat_", "shpca_", "shppa_", "shpss_"},
			expr: regexp.MustCompile(`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b`), holds: random,
		},
		{
			Name: "an API key of a language model's provider", Hints: []string{"sk-ant-", "sk-proj-", "sk-svcacct-"},
			expr: regexp.MustCompile(`sk-(?:ant-(?:api|admin)\d\d|proj|svcacct)-[\w-]{60,220}`), holds: random,
		},
		{
			Name: "a PyPI token", Hints: []string{"pypi-AgEIcHlwaS5vcmc"},
			expr: regexp.MustCompile(`pypi-AgEIcHlwaS5vcmc[\w-]{50,300}`),
		},
		{
			Name: "an age key", Hints: []string{"AGE-SECRET-KEY-1"},
			expr: regexp.MustCompile(`AGE-SECRET-KEY-1[A-Z0-9]{58}\b`), holds: random,
		},
		{
			Name: "a database's address with its password", Hints: []string{"postgres://", "postgresql://", "mysql://", "mongodb://", "mongodb+srv://", "redis://", "amqp://"}, fold: true, Doubtful: true,
			expr: regexp.MustCompile(`(?i)(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/@"'<>]{0,64}:[^\s:/@"'<>]{8,128}@`), holds: passwordInURL,
		},
	}
}

// keyBody reports whether a block holds a key and not an ellipsis: at least 64
// characters of base64, of which no few make up the most.
func keyBody(block []byte) bool {
	at := bytes.Index(block, []byte("KEY"))
	for line := range strings.SplitSeq(strings.ReplaceAll(string(block[at:]), `\n`, "\n"), "\n") {
		line = strings.TrimSpace(line)
		if len(line) >= 48 && !strings.Contains(line, ": ") && random([]byte(line)) {
			return true
		}
	}
	return false
}

// random reports whether a token looks drawn, and not like an example: no text
// such as "EXAMPLE" in it, and many different characters.
func random(token []byte) bool {
	low := bytes.ToLower(token)
	for _, word := range [...]string{"example", "xxxxx", "your", "12345678", "abcdefgh", "placeholder", "redacted", "00000000", "....", "****"} {
		if bytes.Contains(low, []byte(word)) {
			return false
		}
	}
	var seen [256]bool
	kinds := 0
	for _, c := range token {
		if !seen[c] {
			seen[c] = true
			kinds++
		}
	}
	return kinds >= 12
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checked reports whether the last six of 36 characters are the CRC-32 of the
// others in base 62, as in the tokens of GitHub and npm.
func checked(s []byte) bool {
	if len(s) != 36 {
		return false
	}
	sum := crc32.ChecksumIEEE(s[:30])
	for i := 35; i >= 30; i-- {
		if s[i] != base62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

// passwordInURL reports whether the password is more than a word of an
// example.
func passwordInURL(m []byte) bool {
	s := strings.TrimSuffix(string(m), "@")
	password := s[strings.LastIndexByte(s, ':')+1:]
	return tokenLike(password) && !placeholder(password) && random([]byte(password+"0aA_%&/()=?"))
}
