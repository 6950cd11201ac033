package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// grantable are the verbs of a Grant, with what each lets an account do.
var grantable = map[string]outline.Use{
	"select": outline.Reads | outline.Returns, "insert": outline.Inserts, "update": outline.Updates, "delete": outline.Deletes,
	"truncate": outline.Truncates,
	"all":      outline.Reads | outline.Returns | outline.Inserts | outline.Updates | outline.Deletes | outline.Truncates,
}

// demanded is what must be granted; the rest of a Use asks for nothing of its
// own: what is compared or locked is told by what else is done.
const demanded = outline.Reads | outline.Returns | outline.Writes

// granted is what an account may do with tables.
type granted struct {
	tables  map[string]outline.Use // "schema.table"
	schemas map[string]outline.Use // of "schema.*"
	any     outline.Use            // of "*"
}

func newGranted(grants []Grant, schema string) (*granted, error) {
	g := &granted{tables: make(map[string]outline.Use), schemas: make(map[string]outline.Use)}
	for _, grant := range grants {
		use := outline.Use(0)
		for _, verb := range grant.Verbs {
			u, ok := grantable[strings.ToLower(verb)]
			if !ok {
				return nil, fmt.Errorf("the verb %q is none of select, insert, update, delete, truncate, all", verb)
			}
			use |= u
		}
		if use == 0 || len(grant.Tables) == 0 {
			return nil, errors.New("a grant has no verbs or no tables: it would grant nothing")
		}
		for _, table := range grant.Tables {
			switch in, name, qualified := strings.Cut(table, "."); {
			case table == "" || qualified && (in == "" || name == ""):
				return nil, fmt.Errorf("the table %q has no name", table)
			case table == "*":
				g.any |= use
			case qualified && name == "*":
				g.schemas[in] |= use
			case qualified:
				g.tables[table] |= use
			default:
				g.tables[schema+"."+table] |= use
			}
		}
	}
	return g, nil
}

// use is what is granted of a table.
func (a *account) use(t outline.Table) outline.Use {
	schema := t.Schema
	if schema == "" {
		schema = a.Schema
	}
	return a.grants.any | a.grants.schemas[schema] | a.grants.tables[schema+"."+t.Name]
}

// named reports whether the account's list names the table itself.
func (a *account) named(t outline.Table) bool {
	if a.grants == nil {
		return false
	}
	_, bare := a.grants.tables[a.Schema+"."+t.Name]
	_, full := a.grants.tables["pg_catalog."+t.Name]
	return bare || full
}

// isCatalog reports whether a table is one of the database's own. Names that
// begin with pg_ are PostgreSQL's wherever they stand: search_path has its
// catalogue first.
func isCatalog(t outline.Table) bool {
	switch t.Schema {
	case "pg_catalog", "information_schema":
		return true
	case "":
		return strings.HasPrefix(t.Name, "pg_") || t.Name == "sqlite_master" || t.Name == "sqlite_schema" || strings.HasPrefix(t.Name, "_pg_")
	}
	return false
}

// free are the schemas that a session may name in search_path beside those of
// its grants: nothing in them is the application's.
var free = set("", "pg_catalog", "$user", "pg_temp", "default")

func findNotGranted(a *account, st *outline.Statement, params []string) string {
	if a.grants == nil {
		return ""
	}
	if st.Unsure != "" {
		return "the account has a list of what it may do, and what the statement does can't be told: " + st.Unsure
	}
	if st.Executes && !(st.Verb == outline.Do && a.DDL) {
		return "the account has a list of what it may do, and the statement has a text executed that it does not tell"
	}
	for _, t := range st.Tables {
		if words := a.notGranted(st, t); words != "" {
			return words
		}
	}
	for _, s := range st.Settings {
		if name, _ := resolve(s.Name, params); name == "search_path" {
			if value, told := resolve(s.Value, params); !told || !a.searches(value) {
				return "search_path is set to a schema that the account's list does not name"
			}
		}
	}
	return ""
}

func (a *account) notGranted(st *outline.Statement, t outline.Table) string {
	want := t.Use & demanded
	use := a.use(t)
	switch {
	case t.Schema == "pg_temp", st.Temporary && t.Use&outline.Defines != 0, a.isTemporary(t):
		return ""
	case isCatalog(t) && want&outline.Writes == 0:
		return ""
	case t.Use == outline.Locks && use == 0:
	case t.Use&outline.Defines != 0 && a.DDL:
		return ""
	case want&^use == 0:
		return ""
	}
	return fmt.Sprintf("%s of %s is not among what the account may do", verbs(want&^use), quoted(t))
}

// isTemporary reports whether the account has the table for a temporary one.
func (a *account) isTemporary(t outline.Table) bool {
	if t.Schema != "" {
		return false
	}
	for _, name := range a.Temporary {
		if name == t.Name {
			return true
		}
	}
	return false
}

// searches reports whether every schema of a search_path is one in which the
// account has something to do.
func (a *account) searches(path string) bool {
	for schema := range strings.SplitSeq(path, ",") {
		schema = strings.Trim(schema, ` "`)
		if free[schema] || schema == a.Schema || a.grants.any != 0 || a.schemas[schema] {
			continue
		}
		return false
	}
	return true
}

// verbs says a use in words.
func verbs(u outline.Use) string {
	for _, verb := range []string{"truncate", "delete", "update", "insert", "select"} {
		if u&grantable[verb] != 0 {
			return verb
		}
	}
	return "a lock"
}

// quoted is a table's name for evidence: bounded, and with nothing but what
// names are made of.
func quoted(t outline.Table) string {
	name := t.Name
	if t.Schema != "" {
		name = t.Schema + "." + name
	}
	return fmt.Sprintf("%.130q", name)
}

// schemaOf is what names without a schema are in.
func schemaOf(o Account, d taint.Dialect) string {
	switch {
	case o.Schema != "":
		return o.Schema
	case d == taint.SQLite:
		return "main"
	}
	return "public"
}
