package privilege

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// RLS asks [Grants] for row-level security: the database itself then shows, and
// lets change, only the rows of whoever a statement is of, as the gate says
// signed (see [Signer]).
type RLS struct {
	// Owners are the columns that say whose a row is. Required: one at least, and
	// of a table one.
	Owners []Owner
	// Unattributed is what statements may do of which the gate does not know
	// whose they are.
	Unattributed Access
	// Admins are roles of principals at the gate that all rows are shown to.
	Admins []string
	// Exempt are roles of the database that all rows are shown to: who migrates,
	// reports, works off a queue.
	Exempt []string
}

// An Owner is a column that says whose a row is.
type Owner struct {
	// Schema is empty for that of Options.
	Schema, Table, Column string
	// Name is which of the principal's names it holds: [PrincipalName], or an
	// alias such as "users.id". Empty means PrincipalName.
	Name string
	// Parent is the key of the row that this one is a part of, as schema.table.column
	// or table.column, where that says whose it is: orders.id of order_lines.order_id.
	Parent string
}

// An Access is what may be done with the rows of nobody in particular. The zero
// value is nothing.
type Access uint8

const (
	Nothing Access = iota
	ReadAll
	WriteAll // and read
)

// ParseOwner reads TABLE.COLUMN with or without a schema before it, of which
// =NAME says which of the principal's names the column holds, or >TABLE.COLUMN
// of which row this one is a part. Names are as the database has them, without
// quotes.
func ParseOwner(text string) (Owner, error) {
	var o Owner
	column := text
	if before, parent, is := strings.Cut(text, ">"); is {
		column, o.Parent = before, parent
	} else if before, name, is := strings.Cut(text, "="); is {
		column, o.Name = before, name
		if name == "" {
			return Owner{}, fmt.Errorf("%q names no name of a principal: write orders.user_id=users.id", text)
		}
	}
	var ok bool
	if o.Schema, o.Table, o.Column, ok = cutColumn(column); !ok {
		return Owner{}, fmt.Errorf("%q is no column: write orders.user_id, orders.user_id=users.id or order_lines.order_id>orders.id", text)
	}
	if _, _, _, ok := cutColumn(o.Parent); !ok && strings.Contains(text, ">") {
		return Owner{}, fmt.Errorf("%q names no key of another table: write order_lines.order_id>orders.id", text)
	}
	return o, nil
}

// cutColumn takes a column's name apart.
func cutColumn(text string) (schema, table, column string, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) == 2 {
		parts = append([]string{""}, parts...)
	}
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" || strings.HasPrefix(text, ".") {
		return "", "", "", false
	}
	for _, p := range parts {
		if len(p) > maxName {
			return "", "", "", false
		}
	}
	return parts[0], parts[1], parts[2], true
}

// maxName is how many bytes a name of PostgreSQL's has at most.
const maxName = 63

// check says what is wrong with the options.
func (r *RLS) check(o *Options) error {
	if len(r.Owners) == 0 {
		return errors.New("privilege: RLS.Owners is empty: row-level security needs a column that says whose a row is")
	}
	seen := make(map[string]bool)
	for _, w := range r.Owners {
		if w.Table == "" || w.Column == "" {
			return errors.New("privilege: an owner in RLS.Owners has no table or no column")
		}
		key := o.table(w.Schema, w.Table)
		if seen[key] {
			return fmt.Errorf("privilege: RLS.Owners names two columns of %s", key)
		}
		seen[key] = true
		if err := checkName(w.Name); err != nil {
			return err
		}
	}
	for _, w := range r.Owners {
		if err := r.checkParent(o, w); err != nil {
			return err
		}
	}
	if r.Unattributed > WriteAll {
		return errors.New("privilege: RLS.Unattributed is none of its values")
	}
	if slices.Contains(r.Exempt, o.Role) {
		return fmt.Errorf("privilege: RLS.Exempt has %s, which it is for", quoteIdent(o.Role))
	}
	for _, name := range slices.Concat(r.Exempt, r.Admins) {
		if name == "" {
			return errors.New("privilege: RLS.Exempt or RLS.Admins has an empty name")
		}
	}
	return nil
}

// checkParent follows a part to the row that has an owner.
func (r *RLS) checkParent(o *Options, part Owner) error {
	of := part
	for range r.Owners {
		if of.Parent == "" {
			return nil
		}
		schema, table, _, ok := cutColumn(of.Parent)
		i := slices.IndexFunc(r.Owners, func(w Owner) bool { return o.table(w.Schema, w.Table) == o.table(schema, table) })
		if !ok || i < 0 {
			return fmt.Errorf("privilege: RLS.Owners has %s as a part of %s, of which nothing says whose it is", o.table(of.Schema, of.Table), of.Parent)
		}
		of = r.Owners[i]
	}
	return fmt.Errorf("privilege: RLS.Owners has %s as a part of itself", o.table(part.Schema, part.Table))
}

// table is a table's name as SQL writes it.
func (o *Options) table(schema, table string) string {
	if schema == "" {
		schema = o.Schema
	}
	return quoteName(schema, table)
}

// protected reports whether a table has an owner column.
func (w *writer) protected(table string) bool {
	return w.o.RLS != nil && slices.ContainsFunc(w.o.RLS.Owners, func(of Owner) bool { return w.o.table(of.Schema, of.Table) == table })
}

//go:embed principal.sql
var principalSQL string

//go:embed policies.sql
var policiesSQL string

// rowSecurity writes what shows each principal the rows of its own.
func (w *writer) rowSecurity() {
	r := w.o.RLS
	w.say("Row-level security: whose a row is, the database settles itself, by what the gate says signed of each statement.")
	w.say("Tell the gate the key as rls: {key: ${file:FILE}} of its client in data.sql:")
	w.say(`  psql -Atc "SELECT encode(secret, 'hex') FROM gatehouse.key" > FILE`)
	w.b.WriteString(principalSQL)
	w.line("GRANT USAGE ON SCHEMA gatehouse TO %s;", w.role)
	w.line("GRANT EXECUTE ON FUNCTION gatehouse.enter(text) TO %s;\n", w.role)

	w.say("What one session sends, another of the same role reads in pg_stat_activity: also a traceparent, by which somebody may be told to be somebody else where only a part of the statements has one.")
	w.say("Nobody reads it there, no administrator either, with: ALTER ROLE %s SET track_activities = off;", w.role)
	w.sayAccess()
	var tables, keys, names, parents []string
	for _, of := range r.Owners {
		tables, keys = append(tables, w.o.table(of.Schema, of.Table)), append(keys, of.Column)
		name, parent := of.Name, of.Parent
		if name == "" {
			name = PrincipalName
		}
		if parent != "" {
			schema, table, column, _ := cutColumn(parent)
			name, parent = "", "p."+quoteIdent(column)+" FROM "+w.o.table(schema, table)+" AS p"
		}
		names, parents = append(names, name), append(parents, parent)
	}
	also := make([]string, 2) // of reading, of writing
	for i, needs := range []Access{ReadAll, WriteAll} {
		if len(r.Admins) > 0 {
			also[i] += " OR (SELECT gatehouse.has_role(" + array(r.Admins) + "))"
		}
		if r.Unattributed >= needs {
			also[i] += " OR (SELECT gatehouse.unattributed())"
		}
	}
	w.b.WriteString(replaceAll(policiesSQL,
		"$tables$", arrayOf(tables), "$columns$", arrayOf(keys), "$names$", arrayOf(names), "$parents$", arrayOf(parents),
		"$reading$", quoteLiteral(also[0]), "$writing$", quoteLiteral(also[1]),
		"$role$", quoteLiteral(w.o.Role), "$exempt$", arrayOf(r.Exempt), "$gate$", w.tag(slices.Concat(tables, keys, names, parents, also, r.Exempt, []string{w.o.Role}))))
	w.line("")
}

// sayAccess says who is shown more than what is his.
func (w *writer) sayAccess() {
	r := w.o.RLS
	w.say("A statement of which the gate does not know exactly whose it is: %s.", [...]string{"sees nothing", "sees all rows", "sees and changes all rows"}[r.Unattributed])
	if len(r.Admins) > 0 {
		w.say("Principals with one of these roles at the gate see and change all rows: %s.", strings.Join(r.Admins, ", "))
	}
	if len(r.Exempt) > 0 {
		w.say("These roles of the database see and change all rows: %s.", strings.Join(r.Exempt, ", "))
	}
	w.say("Every other role sees none, the owner of the tables neither (a superuser does): migrations that change rows need --rls-exempt.")
	w.say("COPY … FROM into these tables is refused by PostgreSQL; use INSERT. TRUNCATE asks for no policy, and is not granted.")
	w.say("Keys stay oracles: that an identifier is taken is told by UNIQUE, and that it is there by a foreign key.")
}

// tag is a dollar quote's that occurs in none of the texts.
func (w *writer) tag(texts []string) string {
	tag := "$gate$"
	for n := 0; slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, tag) }); n++ {
		tag = fmt.Sprintf("$gate%d$", n)
	}
	return tag
}

// array writes a list of string constants.
func array(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = strings.TrimSpace(quoteLiteral(t))
	}
	return strings.Join(quoted, ", ")
}

func arrayOf(texts []string) string { return "ARRAY[" + array(texts) + "]::text[]" }

// replaceAll replaces in one pass, so that nothing is replaced in what was put in.
func replaceAll(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}
