package sqli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/wasilibs/go-pgquery"
)

// Differs says whether PostgreSQL's own grammar (pg_query) reads the attacked
// statement as another structure than the benign one. Constants are alike
// whatever their value and kind, lists of constants in IN and ARRAY are alike
// whatever their length, and places in the text are nothing. Names, and all
// that is not a constant, count.
//
// The error tells which of the two does not parse; an attacked statement that
// does not is broken, and no case of the corpus.
func Differs(benign, attacked string) (bool, error) {
	return compare(benign, attacked, false)
}

// DiffersBeyondNames is Differs, with one name of a column or table as good as
// another, and ASC as DESC: where an application lets the client choose a
// column, another column is a value out of a closed set and no attack.
func DiffersBeyondNames(benign, attacked string) (bool, error) {
	return compare(benign, attacked, true)
}

func compare(benign, attacked string, anyName bool) (bool, error) {
	want, err := shape(benign, anyName)
	if err != nil {
		return false, fmt.Errorf("parsing the benign statement: %w", err)
	}
	got, err := shape(attacked, anyName)
	if err != nil {
		return false, fmt.Errorf("parsing the attacked statement: %w", err)
	}
	return want != got, nil
}

// shape is the parse of a statement as canonical JSON, less its literals.
func shape(sql string, anyName bool) (string, error) {
	parsed, err := pgquery.ParseToJSON(sql)
	if err != nil {
		return "", err
	}
	var tree any
	if err := json.Unmarshal([]byte(parsed), &tree); err != nil {
		return "", fmt.Errorf("reading pg_query's parse: %w", err)
	}
	canonical, err := json.Marshal(normal(tree, anyName))
	if err != nil {
		return "", fmt.Errorf("writing the shape: %w", err)
	}
	return string(canonical), nil
}

// placeKeys are where in the text something stood.
var placeKeys = [...]string{"location", "stmt_location", "stmt_len"}

func normal(node any, anyName bool) any {
	switch node := node.(type) {
	case []any:
		for i := range node {
			node[i] = normal(node[i], anyName)
		}
	case map[string]any:
		if _, ok := node["A_Const"]; ok {
			return constant
		}
		for key, value := range node {
			if slices.Contains(placeKeys[:], key) {
				delete(node, key)
				continue
			}
			node[key] = normal(value, anyName)
		}
		collapseLists(node)
		if anyName {
			forgetNames(node)
		}
	}
	return node
}

const constant = "?"

// collapseLists makes lists of constants in IN (…) and ARRAY[…] one constant.
func collapseLists(node map[string]any) {
	if in, ok := node["A_Expr"].(map[string]any); ok && in["kind"] == "AEXPR_IN" {
		if right, ok := in["rexpr"].(map[string]any); ok {
			collapse(right["List"], "items")
		}
	}
	collapse(node["A_ArrayExpr"], "elements")
}

func collapse(node any, member string) {
	list, ok := node.(map[string]any)
	if !ok {
		return
	}
	items, _ := list[member].([]any)
	if len(items) > 0 && !slices.ContainsFunc(items, func(item any) bool { return item != constant }) {
		list[member] = constant
	}
}

// forgetNames forgets which column or table it is, and a sort's direction. An
// output's position is as good as a column to sort by.
func forgetNames(node map[string]any) {
	if column, ok := node["ColumnRef"].(map[string]any); ok {
		fields, _ := column["fields"].([]any)
		for i, field := range fields {
			if name, ok := field.(map[string]any); ok && name["String"] != nil {
				fields[i] = "name"
			}
		}
	}
	for _, relation := range []string{"RangeVar", "relation"} {
		if table, ok := node[relation].(map[string]any); ok && table["relname"] != nil {
			table["relname"] = "name"
		}
	}
	if sort, ok := node["SortBy"].(map[string]any); ok {
		sort["sortby_dir"] = "any"
		if by, ok := sort["node"].(map[string]any); sort["node"] == constant || ok && single(by["ColumnRef"]) {
			sort["node"] = "key"
		}
	}
}

func single(column any) bool {
	ref, ok := column.(map[string]any)
	if !ok {
		return false
	}
	fields, _ := ref["fields"].([]any)
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(f any) bool { return f != "name" })
}

// broken says whether an error of Differs is about the attacked statement.
func broken(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "parsing the attacked statement")
}
