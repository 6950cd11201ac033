package outline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	pgquery "github.com/wasilibs/go-pgquery"

	"github.com/gatehousehq/gatehouse/taint"
	"github.com/gatehousehq/gatehouse/taint/outline"
)

// A summary is what an outline and PostgreSQL's own parse tree are compared by.
type summary struct {
	verb       string
	tables     map[string]string // name: letters of what is done
	functions  map[string]bool
	unfiltered bool
}

func (s summary) String() string {
	var tables []string
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		tables = append(tables, name+":"+s.tables[name])
	}
	return fmt.Sprintf("%s tables %s functions %s all %v", s.verb, strings.Join(tables, " "),
		strings.Join(slices.Sorted(maps.Keys(s.functions)), " "), s.unfiltered)
}

// ours sums up what the outline says.
func ours(sql string) (all []summary, unsure string) {
	for _, st := range outline.Of(taint.Lexer{Dialect: taint.PostgreSQL}, sql).Statements {
		s := summary{verb: st.Verb.String(), tables: map[string]string{}, functions: map[string]bool{}, unfiltered: len(st.Unfiltered) > 0}
		for _, t := range st.Tables {
			letters := ""
			for _, l := range []struct {
				use    outline.Use
				letter string
			}{{outline.Reads, "r"}, {outline.Inserts, "i"}, {outline.Updates, "u"}, {outline.Deletes, "d"}, {outline.Truncates, "t"}} {
				if t.Use&l.use != 0 {
					letters += l.letter
				}
			}
			if letters != "" {
				s.tables[qualified(t.Schema, t.Name)] = letters
			}
		}
		for _, f := range st.Functions {
			s.functions[qualified(f.Schema, f.Name)] = true
		}
		if unsure == "" {
			unsure = st.Unsure
		}
		all = append(all, s)
	}
	return all, unsure
}

func qualified(schema, name string) string {
	if schema == "" {
		return name
	}
	return schema + "." + name
}

// verbs are the parse tree's names for what the outline names by verb.
var verbs = map[string]string{
	"SelectStmt": "select", "InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete", "MergeStmt": "merge",
	"TransactionStmt": "transaction", "VariableSetStmt": "set", "VariableShowStmt": "session", "TruncateStmt": "truncate",
	"LockStmt": "lock", "ListenStmt": "session", "UnlistenStmt": "session", "NotifyStmt": "session", "DiscardStmt": "session",
	"FetchStmt": "session", "ClosePortalStmt": "session", "DeallocateStmt": "session", "ConstraintsSetStmt": "transaction",
	"VacuumStmt": "maintain", "ExecuteStmt": "execute", "DoStmt": "do", "CallStmt": "call", "CheckPointStmt": "maintain",
	"AlterSystemStmt": "system", "LoadStmt": "system", "RefreshMatViewStmt": "maintain",
}

// theirs sums up what PostgreSQL's parser says.
func theirs(sql string) ([]summary, error) {
	text, err := pgquery.ParseToJSON(sql)
	if err != nil {
		return nil, err
	}
	var tree struct {
		Stmts []struct{ Stmt map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return nil, err
	}
	var all []summary
	for _, stmt := range tree.Stmts {
		w := walker{summary{tables: map[string]string{}, functions: map[string]bool{}}}
		w.statement(stmt.Stmt)
		all = append(all, w.summary)
	}
	return all, nil
}

type walker struct{ summary }

// statement reads a statement, looking through what the outline looks through.
func (w *walker) statement(node map[string]any) {
	for kind, v := range node {
		body := v.(map[string]any)
		switch kind {
		case "ExplainStmt", "PrepareStmt", "DeclareCursorStmt":
			w.statement(body["query"].(map[string]any))
			return
		case "CopyStmt":
			w.verb = "copy-to"
			if body["is_from"] == true {
				w.verb = "copy-from"
			}
			if relation, ok := body["relation"].(map[string]any); ok {
				w.use(relation, map[bool]string{true: "i", false: "r"}[body["is_from"] == true])
			}
			w.walk(body["query"], nil)
			w.walk(body["whereClause"], nil)
			return
		}
		if w.verb = verbs[kind]; w.verb == "" {
			w.verb = "define"
		}
		if w.verb == "set" && (body["kind"] == "VAR_SET_MULTI") {
			w.verb = "transaction"
		}
		if kind == "SelectStmt" && body["intoClause"] != nil {
			w.verb = "define"
		}
		w.walk(node, nil)
	}
}

func (w *walker) use(relation map[string]any, letter string) {
	schema, _ := relation["schemaname"].(string)
	name := qualified(schema, relation["relname"].(string))
	if !strings.Contains(w.tables[name], letter) {
		letters := strings.Split(w.tables[name]+letter, "")
		slices.SortFunc(letters, func(a, b string) int { return strings.Index("riudt", a) - strings.Index("riudt", b) })
		w.tables[name] = strings.Join(letters, "")
	}
}

var writing = map[string]string{"InsertStmt": "i", "UpdateStmt": "u", "DeleteStmt": "d"}

// walk goes through a tree, with the names of WITH that are in scope.
func (w *walker) walk(node any, with []string) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			w.walk(n, with)
		}
	case map[string]any:
		for kind, v := range node {
			w.node(kind, v, with)
		}
	}
}

func (w *walker) node(kind string, v any, with []string) {
	body, ok := v.(map[string]any)
	if !ok {
		w.walk(v, with)
		return
	}
	with = append(slices.Clone(with), named(body)...)
	switch kind {
	case "RangeVar":
		if body["schemaname"] != nil || !slices.Contains(with, body["relname"].(string)) {
			w.use(body, "r")
		}
		return
	case "FuncCall", "funccall":
		w.call(body)
	case "LockingClause": // FOR UPDATE OF alias
		return
	case "InsertStmt", "UpdateStmt", "DeleteStmt":
		w.use(body["relation"].(map[string]any), writing[kind])
		if kind != "InsertStmt" && always(body["whereClause"]) {
			w.unfiltered = true
		}
		if conflict, ok := body["onConflictClause"].(map[string]any); ok && conflict["action"] == "ONCONFLICT_UPDATE" {
			w.use(body["relation"].(map[string]any), "u")
		}
		delete(body, "relation")
	case "MergeStmt":
		for _, clause := range body["mergeWhenClauses"].([]any) {
			when := clause.(map[string]any)["MergeWhenClause"].(map[string]any)
			if letter := map[any]string{"CMD_INSERT": "i", "CMD_UPDATE": "u", "CMD_DELETE": "d"}[when["commandType"]]; letter != "" {
				w.use(body["relation"].(map[string]any), letter)
			}
		}
		delete(body, "relation")
	case "LockStmt", "CallStmt":
		if kind == "LockStmt" {
			return
		}
		delete(body, "funcexpr") // the same again
	case "CreateTableAsStmt":
		delete(body, "into")
	case "IntoClause":
		return
	case "TruncateStmt":
		for _, r := range body["relations"].([]any) {
			w.use(r.(map[string]any)["RangeVar"].(map[string]any), "t")
		}
		return
	}
	w.walk(body, with)
}

// named are the names that a statement's WITH gives.
func named(body map[string]any) (names []string) {
	clause, ok := body["withClause"].(map[string]any)
	if !ok {
		return nil
	}
	for _, cte := range clause["ctes"].([]any) {
		names = append(names, cte.(map[string]any)["CommonTableExpr"].(map[string]any)["ctename"].(string))
	}
	return names
}

func (w *walker) call(body map[string]any) {
	if body["funcformat"] == "COERCE_SQL_SYNTAX" {
		return
	}
	var parts []string
	for _, part := range body["funcname"].([]any) {
		parts = append(parts, part.(map[string]any)["String"].(map[string]any)["sval"].(string))
	}
	switch name := strings.Join(parts, "."); name {
	case "pg_catalog.like_escape", "pg_catalog.similar_to_escape": // what the grammar makes of ESCAPE
	case "substring", "overlay", "position": // constructs of the grammar, though called as functions are
	default:
		w.functions[name] = true
	}
}

// always says whether a condition is missing, or a constant that is not false.
func always(where any) bool {
	if where == nil {
		return true
	}
	text, _ := json.Marshal(where)
	for _, column := range []string{"ColumnRef", "ParamRef", "FuncCall", "SubLink", "CurrentOfExpr"} {
		if strings.Contains(string(text), column) {
			return false
		}
	}
	return true
}
