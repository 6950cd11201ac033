package ownership

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// thing shows or changes one.
func (b *backend) thing(c *call, kind, id string) {
	t := b.get(c, kind, id)
	if t == nil {
		http.Error(c.w, "there is no such thing", http.StatusNotFound)
		return
	}
	switch c.method {
	case http.MethodGet, http.MethodHead:
		c.json(http.StatusOK, shown(t))
	case http.MethodDelete:
		b.act(c, "DELETE FROM "+kind+" WHERE id = $1", t.ID)
	default:
		status := c.text("status")
		if patch, ok := c.doc.([]any); ok {
			status = patched(patch, "/status")
		}
		b.act(c, "UPDATE "+kind+" SET status = $1 WHERE id = $2", status, t.ID)
	}
}

// patched is what operations of JSON Patch (RFC 6902) put to a path.
func patched(patch []any, at string) string {
	for _, op := range patch {
		if op, ok := op.(map[string]any); ok && op["path"] == at && op["op"] != "test" {
			return fmt.Sprint(op["value"])
		}
	}
	return "patched"
}

func (b *backend) act(c *call, query string, args ...any) {
	if _, err := b.shelf.db.ExecContext(c.Context(), query, args...); err != nil {
		http.Error(c.w, "the database", http.StatusInternalServerError)
		return
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// below are /cancel and /raw of a thing.
func (b *backend) below(c *call, kind, id, what string) {
	t := b.get(c, kind, id)
	switch {
	case t == nil:
		http.Error(c.w, "there is no such thing", http.StatusNotFound)
	case what == "raw":
		c.w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(c.w, t.Secret)
	case what == "cancel" && c.method == http.MethodPost:
		b.act(c, "UPDATE "+kind+" SET status = 'cancelled' WHERE id = $1", t.ID)
	default:
		http.NotFound(c.w, c.Request)
	}
}

// collection is a path of one name below /api.
func (b *backend) collection(c *call, name string) {
	pick := func(values []string, at int) string {
		if len(values) == 0 {
			return ""
		}
		if at < 0 {
			at = len(values) - 1
		}
		return values[at]
	}
	switch name {
	case "me":
		c.json(http.StatusOK, map[string]any{"id": c.u.ID, "email": c.u.Name, "role": c.u.Role, "tenant": c.u.Tenant})
	case "order": // by query, form or JSON
		id := pick([]string{c.query.Get("id"), c.text("id"), c.text("order.id")}, 0)
		for _, v := range []string{c.text("id"), c.text("order.id")} {
			if v != "" {
				id = v
			}
		}
		b.thing(c, "orders", id)
	case "first":
		b.thing(c, "orders", pick(append(slices.Clone(c.query["id"]), c.form["id"]...), 0))
	case "last":
		b.thing(c, "orders", pick(append(slices.Clone(c.query["id"]), c.form["id"]...), -1))
	case "head":
		b.thing(c, "orders", pick(c.Header.Values("X-Order"), -1))
	case "cookie":
		last := ""
		for _, k := range c.Cookies() {
			if k.Name == "order" {
				last = k.Value
			}
		}
		b.thing(c, "orders", last)
	case "bulk":
		b.bulk(c)
	case "search":
		b.list(c, "orders", owner(c.text("user_id")))
	case "patch":
		b.patchAll(c)
	case "orders", "documents", "invoices", "reports", "receipts":
		if c.method == http.MethodPost {
			b.create(c, name)
			return
		}
		b.list(c, name, owner(c.query.Get("user_id")))
	default:
		http.NotFound(c.w, c.Request)
	}
}

// create makes a thing of the caller's.
func (b *backend) create(c *call, kind string) {
	b.mu.Lock()
	b.made++
	t := &thing{Kind: kind, ID: fmt.Sprint(1_000_000 + b.made), Owner: c.u.ID, Tenant: c.u.Tenant, Secret: "of " + c.u.Name, Status: "new", Shared: []int64{}}
	b.mu.Unlock()
	if kind == "documents" {
		t.ID = fmt.Sprintf("00000000-0000-4000-a000-%012d", b.made)
	}
	_, err := b.shelf.db.ExecContext(c.Context(), "INSERT INTO "+kind+" VALUES ($1, $2, $3, $4, $5, $6)", t.ID, t.Owner, t.Tenant, t.Secret, t.Status, sharedText(t.Shared))
	if err != nil {
		http.Error(c.w, "the database", http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Location", "/api/"+kind+"/"+t.ID)
	c.json(http.StatusCreated, shown(t))
}

// visible are the things of a kind that the caller sees, which with no checks are
// all.
func (b *backend) visible(ctx context.Context, u *user, kind string, of int64) (list []*thing, err error) {
	all, err := b.shelf.all(ctx, kind, of)
	for _, t := range all {
		if !b.checks || t.may(u) {
			list = append(list, t)
		}
	}
	return list, err
}

// list is an array at the root, or wrapped with counts.
func (b *backend) list(c *call, kind string, of int64) {
	things, err := b.visible(c.Context(), c.u, kind, of)
	if err != nil {
		http.Error(c.w, "the database", http.StatusInternalServerError)
		return
	}
	items := []any{}
	for _, t := range things {
		items = append(items, shown(t))
	}
	switch kind {
	case "documents":
		c.json(http.StatusOK, map[string]any{"total": len(items), "items": items})
	case "invoices":
		c.json(http.StatusOK, map[string]any{"data": map[string]any{"invoices": items}, "meta": map[string]any{"count": len(items), "page": 1}})
	default:
		c.json(http.StatusOK, items)
	}
}

// everything is /api/KIND/all, which the twin does not have.
func (b *backend) everything(c *call, kind string) {
	switch {
	case b.checks || !known(kind):
		http.NotFound(c.w, c.Request)
	case c.method == http.MethodDelete:
		b.act(c, "DELETE FROM "+kind)
	default:
		b.list(c, kind, 0)
	}
}

// bulk shows or cancels several orders, or none.
func (b *backend) bulk(c *call) {
	var ids []string
	for _, list := range [][]string{c.query["ids"], c.query["ids[]"], c.form["ids"], c.form["ids[]"]} {
		for _, v := range list {
			ids = append(ids, strings.Split(v, ",")...)
		}
	}
	if object, ok := c.doc.(map[string]any); ok {
		list, _ := object["ids"].([]any)
		for _, v := range list {
			if n, ok := v.(float64); ok {
				v = fmt.Sprintf("%.0f", n)
			}
			ids = append(ids, fmt.Sprint(v))
		}
	}
	items := []any{}
	for _, id := range ids {
		t := b.get(c, "orders", id)
		if t == nil {
			http.Error(c.w, "there is no such thing", http.StatusNotFound)
			return
		}
		items = append(items, shown(t))
	}
	if c.method == http.MethodGet {
		c.json(http.StatusOK, items)
		return
	}
	for _, id := range ids {
		if _, err := b.shelf.db.ExecContext(c.Context(), "UPDATE orders SET status = 'cancelled' WHERE id = $1", number(id)); err != nil {
			http.Error(c.w, "the database", http.StatusInternalServerError)
			return
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// patchAll takes JSON Patch whose paths begin with an order's identifier.
func (b *backend) patchAll(c *call) {
	patch, _ := c.doc.([]any)
	status := map[string]string{}
	for _, op := range patch {
		object, _ := op.(map[string]any)
		at, _ := object["path"].(string)
		id, _, _ := strings.Cut(strings.TrimPrefix(at, "/"), "/")
		t := b.get(c, "orders", id)
		if t == nil {
			http.Error(c.w, "there is no such thing", http.StatusNotFound)
			return
		}
		status[t.ID] = fmt.Sprint(object["value"])
	}
	for id, to := range status {
		if _, err := b.shelf.db.ExecContext(c.Context(), "UPDATE orders SET status = $1 WHERE id = $2", to, id); err != nil {
			http.Error(c.w, "the database", http.StatusInternalServerError)
			return
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
}

// profile is a user's own page, by the user's identifier.
func (b *backend) profile(c *call, id string) {
	of := owner(id)
	if b.checks && of != c.u.ID && !c.u.admin() {
		http.NotFound(c.w, c.Request)
		return
	}
	var name, secret string
	row := b.shelf.db.QueryRowContext(c.Context(), "SELECT name, secret FROM users WHERE id = $1", of)
	if err := row.Scan(&name, &secret); err != nil {
		http.NotFound(c.w, c.Request)
		return
	}
	c.json(http.StatusOK, map[string]any{"name": name, "secret": secret})
}

// large is longer than what a gate holds.
const large = 1<<20 + 4096

// download sends a file; with ?large= a large one, with ?format=json as JSON.
func (b *backend) download(c *call, name string) {
	t := b.get(c, "files", name)
	if t == nil {
		http.Error(c.w, "there is no such file", http.StatusNotFound)
		return
	}
	if c.query.Get("format") == "json" {
		m := shown(t)
		if c.query.Get("large") != "" {
			m["padding"] = strings.Repeat("x", large)
		}
		c.json(http.StatusOK, m)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name))
	h.Set("X-Owner", fmt.Sprint(t.Owner))
	text := t.Secret + "\n"
	if c.query.Get("large") != "" {
		text += strings.Repeat("x", large)
	}
	http.ServeContent(c.w, c.Request, "", modified, strings.NewReader(text))
}

// decoded reads JSON where a text must be some.
func decoded(text string) (v any) {
	_ = json.Unmarshal([]byte(text), &v) // what is none is nil
	return v
}
