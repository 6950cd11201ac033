package ownership

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// rules are what an operator writes for the backend: where it reaches its database
// through the SQL gate, that is asked about orders, invoices and receipts.
func rules(rows bool) string {
	const (
		field  = `owner: {field: user_id, shared: ["shared[]"], as: users.id}`
		admins = `admins: {roles: [admin]}`
		probe  = `owner: {probe: "/api/orders/{id}"}`
	)
	gives := `gives: [{path: /checkout, methods: [POST]}, {path: /account, methods: [GET], all: true}]`
	var b strings.Builder
	rule := func(format string, more ...any) {
		fmt.Fprintf(&b, "    - {"+format+", "+admins+"}\n", more...)
	}
	b.WriteString("application:\n  ownership:\n    rules:\n")
	written, order, receipt := "", "", "owner: {ledger: true}, "+gives
	if rows {
		written = ", column: invoices.user_id, key: id, at_write: true"
		order = ", column: orders.user_id, key: id, at_write: true"
		receipt = "owner: {column: receipts.user_id, key: id, at_write: true, as: users.id}"
	}
	// One thing, at its own path.
	rule(`path: "/api/orders/{id}", id: ["path:id", "query:id"], owner: {field: user_id, shared: ["shared[]"], as: users.id, probe: "/api/orders/{id}"%s}`, order)
	for _, kind := range []string{"documents", "receipts", "files"} {
		rule(`path: "/api/%s/{id}", %s`, kind, field)
	}
	rule(`path: "/api/invoices/{id}", owner: {field: user_id, as: users.id%s}`, written)
	rule(`path: "/api/invoices/{id}/{what}", id: ["path:id"], owner: {probe: "/api/invoices/{id}", as: users.id%s}`, written)
	rule(`path: "/api/orders/{id}/{what}", id: ["path:id"], owner: {probe: "/api/orders/{id}", as: users.id%s}`, order)
	for _, kind := range []string{"documents", "reports"} {
		rule(`path: "/api/%s/{id}/{what}", id: ["path:id"], owner: {probe: "/api/%s/{id}"}`, kind, kind)
	}
	rule(`path: "/api/reports/{id}", tenant: [tenant]`)
	rule(`path: /api/search, methods: [POST], items: "[]", %s`, field)
	// Lists.
	rule(`path: /api/orders, methods: [GET], items: "[]", %s`, field)
	rule(`path: /api/documents, methods: [GET], items: "items[]", counts: [total], %s`, field)
	rule(`path: /api/invoices, methods: [GET], items: "data.invoices[]", counts: [meta.count], %s`, field)
	rule(`path: /api/receipts, methods: [GET], items: "[]", %s`, field)
	rule(`path: /api/reports, methods: [GET], items: "[]", tenant: [tenant]`)
	// Nested.
	rule(`path: "/api/users/{u}/orders/{id}/lines/{n}", id: ["path:id"], %s`, probe)
	rule(`path: "/api/users/{u}/orders/{id}/lines/{n}", id: ["path:u"], owner: {self: true, as: users.id}`)
	rule(`path: "/api/users/{u}/profile", owner: {self: true, as: users.id}`)
	// Elsewhere in the request.
	rule(`path: /api/order, id: ["query:id", "body:id", "body:order.id"], %s`, probe)
	rule(`path: /api/first, id: ["query:id"], %s`, probe)
	rule(`path: /api/last, id: ["query:id"], %s`, probe)
	rule(`path: /api/head, id: ["header:X-Order"], %s`, probe)
	rule(`path: /api/cookie, id: ["cookie:order"], %s`, probe)
	rule(`path: /api/bulk, id: ["query:ids"], %s`, probe)
	rule(`path: /graphql, id: ["graphql:order(id)", "graphql:updateOrder(id)", "graphql:deleteOrder(id)"], %s`, probe)
	rule(`path: /graphql, id: ["graphql:document(id)"], owner: {probe: "/api/documents/{id}"}`)
	rule(`path: /graphql, graphql: orders, %s`, field)
	rule(`path: /api/patch, id: ["patch:/{id}"], %s`, probe)
	// Files and pages.
	rule(`path: "/files/{name}", owner: {header: X-Owner, as: users.id}`)
	rule(`path: "/orders/{id}", owner: {selector: "article.order", attribute: data-owner, as: users.id}`)
	rule(`path: /account, owner: {selector: "[data-owner]", attribute: data-owner, as: users.id}`)
	rule(`path: "/receipts/{id}", thing: receipts, %s`, receipt)
	rule(`path: "/receipts/{id}/cancel", thing: receipts, %s`, receipt)
	return b.String()
}

// settings are the gate's: application/ownership alone refuses; what else would
// refuse an attack, or ban who attacks, only observes.
func settings(people []*user, rows bool) string {
	var b strings.Builder
	b.WriteString("modes:\n")
	for _, name := range gateway.RungNames() {
		mode := "observe"
		if name == "application/ownership" {
			mode = "enforce"
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, mode)
	}
	if rows { // so that statements are known exactly to be a request's
		b.WriteString("routes: [{path: /api/orders/, serialise: true}, {path: /api/invoices/, serialise: true}, {path: /receipts/, serialise: true}]\n")
	}
	b.WriteString("network: {trusted_proxies: [127.0.0.1]}\nidentity:\n  backend_session:\n    me: [{path: /api/me, aliases: {id: users.id}}]\n    accounts:\n")
	slices.SortFunc(people, func(x, y *user) int { return strings.Compare(x.Name, y.Name) })
	for _, u := range people {
		fmt.Fprintf(&b, "    - {name: %s, tenant: %s, roles: [%s]}\n", u.Name, u.Tenant, u.Role)
	}
	return b.String() + rules(rows)
}
