package pgwire

import "strings"

// become are the settings by which a session is somebody else's. As statements
// they are judged; at startup nobody would.
var become = map[string]bool{"role": true, "session_authorization": true}

// becomes reports whether the session would begin as another role than the
// gate's.
func (s *startup) becomes() bool {
	for _, p := range s.params {
		if become[strings.ToLower(p.name)] {
			return true
		}
		if p.name == "options" {
			for _, setting := range optionSettings(p.value) {
				if become[setting] {
					return true
				}
			}
		}
	}
	return false
}

// withArgument are the switches of process_postgres_switches (PostgreSQL,
// src/backend/tcop/postgres.c, 13 to 18) that take an argument.
const withArgument = "BCDdfhkNprStvWc-"

// optionSettings gives the names of the settings in the startup parameter
// "options", as the server would read it: in lower case, with underscores.
func optionSettings(options string) (names []string) {
	args := splitOptions(options)
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		for at := 1; at < len(arg); at++ {
			if !strings.ContainsRune(withArgument, rune(arg[at])) {
				continue // a switch alone: others may follow in the same word
			}
			value := arg[at+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			if arg[at] == 'c' || arg[at] == '-' {
				name, _, _ := strings.Cut(value, "=")
				names = append(names, strings.ReplaceAll(strings.ToLower(name), "-", "_"))
			}
			break
		}
	}
	return names
}

// splitOptions is pg_split_opts: words apart by white space, where a backslash
// takes the next character as it is.
func splitOptions(s string) (words []string) {
	var word []byte
	begun, escaped := false, false
	for i := range len(s) {
		switch c := s[i]; {
		case escaped:
			word, escaped, begun = append(word, c), false, true
		case c == '\\':
			escaped, begun = true, true
		case c == ' ' || c >= '\t' && c <= '\r':
			if begun {
				words = append(words, string(word))
			}
			word, begun = word[:0], false
		default:
			word, begun = append(word, c), true
		}
	}
	if begun {
		words = append(words, string(word))
	}
	return words
}
