package policy

import (
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// A check looks at one statement for one rule, and gives a sentence of evidence
// where it is broken, empty where it is not.
type check func(a *account, st *outline.Statement, params []string) string

// checks are the rules in their order, gravest first.
var checks = []struct {
	rule string
	find check
}{
	{RuleProgram, findProgram},
	{RuleServerFile, findServerFile},
	{RuleFunction, findFunction},
	{RuleCredentials, findCredentials},
	{RuleDDL, findDDL},
	{RuleNotGranted, findNotGranted},
	{RuleNoWhere, findNoWhere},
}

// judge holds an outline to the rules. Params are the bound values, nil where
// they are not known.
func (a *account) judge(o outline.Outline, params []string) *Judgement {
	j := &Judgement{passed: true, Again: o.Bound, Outline: o, MaxReturned: a.MaxReturned, maxAffected: a.MaxAffected}
	for _, c := range checks {
		for i := range o.Statements {
			if evidence := c.find(a, &o.Statements[i], params); evidence != "" {
				j.Decisions = append(j.Decisions, gatehouse.Denied(c.rule, gatehouse.Place{}, "%s", evidence))
				break // one denial a rule
			}
		}
	}
	for i := range o.Statements {
		switch o.Statements[i].Verb {
		case outline.CopyTo:
			j.copies = +1
		case outline.CopyFrom:
			j.copies = -1
		}
	}
	return j
}

// ended holds what the server told of a statement's rows to the limits.
func (j *Judgement) ended(o sqlgate.Outcome) gatehouse.Decision {
	if j == nil || o.Failed && !o.Cut {
		return gatehouse.Passed()
	}
	returned, affected := int64(0), int64(0)
	switch strings.ToUpper(o.Verb) {
	case "SELECT", "FETCH", "MOVE", "":
		returned = o.Rows
	case "INSERT", "UPDATE", "DELETE", "MERGE":
		affected = o.Rows
	case "COPY":
		if j.copies > 0 {
			returned = o.Rows
		} else {
			affected = o.Rows
		}
	}
	switch {
	case j.maxAffected > 0 && affected > j.maxAffected:
		return gatehouse.Denied(RuleAffected, gatehouse.Place{}, "the statement changed %d rows, and its account may change %d at once", affected, j.maxAffected)
	case j.MaxReturned > 0 && (returned > j.MaxReturned || o.Cut):
		return gatehouse.Denied(RuleReturned, gatehouse.Place{}, "the statement returned %d rows, and its account may be given %d at once", returned, j.MaxReturned)
	}
	return gatehouse.Passed()
}

func findProgram(_ *account, st *outline.Statement, _ []string) string {
	if st.Copy == outline.Program {
		return "COPY runs a program on the database's server"
	}
	return ""
}

func findServerFile(a *account, st *outline.Statement, _ []string) string {
	switch {
	case st.Copy == outline.File:
		return "COPY reads or writes a file of the database's server"
	case st.Verb == outline.Attach:
		return "a file is opened as a database, or written as one"
	}
	for _, f := range st.Functions {
		if serverFiles[f.Name] && !a.functions[f.Name] {
			return "the function " + f.Name + " is called, which reaches the files of the database's server"
		}
	}
	return ""
}

func findFunction(a *account, st *outline.Statement, params []string) string {
	for _, f := range st.Functions {
		if (reaching[f.Name] || strings.HasPrefix(f.Name, "dblink")) && !a.functions[f.Name] {
			return "the function " + f.Name + " is called, which reaches beyond the data"
		}
	}
	switch {
	case st.Verb == outline.System:
		return "the server's own settings or libraries are changed (ALTER SYSTEM, LOAD)"
	case st.Verb == outline.Do && !a.DDL:
		return "DO runs code that is not looked into, and the account is not declared for definitions"
	case st.Language != "" && !trusted[st.Language]:
		return "code in a language that is not confined to the database"
	case st.Capped, st.Verb == outline.Unknown && st.Unsure != "":
		return "what the statement does can't be told: " + st.Unsure
	}
	for _, s := range st.Settings {
		if words := a.becomes(s, params); words != "" {
			return words
		}
	}
	for _, t := range st.Tables {
		if t.Name == "pg_settings" && t.Use&outline.Writes != 0 {
			return "pg_settings is written, which sets any setting"
		}
	}
	return ""
}

// becomes says what is wrong with a setting: a role that the account may not
// become, and settings that loosen what the server checks.
func (a *account) becomes(s outline.Setting, params []string) string {
	setting, told := resolve(s.Name, params)
	value, valueTold := resolve(s.Value, params)
	setting = strings.ToLower(setting)
	switch {
	case !told && params == nil && s.Name.Param > 0:
		return "" // judged again when it is bound
	case !told:
		return "set_config sets a setting that the statement does not tell"
	case loosening[setting]:
		return "the setting " + setting + " is set, which loosens what the server checks"
	case setting != "role" && setting != "session_authorization":
		return ""
	case !valueTold && params == nil && s.Value.Param > 0:
		return ""
	case valueTold && (value == "default" || value == "none" || slices.Contains(a.Roles, value)):
		return ""
	}
	return "the session takes another role, which the account is not declared for"
}

// resolve is a text of the statement, or of the values bound to it.
func resolve(t outline.Text, params []string) (string, bool) {
	if t.Param > 0 && t.Param <= len(params) {
		return params[t.Param-1], true
	}
	return t.Value, t.Known
}

func findCredentials(a *account, st *outline.Statement, _ []string) string {
	for _, t := range st.Tables {
		if credentials[t.Name] && isCatalog(t) && !a.named(t) {
			return "the catalogue " + t.Name + " is read, which holds passwords or their hashes"
		}
	}
	return ""
}

func findDDL(a *account, st *outline.Statement, _ []string) string {
	if a.DDL {
		return ""
	}
	for _, t := range st.Tables {
		if t.Use&outline.Writes != 0 && isCatalog(t) && t.Name != "pg_settings" && a.dialect == taint.PostgreSQL {
			return "a system catalogue is written"
		}
	}
	if st.Verb != outline.Define || st.Temporary || a.temporary(st) {
		return ""
	}
	return "the account is not declared for definitions (" + words(st.Object) + ")"
}

// temporary reports whether all that is defined are tables that the account
// has for temporary ones.
func (a *account) temporary(st *outline.Statement) bool {
	found := false
	for _, t := range st.Tables {
		if t.Use&outline.Defines == 0 {
			continue
		}
		if t.Schema != "" || !slices.Contains(a.Temporary, t.Name) {
			return false
		}
		found = true
	}
	return found && !strings.HasPrefix(st.Object, "create table")
}

// words keeps of a text what is letters: it goes into evidence.
func words(text string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || c == ' ' {
			return c
		}
		return -1
	}, text[:min(len(text), 40)])
}

func findNoWhere(_ *account, st *outline.Statement, _ []string) string {
	if len(st.Unfiltered) == 0 {
		return ""
	}
	return "an UPDATE or DELETE has no condition, or one that is true of any row"
}
