package main

import (
	"fmt"
	"strconv"
	"strings"
)

var (
	adminKinds  = []string{"category", "tag", "customer", "product", "order", "topic", "ticket"}
	adminFilter = map[string][]string{
		"customer": {"active__exact=1", "city__exact=L%27Aquila", "joined__gte=2023-01-01", "joined__year=2023"},
		"product":  {"active__exact=1", "category__isnull=True", "category__id__exact=3", "released__year=2022", "tags__id__exact=2"},
		"order":    {"status__exact=it%27s+late", "status__exact=paid", "customer__city__exact=King%27s+Lynn", "created__day=4"},
		"topic":    {"pinned__exact=1", "category__isnull=True"},
		"ticket":   {"state__exact=open", "priority__exact=3", "user__id__exact=2"},
	}
)

// admin is what somebody does on Django's own pages for administrators.
func (v *visitor) admin() {
	if v.cookie("sessionid") == "" {
		v.get("/admin/login/", "next", "/admin/")
		v.post("/admin/login/?next=/admin/", form("csrfmiddlewaretoken", v.cookie("csrftoken"), "username", one(v, []string{"admin", "o'brien", "renée", "李小龍"}), "password", "Correct-horse 77", "next", "/admin/"))
	}
	name := one(v, adminKinds)
	path := "/admin/desk/" + name + "/"
	switch v.IntN(7) {
	case 0, 1, 2:
		v.adminList(path, name)
	case 3:
		v.get(fmt.Sprintf("%s%d/change/", path, 1+v.IntN(30)))
		v.get(fmt.Sprintf("%s%d/history/", path, 1+v.IntN(30)))
	case 4:
		v.adminAdd()
	case 5:
		v.get("/admin/autocomplete/", "term", v.phrase(), "app_label", "desk", "model_name", "product", "field_name", "category")
		v.get("/admin/")
	case 6:
		v.adminAction(path, name)
	}
}

func (v *visitor) adminList(path, name string) {
	var parts []string
	if v.chance(50) {
		parts = append(parts, strings.TrimPrefix(query("", "q", v.phrase()), "?"))
	}
	if v.chance(50) && adminFilter[name] != nil {
		parts = append(parts, some(v, adminFilter[name], 2)...)
	}
	if v.chance(50) {
		parts = append(parts, "o="+one(v, []string{"1", "-1", "1.-2", "2.1", "-3.1", "2"}))
	}
	if v.chance(20) {
		parts = append(parts, "p=1")
	}
	v.get(path + "?" + strings.Join(parts, "&"))
}

// adminAdd saves a form with rows beneath, as the page has it.
func (v *visitor) adminAdd() {
	token := v.token("/admin/login/")
	switch v.IntN(3) {
	case 0:
		v.post("/admin/desk/topic/add/", form("csrfmiddlewaretoken", token, "title", v.title(), "author", one(v, names), "category", "", "views", strconv.Itoa(v.IntN(9)),
			"created_0", v.day(), "created_1", "12:30:00", "posts-TOTAL_FORMS", "2", "posts-INITIAL_FORMS", "0", "posts-MIN_NUM_FORMS", "0", "posts-MAX_NUM_FORMS", "1000",
			"posts-0-author", one(v, names), "posts-0-body", v.prose(), "posts-0-created_0", v.day(), "posts-0-created_1", "09:00:00", "posts-0-score", "0", "posts-0-address", "2001:db8::1",
			"posts-1-author", one(v, names), "posts-1-body", v.pasted(), "posts-1-created_0", v.day(), "posts-1-created_1", "09:05:00", "posts-1-score", "-3", "posts-1-address", ""))
	case 1:
		v.post("/admin/desk/tag/add/", form("csrfmiddlewaretoken", token, "name", fmt.Sprintf("%.40s %d", one(v, words), v.IntN(1e9)), "_addanother", "Save and add another"))
	case 2:
		v.post("/admin/desk/customer/add/", form("csrfmiddlewaretoken", token, "name", one(v, names), "email", fmt.Sprintf("a'%d@example.com", v.IntN(1e9)), "city", one(v, cities),
			"notes", v.prose(), "data", `{"it's": "`+one(v, words)+`", "n": [1, 2.5, null]}`, "joined", v.day(), "active", "on", "_continue", "Save"))
	}
}

// adminAction does something with several rows: first a page that asks, then it.
func (v *visitor) adminAction(path, name string) {
	token := v.token("/admin/login/")
	action := "delete_selected"
	if name == "ticket" && v.chance(60) {
		action = "close"
	}
	pairs := []string{"csrfmiddlewaretoken", token, "action", action, "select_across", "0", "index", "0"}
	for range 1 + v.IntN(8) {
		pairs = append(pairs, "_selected_action", strconv.Itoa(80+v.IntN(300)))
	}
	v.post(path, form(pairs...))
	if action == "delete_selected" && v.chance(15) {
		v.post(path, form(append(pairs, "post", "yes")...))
	}
}
