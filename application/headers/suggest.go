package headers

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// MinClients is how many clients must have met something before a policy may
// allow it: reports are what anybody sends.
const MinClients = 3

// mostHashes is how many inline scripts or styles a policy names one by one; a
// site with more writes them anew for each page.
const mostHashes = 24

// A Suggestion is a policy, and why.
type Suggestion struct {
	Policy string
	// Allows are what it allows beyond the site itself, with its evidence.
	Allows []string
	// Unsafe is what it has to allow that makes it weaker, with what to do.
	Unsafe []string
	// Wanting are what too few clients have met; the policy refuses it.
	Wanting []string
}

// Suggest makes a policy that would have let pass all that distinct clients met.
// It is printed for a person, and never applied by itself.
func (r *Reports) Suggest() Suggestion {
	s := suggesting{sources: map[string][]string{}}
	for _, one := range r.Sightings() {
		if len(one.Clients) < MinClients {
			if strings.HasPrefix(one.Source, "'sha256-") {
				s.rare(one)
			} else {
				s.Wanting = append(s.Wanting, fmt.Sprintf("%s %s: %s of %d wanted", one.Directive, one.Source, clients(one), MinClients))
			}
			continue
		}
		s.take(one)
	}
	s.finish()
	return s.Suggestion
}

type suggesting struct {
	Suggestion
	sources map[string][]string
	// inline are the directives that reports or pages have inline code for;
	// hashes are what pages were seen with.
	inline []string
	hashes map[string][]string
	// fresh are the clients of pages whose inline code few others had.
	fresh map[string]map[string]bool
}

// rare notes inline code that few clients met. Where many have met some, pages are
// written with code of their own.
func (s *suggesting) rare(one Sighting) {
	if s.fresh == nil {
		s.fresh = map[string]map[string]bool{}
	}
	if s.fresh[one.Directive] == nil {
		s.fresh[one.Directive] = map[string]bool{}
	}
	for _, client := range one.Clients {
		s.fresh[one.Directive][client] = true
	}
}

func clients(s Sighting) string {
	if len(s.Clients) >= maxClients {
		return fmt.Sprintf("%d clients and more", maxClients)
	}
	return fmt.Sprintf("%d clients", len(s.Clients))
}

func (s *suggesting) take(one Sighting) {
	if s.hashes == nil {
		s.hashes = map[string][]string{}
	}
	switch {
	case strings.HasPrefix(one.Source, "'sha256-"):
		s.hashes[one.Directive] = append(s.hashes[one.Directive], one.Source)
	case one.Source == "inline":
		s.inline = append(s.inline, one.Directive)
	case one.Source == "eval":
		s.add("script-src", "'unsafe-eval'")
		s.Unsafe = append(s.Unsafe, "'unsafe-eval': a script of the site turns text into code ("+clients(one)+"); look for eval, new Function and setTimeout with a text")
	case one.Source == "wasm-eval":
		s.add("script-src", "'wasm-unsafe-eval'")
		s.Allows = append(s.Allows, "script-src 'wasm-unsafe-eval': "+clients(one))
	default:
		s.add(one.Directive, one.Source)
		s.Allows = append(s.Allows, fmt.Sprintf("%s %s: %s", one.Directive, one.Source, clients(one)))
	}
}

func (s *suggesting) add(directive, source string) {
	if !slices.Contains(s.sources[directive], source) {
		s.sources[directive] = append(s.sources[directive], source)
	}
}

// inlineCode settles scripts, styles and attributes that stand in pages.
func (s *suggesting) inlineCode() {
	for _, kind := range [...]struct{ directive, into, what, instead string }{
		{"script-src", "script-src", "inline scripts", "move them into files"},
		{"script-src-attr", "script-src", "handlers in attributes (onclick)", "add listeners in a script"},
		{"style-src", "style-src", "inline style elements", "move them into files"},
		{"style-src-attr", "style-src", "style attributes", "use classes"},
	} {
		hashes := s.hashes[kind.directive]
		attributes := strings.HasSuffix(kind.directive, "-attr")
		reported := slices.Contains(s.inline, kind.directive)
		switch {
		case len(s.fresh[kind.directive]) >= MinClients:
			s.add(kind.into, "'unsafe-inline'")
			s.Unsafe = append(s.Unsafe, fmt.Sprintf("%s 'unsafe-inline': %s that differ from page to page, so that no list of hashes covers them; %s", kind.into, kind.what, kind.instead))
		case len(hashes) == 0 && !reported:
		case len(hashes) == 0 || len(hashes) > mostHashes || kind.directive == "style-src-attr":
			s.add(kind.into, "'unsafe-inline'")
			s.Unsafe = append(s.Unsafe, fmt.Sprintf("%s 'unsafe-inline': %s that no short list of hashes covers; %s", kind.into, kind.what, kind.instead))
		default:
			for _, h := range hashes {
				s.add(kind.into, h)
			}
			if attributes {
				s.add(kind.into, "'unsafe-hashes'")
				s.Unsafe = append(s.Unsafe, kind.into+" 'unsafe-hashes': "+kind.what+", by their hash; "+kind.instead)
			}
			s.Allows = append(s.Allows, fmt.Sprintf("%s: %d %s by their hash", kind.into, len(hashes), kind.what))
		}
	}
}

func (s *suggesting) finish() {
	s.inlineCode()
	for directive, sources := range s.sources {
		if slices.Contains(sources, "'unsafe-inline'") { // a hash beside it switches it off (CSP 3, section 6.7.3.2)
			s.sources[directive] = slices.DeleteFunc(sources, func(source string) bool {
				return strings.HasPrefix(source, "'sha256-") || source == "'unsafe-hashes'"
			})
		}
	}
	parts := []string{"default-src 'self'"}
	var names []string
	for name := range s.sources {
		names = append(names, name)
	}
	for _, always := range [...]string{"script-src", "style-src", "form-action"} {
		if !slices.Contains(names, always) {
			names = append(names, always)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		parts = append(parts, strings.TrimSpace(name+" 'self' "+strings.Join(s.sources[name], " ")))
	}
	parts = append(parts, floorObjects, floorBase, floorAncestors)
	s.Policy = strings.Join(parts, "; ")
	sort.Strings(s.Wanting)
}
