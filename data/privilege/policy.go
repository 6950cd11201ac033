package privilege

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Policy proposes the account's `allow:` list for package policy, as YAML to
// paste under the account: one line for all tables with the same verbs.
func Policy(f *Facts) string {
	var b strings.Builder
	b.WriteString("# What " + comment(fmt.Sprintf("%q", f.Account)) + " was seen to do: " + f.seen() + "\n")
	for _, line := range f.notCovered() {
		b.WriteString("# Not covered: " + comment(line) + "\n")
	}
	byVerbs := make(map[string][]string)
	for _, key := range slices.Sorted(maps.Keys(f.Tables)) {
		t := f.Tables[key]
		if f.isTemporary(t) || isCatalog(t) {
			continue
		}
		verbs := t.verbs()
		name := t.Name
		if t.Schema != "" {
			name = t.Schema + "." + name
		}
		if strings.ContainsAny(t.Name+t.Schema, ".*") {
			b.WriteString("# Not covered: " + comment(key) + ", whose name a list can't say\n")
			continue
		}
		if verbs != "" {
			byVerbs[verbs] = append(byVerbs[verbs], yamlName(name))
		}
	}
	if len(byVerbs) == 0 {
		b.WriteString("# No tables were seen, and an empty list allows all: nothing is proposed.\n")
		return b.String()
	}
	b.WriteString("allow:\n")
	for _, verbs := range slices.Sorted(maps.Keys(byVerbs)) {
		fmt.Fprintf(&b, "  - verbs: [%s]\n    tables: [%s]\n", verbs, strings.Join(byVerbs[verbs], ", "))
	}
	return b.String()
}

// verbs are those of a grant in package policy.
func (t *Table) verbs() string {
	var verbs []string
	for _, v := range []struct {
		seen uint64
		verb string
	}{
		// What is looked at while it is written comes with RETURNING.
		{t.Select + t.Looked, "select"}, {t.Insert, "insert"}, {t.Update, "update"}, {t.Delete, "delete"}, {t.Truncate, "truncate"},
	} {
		if v.seen > 0 {
			verbs = append(verbs, v.verb)
		}
	}
	if len(verbs) == 0 && t.LockTable > 0 {
		verbs = append(verbs, "select")
	}
	return strings.Join(verbs, ", ")
}

// yamlName writes a name so that YAML reads it as it is: JSON's strings are
// YAML's.
func yamlName(name string) string {
	for _, part := range strings.Split(name, ".") {
		if !plain(part) {
			quoted, _ := json.Marshal(name) // a string always can
			return string(quoted)
		}
	}
	switch name {
	case "y", "n", "yes", "no", "off", "null", "true", "false", "on":
		return `"` + name + `"`
	}
	return name
}

// seen says how much the facts rest on.
func (f *Facts) seen() string {
	if f.First.IsZero() {
		return "nothing yet."
	}
	return fmt.Sprintf("%d statements of %d shapes, from %s to %s (%s).", f.Statements, f.Shapes,
		f.First.UTC().Format(time.DateTime), f.Last.UTC().Format(time.DateTime), span(f.Last.Sub(f.First)))
}

// span says how long, in words.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

// notCovered are the limits of any proposal from these facts.
func (f *Facts) notCovered() []string {
	lines := []string{
		"what was not seen in that time (a yearly report), and what triggers, views, functions and defaults do inside the database",
	}
	if d := f.Last.Sub(f.First); d < 7*24*time.Hour {
		lines = append(lines, "weekly and monthly work: the account was watched for less than a week")
	}
	for _, what := range slices.Sorted(maps.Keys(f.Beyond)) {
		lines = append(lines, fmt.Sprintf("%s (%d shapes)", what, f.Beyond[what]))
	}
	if f.Dropped > 0 {
		lines = append(lines, fmt.Sprintf("%d names for which there was no room", f.Dropped))
	}
	return lines
}

func (f *Facts) isTemporary(t *Table) bool {
	return t.Schema == "pg_temp" || t.Schema == "" && f.Temporary[quoteName("", t.Name)]
}

// isCatalog reports whether a table is the database's own, which every role may
// read as far as it may.
func isCatalog(t *Table) bool {
	switch t.Schema {
	case "pg_catalog", "information_schema":
		return true
	case "":
		return strings.HasPrefix(t.Name, "pg_") || strings.HasPrefix(t.Name, "sqlite_")
	}
	return false
}
