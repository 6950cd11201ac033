package access

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// A Rule says who may call a route. The first rule that matches decides. Where
// rules match a path and none of them names the request's method, the request is
// refused: a method that nobody thought of must not be a way around.
type Rule struct {
	// Path is a pattern of package input. A slash at the end of the request's
	// path makes no difference, nor does the case of letters.
	Path string
	// Methods that the rule is for; GET stands for HEAD too. Empty: all.
	Methods []string
	// Public lets in everybody (from Addresses, where they are given). Below a
	// prefix of Options.DefaultDeny it needs a reason.
	Public bool
	// SignedIn lets in every principal. Each of the following implies it.
	SignedIn bool
	// Roles: one of them is enough.
	Roles []string
	// Scopes: all of them are asked for.
	Scopes []string
	// SecondFactor asks for a sign-in that took two factors, as the principal's
	// source says.
	SecondFactor bool
	// MaxAge is how long ago the sign-in may be; zero is no bound. A principal
	// whose sign-in has no known time has none that is recent.
	MaxAge time.Duration
	// Unknown lets in sessions whose owner is not known yet, such as those that
	// are older than the gate. It needs a reason, and a rule that asks for no
	// more than SignedIn.
	Unknown bool
	// Addresses, where given, are the only ones that may.
	Addresses []netip.Prefix
	Reason    gatehouse.Reason
}

type rule struct {
	Rule
	// exact is the pattern as it was written, loose those for paths in lower case:
	// the same, and the one with a slash more or less at its end.
	exact input.Pattern
	loose [2]input.Pattern
	// first is the first segment in lower case; "" where any may be.
	first string
	// ending is the file ending that the pattern itself has, such as ".png".
	ending string
	// sample is a path that the pattern matches.
	sample string
}

var (
	errNobody   = errors.New("says nobody: write public, signed_in, roles, scopes, second_factor or max_age")
	errBoth     = errors.New("is public and asks for a sign-in: write one of them")
	errUnknown  = errors.New("lets in unknown sessions and asks for more than a sign-in, which nobody knows of them")
	errNoReason = errors.New("needs a reason")
	errMethod   = errors.New("a method is capital letters, such as GET")
	errAge      = errors.New("max_age is negative")
	errEmpty    = errors.New("an empty role or scope")
)

func newRule(r Rule) (rule, error) {
	made, err := patterns(r.Path)
	if err != nil {
		return rule{}, err
	}
	more := len(r.Roles) > 0 || len(r.Scopes) > 0 || r.SecondFactor || r.MaxAge > 0
	switch {
	case r.MaxAge < 0:
		return rule{}, errAge
	case !r.Public && !r.SignedIn && !more:
		return rule{}, errNobody
	case r.Public && (r.SignedIn || more || r.Unknown):
		return rule{}, errBoth
	case r.Unknown && more:
		return rule{}, errUnknown
	case r.Unknown && !r.Reason.Given():
		return rule{}, fmt.Errorf("unknown sessions: %w", errNoReason)
	case slices.Contains(r.Roles, "") || slices.Contains(r.Scopes, ""):
		return rule{}, errEmpty
	}
	made.Rule = r
	made.Methods = slices.Clone(r.Methods)
	for _, m := range r.Methods {
		if m == "" || strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return rule{}, fmt.Errorf("%q: %w", m, errMethod)
		}
		if m == "GET" {
			made.Methods = append(made.Methods, "HEAD")
		}
	}
	made.Addresses = nil
	for _, p := range r.Addresses {
		if !p.IsValid() {
			return rule{}, errors.New("an address prefix is not valid")
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		made.Addresses = append(made.Addresses, p.Masked())
	}
	made.Roles, made.Scopes = slices.Clone(r.Roles), slices.Clone(r.Scopes)
	return made, nil
}

// patterns makes the patterns of a rule or prefix.
func patterns(path string) (rule, error) {
	exact, err := input.ParsePattern(path)
	if err != nil {
		return rule{}, err
	}
	r := rule{exact: exact, sample: sampleOf(path)}
	lower := input.FoldPath(decodeLetters(path))
	if r.loose[0], err = input.ParsePattern(lower); err != nil {
		return rule{}, err
	}
	other := lower + "/{$}"
	for _, end := range []string{"/", "/{$}"} {
		if strings.HasSuffix(lower, end) {
			other = strings.TrimSuffix(lower, end)
		}
	}
	if i := strings.LastIndex(lower, "/{"); i >= 0 && strings.HasSuffix(lower, "...}") {
		other = lower[:i]
	}
	if other != "" {
		if r.loose[1], err = input.ParsePattern(other); err != nil {
			return rule{}, err
		}
	}
	r.first, _, _ = strings.Cut(lower[1:], "/")
	if strings.ContainsAny(r.first, "{%") || !utf8.ValidString(r.first) {
		r.first = ""
	}
	if _, ending := cutEnding(lower); !strings.Contains(ending, "}") {
		r.ending = ending
	}
	return r, nil
}

// decodeLetters undoes the escapes of what is not ASCII, whose case is told apart
// only so.
func decodeLetters(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if letter := input.DecodePath(s[i:min(i+3, len(s))]); s[i] == '%' && len(letter) == 1 && letter[0] >= 0x80 {
			b.WriteString(letter)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// sampleOf gives a path that the pattern matches; of a prefix, one below it.
func sampleOf(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		before, rest, wild := strings.Cut(part, "{")
		name, after, _ := strings.Cut(rest, "}")
		switch {
		case wild && name == "$":
			parts[i] = ""
		case wild:
			parts[i] = before + "x" + after
		case part == "" && i > 0:
			parts[i] = "x"
		}
	}
	return strings.Join(parts, "/")
}

// covers reports whether the rule stands before other in a way that leaves it
// nothing to decide.
func (r *rule) covers(other *rule) bool {
	if len(r.Methods) > 0 {
		if len(other.Methods) == 0 {
			return false
		}
		for _, m := range other.Methods {
			if !slices.Contains(r.Methods, m) {
				return false
			}
		}
	}
	if r.exact.String() == other.exact.String() {
		return true
	}
	// A prefix covers what lies below it; a single route covers its own spelling.
	return r.prefix() && r.within(input.FoldPath(other.sample))
}

func (r *rule) prefix() bool {
	s := r.exact.String()
	return strings.HasSuffix(s, "/") || strings.HasSuffix(s, "...}")
}

// within reports whether the rule matches a path in lower case, with or without
// the slash at its end.
func (r *rule) within(lower string) bool {
	return r.loose[0].Match(lower) || r.loose[1].Match(lower)
}

// names reports whether the rule is for a method.
func (r *rule) names(method string) bool {
	return len(r.Methods) == 0 || slices.Contains(r.Methods, method)
}
