package exposed

import "strings"

// findClosed looks a path up in the tables, in all its readings. One that is
// refused counts before one that is observed.
func findClosed(path string) (closed, bool) {
	var seen closed
	found := false
	all, whole := readings(path)
	if !whole {
		return closed{rule: RuleLong, what: "too long to be read as every backend would"}, true
	}
	for _, segs := range all {
		c, ok := lookUp(segs)
		if ok && !c.observe {
			return c, true
		}
		if ok && !found {
			seen, found = c, true
		}
	}
	return seen, found
}

func lookUp(segs []string) (closed, bool) {
	if len(segs) == 0 {
		return closed{}, false
	}
	if c, ok := lookUpNames(segs); ok {
		return c, true
	}
	if c, ok := lookUpEndpoint(segs); ok {
		return c, true
	}
	if bases[segs[0]] {
		return lookUpEndpoint(segs[1:])
	}
	return closed{}, false
}

// lookUpNames looks for names of folders and files.
func lookUpNames(segs []string) (closed, bool) {
	for i, s := range segs {
		if i > 0 && browsers[s] {
			return closed{}, false // a forge shows a repository's files
		}
		if s[0] != '.' {
			continue
		}
		if c, ok := folders[s]; ok {
			return c, true
		}
	}
	last := segs[len(segs)-1]
	if c, ok := files[last]; ok {
		return c, true
	}
	switch {
	case dotEnv(last):
		return closed{rule: RuleSettings, what: "a file of settings (.env)"}, true
	case copyOfCode(last):
		return closed{rule: RuleBackup, what: "a copy of a program's file"}, true
	}
	return closed{}, false
}

// copyOfCode reports whether a name is what an editor or a person leaves
// beside a file that the server would run: config.php.bak, index.php~,
// .index.php.swp, wp-config.old.
func copyOfCode(name string) bool {
	if stem, ok := strings.CutSuffix(name, "~"); ok {
		return code[ending(stem)]
	}
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || !copies[name[dot+1:]] {
		return false
	}
	stem, end := name[:dot], name[dot+1:]
	if (end == "swp" || end == "swo") && strings.HasPrefix(name, ".") {
		return true
	}
	return code[ending(stem)] || stem == "wp-config"
}

func ending(name string) string {
	return name[strings.LastIndexByte(name, '.')+1:]
}

func lookUpEndpoint(segs []string) (closed, bool) {
	if len(segs) == 0 {
		return closed{}, false
	}
	if segs[0] == "actuator" && len(segs) > 1 && actuators[stem(segs[1])] {
		return closed{rule: RuleDebug, what: "an endpoint of Spring Boot's actuator"}, true
	}
	for _, e := range endpoints {
		if under(segs, e.path) {
			return e.closed, true
		}
	}
	return closed{}, false
}

// stem is a name without its ending: "env.json" is "env" to Spring.
func stem(name string) string {
	s, _, _ := strings.Cut(name, ".")
	return s
}

// under reports whether the path begins with all segments of prefix.
func under(segs []string, prefix string) bool {
	for _, s := range segs {
		p, rest, more := strings.Cut(prefix, "/")
		if s != p {
			return false
		}
		if !more {
			return true
		}
		prefix = rest
	}
	return false
}
