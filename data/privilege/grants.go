package privilege

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// Options say for whom the grants are.
type Options struct {
	// Role is the role that gets them, made where there is none. Required.
	Role string
	// Database is the one that it works in. Required.
	Database string
	// Schema is the one that names without a schema are in. Empty means public.
	Schema string
	// Columns narrows INSERT and UPDATE to the columns that were seen, where
	// all statements name theirs. It is off as a default: a form with one more
	// field breaks it.
	Columns bool
	// RevokePublic takes from PUBLIC what every role has: tables of the schemas,
	// temporary tables, connecting. Other roles may live by it, so without it
	// those lines are comments.
	RevokePublic bool
	// RLS adds row-level security, where it is set.
	RLS *RLS
}

// Grants proposes a role that may do what the account was seen to do, as SQL
// for PostgreSQL 13 to 18, to be run in the database by a superuser or by
// whoever owns the tables and may make roles. It is one transaction, and may be
// run again: what the role had and does not need is taken from it.
func Grants(f *Facts, o Options) (string, error) {
	switch {
	case o.Role == "":
		return "", errors.New("privilege: Options.Role is missing")
	case o.Database == "":
		return "", errors.New("privilege: Options.Database is missing")
	case len(o.Role) > 63 || len(o.Database) > 63 || len(o.Schema) > 63:
		return "", errors.New("privilege: a name in Options is longer than PostgreSQL's, which are of 63 bytes")
	case f.Dialect == taint.SQLite:
		return "", fmt.Errorf("privilege: the account %q is one of SQLite, which has no roles", f.Account)
	case len(f.Tables) == 0:
		return "", fmt.Errorf("privilege: no tables were seen of %q: there is nothing to grant", f.Account)
	}
	if o.Schema == "" {
		o.Schema = "public"
	}
	if o.RLS != nil {
		if err := o.RLS.check(&o); err != nil {
			return "", err
		}
	}
	w := writer{facts: f, o: o, role: quoteIdent(o.Role)}
	w.head()
	w.makeRole()
	w.revoke()
	w.tables()
	w.sequences()
	w.functions()
	if o.RLS != nil {
		w.rowSecurity()
	}
	w.line("COMMIT;")
	return w.b.String(), nil
}

// A writer writes the proposal.
type writer struct {
	b     strings.Builder
	facts *Facts
	o     Options
	role  string
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// say writes a comment.
func (w *writer) say(format string, args ...any) {
	w.line("-- %s", comment(fmt.Sprintf(format, args...)))
}

func (w *writer) head() {
	w.say("What the role %s needs in the database %s, and no more.", w.role, quoteIdent(w.o.Database))
	w.say("Evidence: account %q: %s", w.facts.Account, w.facts.seen())
	for _, line := range w.facts.notCovered() {
		w.say("Not covered: %s.", line)
	}
	w.say("Not covered: large objects, each of which has privileges of its own.")
	w.say("Read it, try it on a copy, and run it in the database %s as its owner or a superuser: psql -v ON_ERROR_STOP=1 -f FILE.", quoteIdent(w.o.Database))
	w.line("BEGIN;")
	w.say("No function or operator that somebody made in another schema is taken for one of the server's.")
	w.line("SET LOCAL search_path = pg_catalog, pg_temp;\n")
}

// schemas are those that something is granted in.
func (w *writer) schemas() []string {
	all := map[string]bool{w.o.Schema: true}
	for _, t := range w.facts.Tables {
		if !isCatalog(t) && !w.facts.isTemporary(t) {
			all[w.schema(t.Schema)] = true
		}
	}
	for _, s := range w.facts.Sequences {
		all[w.schema(s.Schema)] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (w *writer) schema(s string) string {
	if s == "" {
		return w.o.Schema
	}
	return s
}

func (w *writer) makeRole() {
	name := quoteLiteral(w.o.Role)
	w.say("The role. Its password is for you to set: \\password %s", w.role)
	w.block(`IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ` + name + `) THEN
    CREATE ROLE ` + w.role + `;
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner WHERE r.rolname = ` + name + `)
     OR EXISTS (SELECT FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba WHERE r.rolname = ` + name + `) THEN
    RAISE EXCEPTION 'the role owns tables or a database, and an owner may do all with them: take a role that owns nothing';
  END IF;`)
	w.say("It administers nothing, and passes no row security.")
	w.line("ALTER ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;", w.role)
	w.say("As many connections as the application's pool has, and a few:")
	w.say("ALTER ROLE %s CONNECTION LIMIT 50;", w.role)
	path := quoteIdent(w.o.Schema)
	if w.o.Schema != "public" {
		path += ", public"
	}
	w.say("Names without a schema are looked for here, whoever else makes a table of that name elsewhere.")
	for _, set := range slices.Sorted(maps.Keys(w.facts.SearchPaths)) {
		w.say("The application itself sets search_path to %q (%d shapes).", set, w.facts.SearchPaths[set])
	}
	w.line("ALTER ROLE %s IN DATABASE %s SET search_path = %s;", w.role, quoteIdent(w.o.Database), path)
	w.say("It is a member of no other role, so there is none that it could SET ROLE to.")
	w.block(`FOR held IN SELECT g.rolname AS name FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
    JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE r.rolname = ` + name + ` LOOP
    EXECUTE pg_catalog.format('REVOKE %I FROM %I', held.name, ` + name + `);
  END LOOP;`)
	w.line("")
}

// block writes code that the server runs once. The tag can't occur in what is
// put into it: names have quotes there, in which a dollar ends nothing unless
// it is the tag itself.
func (w *writer) block(code string) {
	tag := "$gate$"
	for n := 0; strings.Contains(code, tag); n++ {
		tag = fmt.Sprintf("$gate%d$", n)
	}
	w.line("DO %s\nDECLARE held record;\nBEGIN\n  %s\nEND %s;", tag, code, tag)
}

// revoke takes what the role has, and what everybody has.
func (w *writer) revoke() {
	database := quoteIdent(w.o.Database)
	w.say("Everything that it had before.")
	w.line("REVOKE ALL ON DATABASE %s FROM %s;", database, w.role)
	for _, schema := range w.schemas() {
		s := quoteIdent(schema)
		w.line("REVOKE ALL ON SCHEMA %s FROM %s;", s, w.role)
		for _, kind := range []string{"TABLES", "SEQUENCES", "ROUTINES"} {
			w.line("REVOKE ALL ON ALL %s IN SCHEMA %s FROM %s;", kind, s, w.role)
		}
	}
	w.say("Nobody makes objects in these schemas by being somebody (the default before PostgreSQL 15, for public).")
	for _, schema := range w.schemas() {
		w.line("REVOKE CREATE ON SCHEMA %s FROM PUBLIC;", quoteIdent(schema))
	}
	open := w.line
	if w.o.RevokePublic {
		w.say("What every role has, this one too. Other roles need a GRANT of their own now.")
	} else {
		w.say("What every role has, this one too. Other roles may live by it: see to them first.")
		open = w.say
	}
	open("REVOKE CONNECT, TEMPORARY ON DATABASE %s FROM PUBLIC;", database)
	for _, schema := range w.schemas() {
		open("REVOKE ALL ON ALL TABLES IN SCHEMA %s FROM PUBLIC;", quoteIdent(schema))
	}
	w.line("")
	w.line("GRANT CONNECT ON DATABASE %s TO %s;", database, w.role)
	if len(w.facts.Temporary) > 0 {
		w.say("It makes temporary tables: %s.", strings.Join(slices.Sorted(maps.Keys(w.facts.Temporary)), ", "))
		w.line("GRANT TEMPORARY ON DATABASE %s TO %s;", database, w.role)
	}
	for _, schema := range w.schemas() {
		w.line("GRANT USAGE ON SCHEMA %s TO %s;", quoteIdent(schema), w.role)
	}
	w.line("")
}

// tables grants what is done with each.
func (w *writer) tables() {
	for _, key := range slices.Sorted(maps.Keys(w.facts.Tables)) {
		t := w.facts.Tables[key]
		if isCatalog(t) || w.facts.isTemporary(t) {
			continue
		}
		table := quoteName(w.schema(t.Schema), t.Name)
		w.say("%s: %s", table, t.evidence())
		var all []string
		for _, p := range []struct {
			seen      uint64
			privilege string
		}{
			{t.Select + t.Looked, "SELECT"}, {t.Insert, w.columns("INSERT", t.Inserted, !t.AllInserted)},
			{t.Update + t.LockTable, w.columns("UPDATE", t.Updated, t.LockTable == 0 && len(t.Updated) < maxColumns)}, {t.Delete, "DELETE"}, {t.Truncate, "TRUNCATE"},
		} {
			if p.seen > 0 && (p.privilege != "TRUNCATE" || !w.protected(table)) {
				all = append(all, p.privilege)
			}
		}
		if len(all) > 0 {
			w.line("GRANT %s ON TABLE %s TO %s;", strings.Join(all, ", "), table, w.role)
		}
		if t.LockRows > 0 && t.Update+t.LockTable == 0 {
			w.lockRows(table)
		}
	}
	w.line("")
}

// columns narrows a privilege to columns, where that is asked for and known.
func (w *writer) columns(privilege string, columns []string, known bool) string {
	if !w.o.Columns || !known || len(columns) == 0 {
		return privilege
	}
	var quoted []string
	for _, c := range columns {
		quoted = append(quoted, quoteIdent(c))
	}
	return privilege + " (" + strings.Join(quoted, ", ") + ")"
}

// lockRows lets the role lock rows that it only reads: PostgreSQL asks for
// UPDATE of one column, whichever.
func (w *writer) lockRows(table string) {
	w.say("Its rows are locked (FOR UPDATE or FOR SHARE), for which PostgreSQL asks for UPDATE of one column: the first.")
	w.block(`FOR held IN SELECT attname AS name FROM pg_catalog.pg_attribute WHERE attrelid = ` + quoteLiteral(table) + `::pg_catalog.regclass
    AND attnum > 0 AND NOT attisdropped ORDER BY attnum LIMIT 1 LOOP
    EXECUTE pg_catalog.format('GRANT UPDATE (%I) ON TABLE %s TO %I', held.name, ` + quoteLiteral(table) + `, ` + quoteLiteral(w.o.Role) + `);
  END LOOP;`)
}

// evidence says what was seen of a table.
func (t *Table) evidence() string {
	var all []string
	for _, e := range []struct {
		n    uint64
		what string
	}{
		{t.Select, "read by %d"}, {t.Looked, "its rows looked at while written by %d"}, {t.Insert, "inserted into by %d"},
		{t.Update, "updated by %d"}, {t.Delete, "deleted from by %d"}, {t.Truncate, "truncated by %d"},
		{t.LockRows, "rows locked by %d"}, {t.LockTable, "locked as a whole by %d"},
	} {
		if e.n > 0 {
			all = append(all, fmt.Sprintf(e.what, e.n))
		}
	}
	words := strings.Join(all, ", ") + " shapes of statements."
	if t.Update > 0 {
		words += " Columns updated: " + strings.Join(t.Updated, ", ") + "."
	}
	if t.Insert > 0 && !t.AllInserted {
		words += " Columns inserted: " + strings.Join(t.Inserted, ", ") + "."
	}
	return words
}

// sequences grants those that statements name, and those that the defaults of
// tables inserted into draw from.
func (w *writer) sequences() {
	for _, key := range slices.Sorted(maps.Keys(w.facts.Sequences)) {
		s := w.facts.Sequences[key]
		w.say("%s: drawn from by %d shapes, set by %d.", key, s.Next, s.Set)
		privilege := "USAGE"
		if s.Set > 0 {
			privilege = "USAGE, UPDATE"
		}
		w.line("GRANT %s ON SEQUENCE %s TO %s;", privilege, quoteName(w.schema(s.Schema), s.Name), w.role)
	}
	var tables []string
	for _, key := range slices.Sorted(maps.Keys(w.facts.Tables)) {
		if t := w.facts.Tables[key]; t.Insert > 0 && !isCatalog(t) && !w.facts.isTemporary(t) {
			tables = append(tables, quoteLiteral(quoteName(w.schema(t.Schema), t.Name))+"::pg_catalog.regclass")
		}
	}
	if len(tables) == 0 {
		return
	}
	w.say("The sequences that the defaults of the tables which it inserts into draw from (serial).")
	w.block(`FOR held IN SELECT DISTINCT n.nspname AS space, s.relname AS name FROM pg_catalog.pg_attrdef a
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = a.oid
    JOIN pg_catalog.pg_class s ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.oid = d.refobjid AND s.relkind = 'S'
    JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
    WHERE a.adrelid IN (` + strings.Join(tables, ", ") + `) LOOP
    EXECUTE pg_catalog.format('GRANT USAGE ON SEQUENCE %I.%I TO %I', held.space, held.name, ` + quoteLiteral(w.o.Role) + `);
  END LOOP;`)
	w.line("")
}

// functions grants those of the schemas that it calls, whatever their
// arguments: the server's own are everybody's.
func (w *writer) functions() {
	if len(w.facts.Functions) == 0 {
		return
	}
	var names, schemas []string
	for _, key := range slices.Sorted(maps.Keys(w.facts.Functions)) {
		names = append(names, quoteLiteral(key))
	}
	for _, schema := range w.schemas() {
		schemas = append(schemas, quoteLiteral(schema))
	}
	w.say("The functions of the database that it calls (%d names were seen, the server's own among them). Every role may call a new function;", len(names))
	w.say("these go on working where that is taken away: REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA … FROM PUBLIC.")
	w.block(`FOR held IN SELECT p.oid::pg_catalog.regprocedure AS name FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname <> 'pg_catalog' AND (pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.proname) = ANY (ARRAY[` + strings.Join(names, ", ") + `])
      OR n.nspname = ANY (ARRAY[` + strings.Join(schemas, ", ") + `]) AND pg_catalog.quote_ident(p.proname) = ANY (ARRAY[` + strings.Join(names, ", ") + `])) LOOP
    EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', held.name, ` + quoteLiteral(w.o.Role) + `);
  END LOOP;`)
	w.line("")
}
