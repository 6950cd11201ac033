package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func prepareSQLAlchemy(_ context.Context, s site) (*exec.Cmd, error) {
	host, port, _ := strings.Cut(s.address, ":")
	return exec.Command(python, filepath.Join(s.folder, "apps", "sqlalchemy", "app.py"), host, port), nil
}

// stores are the warehouse's tables: fields as [field] has them, and the
// relations that can be asked for.
var stores = []kind{
	{"place", []field{{"id", 'n'}, {"name", 't'}, {"parent_id", 'n'}}, []string{"parent"}},
	{"label", []field{{"id", 'n'}, {"name", 't'}}, nil},
	{"item", []field{{"id", 'n'}, {"code", 't'}, {"name", 't'}, {"price", 'n'}, {"stock", 'n'}, {"weight", 'n'}, {"description", 't'}, {"colours", 'a'}, {"data", 'j'}, {"active", 'f'}, {"made", 'd'}, {"place_id", 'n'}}, []string{"place", "moves", "label"}},
	{"user", []field{{"id", 'n'}, {"name", 't'}, {"email", 't'}, {"boss_id", 'n'}}, nil},
	{"move", []field{{"id", 'n'}, {"item_id", 'n'}, {"user_id", 'n'}, {"quantity", 'n'}, {"reason", 't'}, {"order", 't'}, {"at", 'd'}}, []string{"item", "user"}},
	{"article", []field{{"id", 'n'}, {"title", 't'}, {"body", 't'}, {"author_id", 'n'}, {"revision", 'n'}, {"changed", 'd'}}, []string{"author", "comments"}},
	{"comment", []field{{"id", 'n'}, {"article_id", 'n'}, {"name", 't'}, {"text", 't'}, {"score", 'n'}}, []string{"article"}},
}

var (
	storeText   = []string{"eq", "ne", "in", "out", "any", "like", "ilike", "ilike", "contains", "contains", "starts", "regex", "lower", "length", "text", "null", "distinct"}
	storeNumber = []string{"eq", "ne", "gt", "ge", "lt", "le", "in", "in", "out", "any", "between", "null", "distinct"}
	storeDay    = []string{"gt", "ge", "lt", "le", "between", "null"}
	storeArray  = []string{"has", "overlap", "size", "first"}
	storeJSON   = []string{"has", "key", "keys", "path", "text"}
)

// storeFilter is one of the warehouse's parameters, such as price.gt=5.
func (v *visitor) storeFilter(f field) (key, value string) {
	var operator string
	switch f.kind {
	case 't':
		operator = one(v, storeText)
		value = v.storeTextFor(operator)
	case 'n':
		operator = one(v, storeNumber)
		value = map[string]string{"in": v.numbers(40), "out": v.numbers(10), "any": v.numbers(20), "between": "-5,90", "null": one(v, []string{"true", "false"})}[operator]
		if value == "" {
			value = strconv.Itoa(v.IntN(200) - 20)
		}
	case 'd':
		operator = one(v, storeDay)
		value = map[string]string{"between": v.day() + "," + v.day(), "null": "false"}[operator]
		if value == "" {
			value = v.day()
		}
	case 'f':
		operator, value = "null", one(v, []string{"true", "false"})
	case 'a':
		operator = one(v, storeArray)
		value = one(v, words) + "," + one(v, names)
		if operator == "size" {
			value = strconv.Itoa(v.IntN(5))
		}
	case 'j':
		operator = one(v, storeJSON)
		value = v.phrase()
		if operator == "has" {
			value = `{"size": {"unit": "` + one(v, words) + `", "it's": null}}`
		}
	}
	return f.name + "." + one(v, []string{"", "", "", "or-"}) + operator, value
}

func (v *visitor) storeTextFor(operator string) string {
	switch operator {
	case "in", "out", "any":
		list := some(v, append(names, words...), 8)
		return strings.Join(list, ",")
	case "like":
		return one(v, []string{"%" + one(v, words) + "%", "O'%", "100\\%%", "_a%", "%\\_%", "%--%", "%''%"})
	case "regex":
		return one(v, patterns)
	case "length":
		return strconv.Itoa(v.IntN(60))
	case "null":
		return one(v, []string{"true", "false"})
	}
	return v.phrase()
}

// chooseFrom asks for rows of one of the warehouse's tables.
func (v *visitor) chooseFrom() {
	k := one(v, stores)
	var pairs, picked []string
	add := func(key, value string) { pairs = append(pairs, key, value) }
	for _, f := range some(v, k.fields, 3) {
		if v.chance(75) {
			add(v.storeFilter(f))
		}
	}
	for _, f := range some(v, k.fields, 4) {
		picked = append(picked, f.name)
	}
	switch v.IntN(10) {
	case 0, 1:
		add("group", strings.Join(picked[:min(2, len(picked))], ","))
		add("measure", strings.Join(some(v, []string{"sum-price", "avg-stock", "max-quantity", "min-score", "stddev-weight", "sum-quantity", "avg-revision"}, 3), ","))
		if v.chance(40) {
			add("having", strconv.Itoa(v.IntN(5)))
		}
	case 2, 3, 4, 5:
		add("fields", strings.Join(picked, ","))
	}
	if len(k.include) > 0 && v.chance(40) {
		add("with", strings.Join(some(v, k.include, len(k.include)), ","))
		add("outer", strconv.Itoa(v.IntN(2)))
	}
	if v.chance(60) {
		add("sort", strings.Join(some(v, picked, 2), ","))
		add("dir", one(v, []string{"asc", "desc", "desc,asc"}))
	}
	if v.chance(10) {
		add("unique", "1")
	}
	add("limit", strconv.Itoa(5+v.IntN(60)))
	if v.chance(30) {
		add("offset", strconv.Itoa(v.IntN(30)))
	}
	route := one(v, []string{"/search/", "/search/", "/search/", "/bound/", "/bound/", "/stream/"})
	v.get(route+k.name, pairs...)
}

// storeRow is one row as a client sends it. Rows of one call have the same keys.
func (v *visitor) storeRow(name string) map[string]any {
	switch name {
	case "place":
		return map[string]any{"name": fmt.Sprintf("%s, shelf %d", one(v, cities), v.IntN(1e6)), "parent_id": nil}
	case "label":
		return map[string]any{"name": fmt.Sprintf("%s %d", v.phrase(), v.IntN(1e6))}
	case "user":
		return map[string]any{"name": one(v, names), "email": fmt.Sprintf("o'%d@example.com", v.IntN(1e6)), "settings": map[string]any{"sort": one(v, words), "it's": []string{v.title()}}}
	case "article":
		return map[string]any{"title": v.title(), "body": v.prose()}
	}
	return map[string]any{"code": fmt.Sprintf("%s-%d", one(v, []string{"it's", "A", "B\\", "order"}), v.IntN(600)), "name": v.title(), "price": fmt.Sprintf("%d.%02d", v.IntN(300), v.IntN(100)), "stock": v.IntN(90) - 10,
		"description": v.prose(), "colours": some(v, append(words, "d'or", `"gold"`, "a,b", "{x}", `back\slash`, "NULL"), 4), "data": map[string]any{"note": v.phrase(), "size": map[string]any{"unit": one(v, words)}, "n": []any{1, nil, -2.5}},
		"made": v.day()}
}

var storeNames = []string{"place", "label", "user", "article", "item"}

func (v *visitor) storeRowsOf(name string, most int) (rows []map[string]any) {
	for range 1 + v.IntN(most) {
		rows = append(rows, v.storeRow(name))
	}
	return rows
}

// storeWrite inserts, upserts, changes, removes.
func (v *visitor) storeWrite() {
	name := one(v, storeNames)
	switch v.IntN(6) {
	case 0:
		v.send("POST", "/rows/"+name, v.json(v.storeRow(name)))
	case 1:
		v.send("POST", "/rows/"+name+one(v, []string{"", "?batch=1", "?batch=1"}), v.json(v.storeRowsOf(name, 40)))
	case 2, 3:
		if name == "article" {
			name = "item"
		}
		rows := v.distinctRows(name, 12)
		v.send("POST", "/upsert/"+name+one(v, []string{"", "", "?keep=1"}), v.json(rows))
	case 4:
		row := v.storeRow(name)
		for _, unique := range []string{"code", "email"} {
			delete(row, unique)
		}
		if name == "place" || name == "label" {
			return
		}
		v.send("POST", query("/change/"+name, "id.in", v.numbers(5)), v.json(row))
	case 5:
		v.send("POST", query("/remove/"+one(v, []string{"comment", "move", "label"}), "id.ge", "400", "id.ne", strconv.Itoa(v.IntN(900))), nil)
	}
}

// distinctRows have each their own key: one upsert can't touch a row twice.
func (v *visitor) distinctRows(name string, most int) (rows []map[string]any) {
	seen := map[any]bool{}
	key := map[string]string{"item": "code", "user": "email"}[name]
	if key == "" {
		key = "name"
	}
	for _, r := range v.storeRowsOf(name, most) {
		if !seen[r[key]] {
			rows = append(rows, r)
		}
		seen[r[key]] = true
	}
	return rows
}

func (v *visitor) article() {
	path := "/articles/" + strconv.Itoa(1+v.IntN(50))
	if v.chance(50) {
		v.get(path, "how", one(v, []string{"select", "join", "sub"}))
		return
	}
	var comments []string
	for range v.IntN(4) {
		comments = append(comments, v.anything())
	}
	v.send("POST", path, v.json(map[string]any{"title": v.title(), "body": v.prose(), "author": one(v, names), "theme": one(v, words), "comments": append(comments, one(v, []string{"", "it's fine"}))}))
}

func (v *visitor) stocktake() {
	pairs := []string{"code", fmt.Sprintf("S'%d", v.IntN(1e6)), "name", v.title(), "description", v.prose(), "price", "12.50", "place", one(v, cities), "order", one(v, words)}
	for range 1 + v.IntN(4) {
		pairs = append(pairs, "labels", one(v, words), "quantity", strconv.Itoa(v.IntN(40)-10), "reason", v.anything())
	}
	v.send("POST", "/stocktake/", form(pairs...))
}

func (v *visitor) storeReport() {
	var pairs []string
	add := func(percent int, key, value string) {
		if v.chance(percent) {
			pairs = append(pairs, key, value)
		}
	}
	direction := one(v, []string{"asc", "desc"})
	name := one(v, []string{"tree", "moves", "moves", "moves", "running", "latest", "kinds", "everything", "compare", "sales", "stock"})
	switch name {
	case "tree":
		add(60, "q", v.phrase())
		add(50, "depth", strconv.Itoa(1+v.IntN(6)))
		add(60, "sort", one(v, []string{"name", "path", "depth"}))
	case "moves":
		add(90, "by", strings.Join(some(v, []string{"day", "month", "user", "item", "order", "hour"}, 3), ","))
		add(30, "reason", v.phrase())
		add(30, "since", v.day())
		add(40, "ids", v.numbers(30))
		add(50, "how", one(v, []string{"rollup", "cube", "sets"}))
	case "running":
		add(50, "lag", strconv.Itoa(1+v.IntN(3)))
		add(50, "top", strconv.Itoa(1+v.IntN(9)))
		add(40, "reason", v.phrase())
	case "latest":
		add(50, "n", strconv.Itoa(1+v.IntN(4)))
		add(50, "label", one(v, words))
		add(50, "label", one(v, names))
	case "compare":
		for range 1 + v.IntN(7) {
			add(90, "want", one(v, words)+":"+strconv.Itoa(v.IntN(90)-9))
		}
	default:
		add(100, "q", v.phrase())
		add(70, "in", strings.Join(some(v, []string{"item", "article", "comment", "user"}, 4), ","))
		add(50, "since", v.day())
		add(50, "reason", one(v, names))
		add(40, "min", strconv.Itoa(v.IntN(30)))
		add(40, "ids", v.numbers(12))
		add(30, "sort", "title")
	}
	add(60, "dir", direction)
	route := "/reports/"
	if name != "sales" && name != "stock" && name != "compare" && v.chance(25) {
		route = "/bound-reports/"
	}
	v.get(route+name, pairs...)
}

// storeRaw is what psycopg2 and psycopg do themselves.
func (v *visitor) storeRaw() {
	var rows []map[string]any
	for range 1 + v.IntN(15) {
		rows = append(rows, map[string]any{"name": one(v, names), "text": v.anything(), "score": v.IntN(90) - 30})
	}
	switch v.IntN(6) {
	case 0, 1:
		v.send("POST", "/raw/"+one(v, []string{"values", "batch"}), v.json(rows))
	case 2:
		v.get("/raw/composed", "columns", strings.Join(some(v, []string{"id", "code", "name", "price", "stock", "made"}, 5), ","), "sort", one(v, []string{"id", "code", "name", "price", "stock"}), "word", v.phrase(), "word", one(v, names), "word", one(v, words))
	case 3:
		v.get("/raw/types", "q", v.anything())
	case 4:
		var b strings.Builder
		for range 1 + v.IntN(9) {
			fmt.Fprintf(&b, "%s-%d,\"%s\",\"%s\"\r\n", one(v, []string{"it's", "A"}), v.IntN(600), strings.ReplaceAll(v.title(), `"`, `""`), strings.ReplaceAll(v.anything(), `"`, `""`))
		}
		v.send("POST", "/raw/copy", &body{"text/csv", []byte(b.String())})
	case 5:
		v.send("POST", "/raw/many", v.json(rows))
	}
}

// useSQLAlchemy is what people and programs do with the warehouse.
func useSQLAlchemy(v *visitor, requests int) {
	v.pool = true
	for _, name := range storeNames {
		v.send("POST", "/rows/"+name, v.json(v.distinctRows(name, 40)))
	}
	for range 15 {
		v.stocktake()
		v.article()
	}
	acts := []func(){v.storeReport, v.storeReport, v.storeReport, v.storeWrite, v.storeWrite, v.article, v.article, v.stocktake, v.storeRaw, v.storeRaw,
		func() { v.send("POST", "/jobs/"+strconv.Itoa(1+v.IntN(6)), nil) },
		func() {
			v.send("POST", query("/increase/", "ids", v.numbers(20), "by", strconv.Itoa(v.IntN(9)-4)), nil)
		}}
	for v.sent < requests && v.err == nil {
		if v.chance(5) {
			v.someone()
		}
		if v.chance(50) {
			v.chooseFrom()
			continue
		}
		one(v, acts)()
	}
}
