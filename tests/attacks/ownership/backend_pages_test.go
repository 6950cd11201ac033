package ownership

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// modified is when every file was.
var modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// page serves HTML.
func (b *backend) page(c *call) {
	p := c.parts
	switch {
	case p[0] == "account" && len(p) == 1:
		b.account(c)
	case p[0] == "orders" && len(p) == 2:
		if t := b.get(c, "orders", p[1]); t != nil {
			c.html(fmt.Sprintf(`<main><article class="order" data-owner="%d"><h1>Order %s</h1><p>%s</p></article></main>`, t.Owner, t.ID, t.Secret))
			return
		}
		http.NotFound(c.w, c.Request)
	case p[0] == "receipts" && len(p) == 2:
		if t := b.get(c, "receipts", p[1]); t != nil {
			c.html(fmt.Sprintf(`<h1>Receipt %s</h1><p>%s</p><form method="post" action="/receipts/%s/cancel"><button>Cancel</button></form>`, t.ID, t.Secret, t.ID))
			return
		}
		http.NotFound(c.w, c.Request)
	case p[0] == "receipts" && len(p) == 3 && p[2] == "cancel" && c.method == http.MethodPost:
		if t := b.get(c, "receipts", p[1]); t != nil {
			b.act(c, "UPDATE receipts SET status = 'cancelled' WHERE id = $1", t.ID)
			return
		}
		http.NotFound(c.w, c.Request)
	case p[0] == "checkout" && c.method == http.MethodPost:
		b.checkout(c)
	default:
		http.NotFound(c.w, c.Request)
	}
}

func (c *call) html(body string) {
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(c.w, "<!doctype html><title>Shop</title>%s", body)
}

// account lists one's own orders and receipts; somebody's, where the query says so.
func (b *backend) account(c *call) {
	of := c.u.ID
	if v := c.query.Get("user"); v != "" && (!b.checks || c.u.admin()) {
		of = owner(v)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "<h1>%s</h1><ul>", html.EscapeString(c.u.Name))
	for _, kind := range []string{"orders", "receipts"} {
		list, err := b.shelf.all(c.Context(), kind, of)
		if err != nil {
			http.Error(c.w, "the database", http.StatusInternalServerError)
			return
		}
		for _, t := range list {
			fmt.Fprintf(&out, `<li data-owner="%d"><a href="/%s/%s">%s</a> %s</li>`, t.Owner, kind, t.ID, t.ID, t.Secret)
		}
	}
	if out.WriteString("</ul>"); of == c.u.ID { // a page of nothing is one's own too
		fmt.Fprintf(&out, `<p data-owner="%d">That is all.</p>`, of)
	}
	c.html(out.String())
}

// checkout makes a receipt, and sends the browser to it.
func (b *backend) checkout(c *call) {
	b.mu.Lock()
	b.made++
	id := fmt.Sprint(2_000_000 + b.made)
	b.mu.Unlock()
	_, err := b.shelf.db.ExecContext(c.Context(), "INSERT INTO receipts VALUES ($1, $2, $3, $4, 'new', '[]')", id, c.u.ID, c.u.Tenant, "of "+c.u.Name)
	if err != nil {
		http.Error(c.w, "the database", http.StatusInternalServerError)
		return
	}
	http.Redirect(c.w, c.Request, "/receipts/"+id, http.StatusSeeOther)
}

// graphql executes documents of the schema
//
//	type Query { me: Me  order(id: ID): Thing  document(id: ID): Thing  orders: [Thing] }
//	type Me { user_id: ID  self: Me  order(id: ID): Thing }
//	type Mutation { updateOrder(id: ID, input: Change): Thing  deleteOrder(id: ID): Thing }
func (b *backend) graphql(c *call) {
	doc := c.doc
	if q := c.query.Get("query"); q != "" && doc == nil {
		doc = map[string]any{"query": q, "variables": decoded(c.query.Get("variables"))}
	}
	if strings.HasPrefix(c.Header.Get("Content-Type"), "application/graphql") {
		doc = map[string]any{"query": string(c.body)}
	}
	batch, ok := doc.([]any)
	if !ok {
		c.json(http.StatusOK, b.asked(c, doc))
		return
	}
	var all []any
	for _, one := range batch {
		all = append(all, b.asked(c, one))
	}
	c.json(http.StatusOK, all)
}

// asked executes one request of GraphQL.
func (b *backend) asked(c *call, doc any) any {
	object, _ := doc.(map[string]any)
	text, _ := object["query"].(string)
	variables, _ := object["variables"].(map[string]any)
	parsed, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil || len(parsed.Operations) == 0 {
		return map[string]any{"errors": []any{map[string]any{"message": "no document"}}}
	}
	chosen := parsed.Operations[0]
	if name, _ := object["operationName"].(string); name != "" {
		if op := parsed.Operations.ForName(name); op != nil {
			chosen = op
		}
	}
	x := &execution{b: b, c: c, doc: parsed, variables: variables, op: chosen}
	out := map[string]any{}
	x.fields(chosen.SelectionSet, out, x.root)
	return map[string]any{"data": out}
}

type execution struct {
	b         *backend
	c         *call
	doc       *ast.QueryDocument
	op        *ast.OperationDefinition
	variables map[string]any
}

// fields executes a selection: of gives each field's value.
func (x *execution) fields(set ast.SelectionSet, out map[string]any, of func(*ast.Field) any) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			out[s.Alias] = of(s)
		case *ast.InlineFragment:
			x.fields(s.SelectionSet, out, of)
		case *ast.FragmentSpread:
			if f := x.doc.Fragments.ForName(s.Name); f != nil {
				x.fields(f.SelectionSet, out, of)
			}
		}
	}
}

func (x *execution) argument(f *ast.Field, names ...string) string {
	a := f.Arguments.ForName(names[0])
	if a == nil {
		return ""
	}
	defaults := map[string]any{}
	for _, v := range x.op.VariableDefinitions {
		if v.DefaultValue != nil {
			defaults[v.Variable], _ = v.DefaultValue.Value(nil)
		}
		if given, ok := x.variables[v.Variable]; ok {
			defaults[v.Variable] = given
		}
	}
	v, err := a.Value.Value(defaults)
	for _, name := range names[1:] {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	if err != nil || v == nil {
		return ""
	}
	if n, ok := v.(float64); ok {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprint(v)
}

func (x *execution) root(f *ast.Field) any {
	ctx, db := x.c.Context(), x.b.shelf.db
	switch f.Name {
	case "me":
		return x.me(f)
	case "order", "document":
		return x.thing(f, x.b.get(x.c, f.Name+"s", x.argument(f, "id")))
	case "orders":
		list, _ := x.b.visible(ctx, x.c.u, "orders", 0)
		items := []any{}
		for _, t := range list {
			items = append(items, x.thing(f, t))
		}
		return items
	case "updateOrder", "deleteOrder":
		t := x.b.get(x.c, "orders", x.argument(f, "id"))
		if t == nil || x.op.Operation != ast.Mutation {
			return nil
		}
		if f.Name == "deleteOrder" {
			_, _ = db.ExecContext(ctx, "DELETE FROM orders WHERE id = $1", t.ID)
		} else {
			t.Status = x.argument(f, "input", "status")
			_, _ = db.ExecContext(ctx, "UPDATE orders SET status = $1 WHERE id = $2", t.Status, t.ID)
		}
		return x.thing(f, t)
	}
	return nil
}

func (x *execution) me(f *ast.Field) any {
	out := map[string]any{}
	x.fields(f.SelectionSet, out, func(f *ast.Field) any {
		switch f.Name {
		case "user_id":
			return x.c.u.ID
		case "self":
			return x.me(f)
		case "order":
			return x.thing(f, x.b.get(x.c, "orders", x.argument(f, "id")))
		}
		return nil
	})
	return out
}

func (x *execution) thing(f *ast.Field, t *thing) any {
	if t == nil {
		return nil
	}
	all, out := shown(t), map[string]any{}
	x.fields(f.SelectionSet, out, func(f *ast.Field) any { return all[f.Name] })
	return out
}
