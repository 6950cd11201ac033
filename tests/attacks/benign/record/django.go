package main

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// python is Debian's own, which has Debian's Django and SQLAlchemy; another
// one may come first in PATH.
const python = "/usr/bin/python3"

func prepareDjango(ctx context.Context, s site) (*exec.Cmd, error) {
	folder := filepath.Join(s.folder, "apps", "django")
	host, port, _ := strings.Cut(s.address, ":")
	setup := exec.CommandContext(ctx, python, filepath.Join(folder, "serve.py"), "setup")
	if err := s.run(setup); err != nil {
		return nil, err
	}
	return exec.Command(python, filepath.Join(folder, "serve.py"), "run", host, port), nil
}

// A field of the helpdesk's interface: kinds are t(ext), n(umber), d(ate),
// m(oment), f(lag), j(SON) and a(rray).
type field struct {
	name string
	kind byte
}

// A kind of row.
type kind struct {
	name    string
	fields  []field
	include []string
}

var kinds = []kind{
	{"category", []field{{"name", 't'}, {"rank", 'n'}, {"id", 'n'}, {"parent__name", 't'}, {"parent", 'n'}}, []string{"parent"}},
	{"tag", []field{{"name", 't'}, {"id", 'n'}}, []string{"product_set"}},
	{"customer", []field{{"name", 't'}, {"email", 't'}, {"city", 't'}, {"notes", 't'}, {"data", 'j'}, {"joined", 'd'}, {"active", 'f'}, {"id", 'n'}, {"order__status", 't'}}, []string{"order_set", "order_set__lines"}},
	{"product", []field{{"name", 't'}, {"sku", 't'}, {"price", 'n'}, {"stock", 'n'}, {"description", 't'}, {"category__name", 't'}, {"category", 'n'}, {"tags__name", 't'}, {"attributes", 'j'}, {"colours", 'a'}, {"released", 'd'}, {"active", 'f'}, {"weight", 'n'}, {"id", 'n'}}, []string{"category", "category__parent", "tags"}},
	{"order", []field{{"status", 't'}, {"created", 'm'}, {"total", 'n'}, {"note", 't'}, {"group", 't'}, {"customer__name", 't'}, {"customer__city", 't'}, {"lines__product__name", 't'}, {"lines__quantity", 'n'}, {"id", 'n'}}, []string{"customer", "lines", "lines__product"}},
	{"topic", []field{{"title", 't'}, {"author", 't'}, {"pinned", 'f'}, {"created", 'm'}, {"views", 'n'}, {"category__name", 't'}, {"posts__body", 't'}, {"id", 'n'}}, []string{"category", "posts"}},
	{"post", []field{{"author", 't'}, {"body", 't'}, {"created", 'm'}, {"score", 'n'}, {"topic__title", 't'}, {"topic", 'n'}, {"id", 'n'}}, []string{"topic", "topic__category"}},
	{"ticket", []field{{"subject", 't'}, {"body", 't'}, {"statement", 't'}, {"priority", 'n'}, {"state", 't'}, {"opened", 'm'}, {"labels", 'a'}, {"user__username", 't'}, {"id", 'n'}}, []string{"user"}},
}

var (
	textLookups   = []string{"", "iexact", "contains", "icontains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "in", "regex", "gt", "lte", "isnull"}
	numberLookups = []string{"", "gt", "gte", "lt", "lte", "in", "in", "range", "isnull"}
	dateLookups   = []string{"", "gte", "lt", "range", "year", "month", "week_day", "quarter", "isnull", "year__gte"}
	momentLookups = []string{"gte", "lt", "range", "year", "month", "date", "hour", "date__gte", "isnull"}
	arrayLookups  = []string{"contains", "contained_by", "overlap", "len", "len__gt", "0"}
	jsonLookups   = []string{"contains", "has_key", "has_keys", "size", "size__icontains", "isnull"}
	states        = []string{"new", "paid", "sent", "cancelled", "open", "closed", "on hold", "order", "it's late"}
	patterns      = []string{"^[A-Z]", "O'", "(select|union)\\s", "\\d{2,}", "it''?s", "[^a-z]$", "a|b", "--"}
)

// numbers are several, with commas, as they stand in addresses.
func (v *visitor) numbers(most int) string {
	var list []string
	for range 1 + v.IntN(most) {
		list = append(list, strconv.Itoa(v.IntN(400)))
	}
	return strings.Join(list, ",")
}

func (v *visitor) day() string {
	return fmt.Sprintf("20%02d-%02d-%02d", 18+v.IntN(9), 1+v.IntN(12), 1+v.IntN(28))
}

// filter is one parameter of the interface, and its value.
func (v *visitor) filter(f field) (key, value string) {
	lookup := ""
	switch f.kind {
	case 't':
		lookup = one(v, textLookups)
		value = v.textFor(lookup)
	case 'n':
		lookup = one(v, numberLookups)
		value = map[string]string{"in": v.numbers(25), "range": fmt.Sprintf("%d,%d", v.IntN(50), 50+v.IntN(500)), "isnull": "false"}[lookup]
		if value == "" {
			value = strconv.Itoa(v.IntN(300) - 20)
		}
	case 'd', 'm':
		lookup = one(v, dateLookups)
		if f.kind == 'm' {
			lookup = one(v, momentLookups)
		}
		value = map[string]string{"range": v.day() + "," + v.day(), "isnull": "false"}[lookup]
		if value == "" {
			value = v.day()
		}
		if n, ok := map[string]int{"year": 2024, "year__gte": 2019, "month": 1 + v.IntN(12), "week_day": 1 + v.IntN(7), "quarter": 1 + v.IntN(4), "hour": v.IntN(24)}[lookup]; ok {
			value = strconv.Itoa(n)
		}
	case 'f':
		value = one(v, []string{"true", "false"})
	case 'a':
		lookup = one(v, arrayLookups)
		value = one(v, words) + "," + one(v, names)
		if strings.HasPrefix(lookup, "len") {
			value = strconv.Itoa(v.IntN(4))
		}
	case 'j':
		lookup = one(v, jsonLookups)
		value = map[string]string{"contains": `{"size": "` + one(v, words) + `"}`, "has_key": one(v, words), "has_keys": "size," + one(v, words), "isnull": "true"}[lookup]
		if value == "" {
			value = one(v, []string{"12", `"L"`, "it's", `{"a": [1, "x'y"]}`})
		}
	}
	if lookup != "" {
		lookup = "__" + lookup
	}
	return one(v, []string{"", "", "", "!"}) + f.name + lookup, value
}

func (v *visitor) textFor(lookup string) string {
	switch lookup {
	case "isnull":
		return one(v, []string{"true", "false"})
	case "regex":
		return one(v, patterns)
	case "in":
		var list []string
		for range 1 + v.IntN(6) {
			list = append(list, one(v, append(states, names...)))
		}
		return strings.Join(list, ",")
	}
	return v.phrase()
}

// list asks for rows with filters, an order, fields and relations.
func (v *visitor) list(path string, k kind) {
	var pairs []string
	for _, f := range some(v, k.fields, 3) {
		if v.chance(75) {
			key, value := v.filter(f)
			pairs = append(pairs, key, value)
		}
	}
	if v.chance(60) {
		var order []string
		for _, f := range some(v, k.fields, 3) {
			order = append(order, one(v, []string{"", "-"})+f.name)
		}
		pairs = append(pairs, "ordering", strings.Join(order, ","))
	}
	if v.chance(40) {
		var fields []string
		for _, f := range some(v, k.fields, 5) {
			fields = append(fields, f.name)
		}
		pairs = append(pairs, "fields", strings.Join(fields, ","))
	} else if v.chance(50) {
		pairs = append(pairs, "include", strings.Join(some(v, k.include, len(k.include)), ","))
	}
	if v.chance(20) {
		pairs = append(pairs, "q", v.phrase())
	}
	if v.chance(10) {
		pairs = append(pairs, "distinct", "1")
	}
	if v.chance(40) {
		pairs = append(pairs, "limit", strconv.Itoa(1+v.IntN(50)), "offset", strconv.Itoa(v.IntN(40)))
	}
	v.get(path, pairs...)
}

// row makes one of a kind, as a client sends it in JSON.
func (v *visitor) row(name string) map[string]any {
	switch name {
	case "category":
		return map[string]any{"name": fmt.Sprintf("%s %d", v.phrase(), v.IntN(1e9)), "rank": v.IntN(20) - 5}
	case "tag":
		return map[string]any{"name": fmt.Sprintf("%.60s-%d", one(v, words), v.IntN(1e9))}
	case "customer":
		return map[string]any{"name": one(v, names), "email": fmt.Sprintf("o'%s+%d@example.com", one(v, words)[:1], v.IntN(1e9)), "city": one(v, cities), "notes": v.prose(),
			"data": map[string]any{"size": one(v, words), "it's": v.title(), "list": []any{1, -2.5, nil, true, v.sql()}}, "joined": v.day(), "active": v.chance(80)}
	case "product":
		return map[string]any{"name": v.title(), "sku": fmt.Sprintf("SKU-'%d", v.IntN(1e9)), "price": fmt.Sprintf("%d.%02d", v.IntN(900), v.IntN(100)), "stock": v.IntN(200) - 10, "description": v.prose(),
			"attributes": map[string]any{"size": one(v, words), "note": v.phrase()}, "colours": some(v, append(words, "d'or", `"gold"`, "a,b", "{x}", `back\slash`, "NULL"), 5), "released": v.day(), "weight": v.Float64() - 0.2}
	case "topic":
		return map[string]any{"title": v.title(), "author": one(v, names), "pinned": v.chance(10)}
	case "ticket":
		return map[string]any{"subject": v.title(), "body": v.prose(), "statement": v.pasted(), "priority": v.IntN(5), "labels": some(v, words, 4)}
	}
	return map[string]any{}
}

var writable = []string{"category", "tag", "customer", "product", "topic", "ticket"}

// fill gives the tables their first rows, in bulk.
func (v *visitor) fill() {
	for _, name := range writable {
		for range 2 {
			v.bring(name, 20)
		}
	}
	for range 20 {
		v.basket()
		v.forum()
	}
}

func (v *visitor) bring(name string, most int) {
	var rows []map[string]any
	for range 1 + v.IntN(most) {
		rows = append(rows, v.row(name))
	}
	path := "/api/" + name + "/import/"
	if v.chance(50) {
		path += "?conflicts=ignore"
	}
	v.send("POST", path, v.json(rows))
}

// spreadsheet brings customers from a CSV file.
func (v *visitor) spreadsheet() {
	var b strings.Builder
	b.WriteString("name,email,city,notes\r\n")
	for range 1 + v.IntN(15) {
		cells := []string{one(v, names), fmt.Sprintf("c'%d@example.com", v.IntN(1e9)), one(v, cities), v.anything()}
		for i, c := range cells {
			cells[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		b.WriteString(strings.Join(cells, ",") + "\r\n")
	}
	v.send("POST", "/api/customer/import/?conflicts=ignore", v.multipart(&file{"file", one(v, names) + "'s list; new.csv", b.String()}, "comment", v.phrase()))
}

func (v *visitor) change() {
	name := one(v, writable)
	id := strconv.Itoa(1 + v.IntN(40))
	row := v.row(name)
	switch v.IntN(6) {
	case 0:
		v.send("PUT", "/api/"+name+"/"+id+"/", v.json(row))
	case 1:
		v.send("PATCH", "/api/"+name+"/"+id+"/", v.json(v.part(row)))
	case 2:
		v.send("POST", "/api/"+name+"/", v.json(row))
	case 3:
		v.get("/api/" + name + "/" + id + "/")
	case 4:
		rows, part := map[string]any{}, v.part(row)
		for range 1 + v.IntN(12) {
			other := map[string]any{}
			for key := range part {
				other[key] = v.row(name)[key]
			}
			rows[strconv.Itoa(1+v.IntN(60))] = other
		}
		v.send("POST", "/api/"+name+"/update/", v.json(rows))
	case 5:
		if v.chance(20) {
			v.send("DELETE", "/api/"+name+"/"+strconv.Itoa(40+v.IntN(500))+"/", nil)
		}
	}
}

// part is some of a row's values.
func (v *visitor) part(row map[string]any) map[string]any {
	var keys []string
	for _, k := range kinds {
		for _, f := range k.fields {
			if _, ok := row[f.name]; ok {
				keys = append(keys, f.name)
			}
		}
	}
	part := map[string]any{}
	for _, key := range some(v, keys, 3) {
		part[key] = row[key]
	}
	return part
}

func (v *visitor) basket() {
	pairs := []string{"csrfmiddlewaretoken", v.token("/shop/"), "email", fmt.Sprintf("o'b%d@example.com", v.IntN(60)), "name", one(v, names), "city", one(v, cities), "note", v.phrase(), "group", one(v, words)}
	for range 1 + v.IntN(5) {
		pairs = append(pairs, "product", strconv.Itoa(1+v.IntN(45)), "quantity", strconv.Itoa(1+v.IntN(4)))
	}
	v.post("/basket/", form(pairs...))
}

// token is Django's against forged requests, which a page sets as a cookie.
func (v *visitor) token(path string) string {
	if v.cookie("csrftoken") == "" {
		v.get(path)
	}
	return v.cookie("csrftoken")
}

func (v *visitor) forum() {
	token := v.token("/forum/")
	switch v.IntN(5) {
	case 0:
		v.post("/forum/", form("csrfmiddlewaretoken", token, "title", v.title(), "author", one(v, names), "body", v.prose()))
	case 1, 2:
		path := fmt.Sprintf("/forum/%d/", 1+v.IntN(40))
		v.post(path, form("csrfmiddlewaretoken", token, "author", one(v, names), "body", v.prose(), "score", strconv.Itoa(v.IntN(20)-5)))
	case 3:
		v.get(fmt.Sprintf("/forum/%d/", 1+v.IntN(40)))
	case 4:
		pairs := []string{"q", v.phrase(), "how", one(v, []string{"plain", "phrase", "web"})}
		if v.chance(30) {
			pairs = append(pairs, "author", one(v, names))
		}
		if v.chance(30) {
			pairs = append(pairs, "headline", "1")
		}
		v.get("/forum/search/", pairs...)
	}
}

func (v *visitor) shop() {
	var pairs []string
	add := func(percent int, key, value string) {
		if v.chance(percent) {
			pairs = append(pairs, key, value)
		}
	}
	add(40, "q", v.phrase())
	add(20, "category", one(v, words))
	add(30, "ids", v.numbers(30))
	add(30, "min", strconv.Itoa(v.IntN(50)))
	add(30, "max", fmt.Sprintf("%d.50", v.IntN(500)))
	add(20, "tag", one(v, words))
	add(10, "tag", one(v, names))
	add(15, "colour", one(v, []string{"blue", "d'or", `"gold"`, "a,b", "NULL"}))
	add(60, "sort", one(v, []string{"name", "price", "newest", "stock", "order"}))
	add(50, "dir", one(v, []string{"asc", "desc"}))
	add(30, "page", strconv.Itoa(1+v.IntN(4)))
	v.get("/shop/", pairs...)
}

// latin1 is what old browsers and scripts send: bytes that are not UTF-8.
func (v *visitor) latin1() {
	if v.chance(50) {
		v.send("GET", "/shop/?q=caf%E9+d%92Arc&sort="+url.QueryEscape(one(v, words))+"&min="+strconv.Itoa(v.IntN(90)), nil)
		return
	}
	path := fmt.Sprintf("/forum/%d/", 1+v.IntN(40))
	text := strings.ReplaceAll(url.QueryEscape(v.phrase()), "%C3%A9", "%E9")
	v.send("POST", path, &body{"application/x-www-form-urlencoded; charset=iso-8859-1",
		[]byte("csrfmiddlewaretoken=" + v.token("/forum/") + "&author=Ren%E9e+d%27Arc&score=1&body=" + text)})
}

func (v *visitor) pay() {
	v.post(fmt.Sprintf("/orders/%d/pay/", 1+v.IntN(60)), form("csrfmiddlewaretoken", v.token("/shop/"), "reference", v.phrase()))
}

func (v *visitor) ticket() {
	pairs := []string{"csrfmiddlewaretoken", v.token("/tickets/new/"), "subject", v.title(), "body", v.prose(), "statement", v.pasted(), "priority", strconv.Itoa(v.IntN(5)), "labels", one(v, words) + "," + one(v, words)}
	var f *file
	if v.chance(40) {
		f = &file{"attachment", "log'" + one(v, words) + ".sql", "\x89\x00\xff" + v.prose()}
	}
	v.post("/tickets/new/", v.multipart(f, pairs...))
}

func (v *visitor) report() {
	switch name := one(v, []string{"sales", "sales", "sales", "ranking", "customers", "everything", "forum", "tickets"}); name {
	case "sales":
		measures := some(v, []string{"count", "sum", "average", "max", "min", "spread", "people", "large", "paid", "notes"}, 4)
		pairs := []string{"by", strings.Join(some(v, []string{"status", "city", "month", "day", "weekday", "customer", "group"}, 3), ","), "measure", strings.Join(measures, ","), "sort", one(v, measures), "dir", one(v, []string{"asc", "desc"})}
		if v.chance(40) {
			pairs = append(pairs, "status", one(v, states)+","+one(v, states))
		}
		if v.chance(40) {
			pairs = append(pairs, "since", v.day())
		}
		if v.chance(30) {
			pairs = append(pairs, "having", strconv.Itoa(v.IntN(20)))
		}
		v.get("/reports/sales/", pairs...)
	case "ranking":
		v.get("/reports/ranking/", "kind", one(v, []string{"rank", "dense", "row"}), "over", one(v, []string{"price", "stock", "name"}))
	case "customers":
		v.get("/reports/customers/", "status", one(v, states), "name", v.phrase(), "sort", one(v, []string{"name", "spent", "last"}), "bought", one(v, []string{"true", "false", ""}))
	default:
		v.get("/reports/"+name+"/", "q", v.phrase(), "all", one(v, []string{"true", "false"}), "state", one(v, states), "kind", one(v, []string{"", "it's SQL", "text"}))
	}
}

// useDjango is what customers, supporters and programs do with the helpdesk.
func useDjango(v *visitor, requests int) {
	v.fill()
	acts := []func(){v.shop, v.basket, v.forum, v.forum, v.report, v.report, v.ticket, v.pay, v.change, v.change, v.admin, v.admin,
		v.latin1, v.spreadsheet, func() { v.bring(one(v, writable), 30) }}
	for v.sent < requests && v.err == nil {
		if v.chance(5) {
			v.someone()
		}
		if v.chance(45) {
			k := one(v, kinds)
			path := "/api/" + k.name + "/"
			if v.chance(10) {
				path += "export/"
			}
			v.list(path, k)
			continue
		}
		one(v, acts)()
	}
}
