package ownership

// A way is one manner of naming a thing in a request, with the placeholders
//
//	{id} {u}     the thing, and whose it is
//	{mine} {me}  the caller's own thing of the same kind, and the caller
//	{ID}         the identifier in capitals
type way struct {
	name, kind     string
	method, target string
	headers        []string
	body           string
	// good lists who uses it besides in good faith, of "owner", "root", "friend"
	// and "mate"; the thing is the owner's.
	good string
	// transfer has the thing {mine} change hands between check and use.
	transfer bool
}

// changes reports whether the way is to change the thing; else to read it.
func (w *way) changes() bool { return w.method[0] == '!' }

// ways: the method of one that changes the thing begins with "!".
var ways = []way{
	// The identifier in the path: numbers, UUIDs, slugs.
	{name: "path-read", kind: "orders", method: "GET", target: "/api/orders/{id}", good: "owner root friend"},
	{name: "path-put", kind: "orders", method: "!PUT", target: "/api/orders/{id}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "path-patch", kind: "orders", method: "!PATCH", target: "/api/orders/{id}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "path-post", kind: "orders", method: "!POST", target: "/api/orders/{id}", body: `status=x`, good: "owner root friend"},
	{name: "path-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id}", good: "owner root friend"},
	{name: "path-cancel", kind: "orders", method: "!POST", target: "/api/orders/{id}/cancel", good: "owner root friend"},
	{name: "path-raw", kind: "orders", method: "GET", target: "/api/orders/{id}/raw", good: "owner root friend"},
	{name: "uuid-read", kind: "documents", method: "GET", target: "/api/documents/{id}", good: "owner root friend"},
	{name: "uuid-put", kind: "documents", method: "!PUT", target: "/api/documents/{id}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "uuid-delete", kind: "documents", method: "!DELETE", target: "/api/documents/{id}", good: "owner root friend"},
	{name: "uuid-raw", kind: "documents", method: "GET", target: "/api/documents/{id}/raw", good: "owner root friend"},
	{name: "uuid-capitals-read", kind: "documents", method: "GET", target: "/api/documents/{ID}", good: "owner root friend"},
	{name: "uuid-capitals-put", kind: "documents", method: "!PUT", target: "/api/documents/{ID}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "slug-read", kind: "invoices", method: "GET", target: "/api/invoices/{id}", good: "owner root"},
	{name: "slug-put", kind: "invoices", method: "!PUT", target: "/api/invoices/{id}", body: `{"status":"x"}`, good: "owner root"},
	{name: "slug-cancel", kind: "invoices", method: "!POST", target: "/api/invoices/{id}/cancel", good: "owner root"},

	// Nested.
	{name: "nested-read", kind: "lines", method: "GET", target: "/api/users/{u}/orders/{id}/lines/1", good: "owner root"},
	{name: "nested-put", kind: "lines", method: "!PUT", target: "/api/users/{u}/orders/{id}/lines/1", body: `{"status":"x"}`, good: "owner root"},
	{name: "nested-own-user-read", kind: "lines", method: "GET", target: "/api/users/{me}/orders/{id}/lines/1", good: "owner root friend"},
	{name: "nested-own-user-put", kind: "lines", method: "!PUT", target: "/api/users/{me}/orders/{id}/lines/1", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "self-read", kind: "users", method: "GET", target: "/api/users/{u}/profile", good: "owner root"},
	{name: "self-zeros", kind: "users", method: "GET", target: "/api/users/00{u}/profile"},
	{name: "self-plus", kind: "users", method: "GET", target: "/api/users/%2B{u}/profile"},
	{name: "self-more", kind: "users", method: "GET", target: "/api/users/{u}x/profile"},

	// Elsewhere: query, form, JSON, header, cookie.
	{name: "query-read", kind: "orders", method: "GET", target: "/api/order?id={id}", good: "owner root friend"},
	{name: "query-delete", kind: "orders", method: "!DELETE", target: "/api/order?id={id}", good: "owner root friend"},
	{name: "query-escaped", kind: "orders", method: "GET", target: "/api/order?%69d={id}", good: "owner root friend"},
	{name: "query-zeros", kind: "orders", method: "GET", target: "/api/order?id=000{id}"},
	{name: "query-more", kind: "orders", method: "!DELETE", target: "/api/order?id={id}abc"},
	{name: "form-post", kind: "orders", method: "!POST", target: "/api/order", body: `id={id}&status=x`, good: "owner root friend"},
	{name: "form-plus", kind: "orders", method: "!POST", target: "/api/order", body: `id=%2B{id}&status=x`},
	{name: "form-space", kind: "orders", method: "!POST", target: "/api/order", body: `id=+{id}&status=x`},
	{name: "multipart-post", kind: "orders", method: "!POST", target: "/api/order", headers: []string{"Content-Type: multipart/form-data; boundary=b"},
		body: "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{id}\r\n--b\r\nContent-Disposition: form-data; name=\"status\"\r\n\r\nx\r\n--b--\r\n", good: "owner root friend"},
	{name: "json-number", kind: "orders", method: "!PUT", target: "/api/order", body: `{"id":{id},"status":"x"}`, good: "owner root friend"},
	{name: "json-text", kind: "orders", method: "!PUT", target: "/api/order", body: `{"id":"{id}","status":"x"}`, good: "owner root friend"},
	{name: "json-nested", kind: "orders", method: "!POST", target: "/api/order", body: `{"order":{"id":{id}},"status":"x"}`, good: "owner root friend"},
	{name: "json-escaped", kind: "orders", method: "!POST", target: "/api/order", body: `{"\u0069d":"{id}","status":"x"}`, good: "owner root friend"},
	{name: "json-zeros", kind: "orders", method: "!POST", target: "/api/order", body: `{"id":"00{id}","status":"x"}`},
	{name: "json-exponent", kind: "orders", method: "!POST", target: "/api/order", body: `{"id":{id}.0e0,"status":"x"}`},
	{name: "header-read", kind: "orders", method: "GET", target: "/api/head", headers: []string{"X-Order: {id}"}, good: "owner root friend"},
	{name: "header-post", kind: "orders", method: "!POST", target: "/api/head", headers: []string{"X-Order: {id}"}, body: `status=x`, good: "owner root friend"},
	{name: "cookie-read", kind: "orders", method: "GET", target: "/api/cookie", headers: []string{"Cookie: order={id}"}, good: "owner root friend"},
	{name: "cookie-post", kind: "orders", method: "!POST", target: "/api/cookie", headers: []string{"Cookie: order={id}"}, body: `status=x`, good: "owner root friend"},

	// Twice, the first or the last of which wins.
	{name: "twice-first-read", kind: "orders", method: "GET", target: "/api/first?id={id}&id={mine}", good: "owner root friend"},
	{name: "twice-first-form", kind: "orders", method: "!POST", target: "/api/first", body: `id={id}&id={mine}&status=x`, good: "owner root friend"},
	{name: "twice-last-read", kind: "orders", method: "GET", target: "/api/last?id={mine}&id={id}", good: "owner root friend"},
	{name: "twice-last-form", kind: "orders", method: "!POST", target: "/api/last", body: `id={mine}&id={id}&status=x`, good: "owner root friend"},
	{name: "twice-query-and-form", kind: "orders", method: "!POST", target: "/api/last?id={mine}", body: `id={id}&status=x`, good: "owner root friend"},
	{name: "twice-form-and-query", kind: "orders", method: "!POST", target: "/api/first?id={id}", body: `id={mine}&status=x`, good: "owner root friend"},
	{name: "twice-json", kind: "orders", method: "!POST", target: "/api/order", body: `{"id":{mine},"id":{id},"status":"x"}`},
	{name: "twice-query-and-json", kind: "orders", method: "!POST", target: "/api/order?id={mine}", body: `{"id":{id},"status":"x"}`, good: "owner root friend"},
	{name: "twice-header", kind: "orders", method: "!POST", target: "/api/head", headers: []string{"X-Order: {mine}", "X-Order: {id}"}, body: `status=x`},
	{name: "twice-cookie", kind: "orders", method: "!POST", target: "/api/cookie", headers: []string{"Cookie: order={mine}; order={id}"}, body: `status=x`},
	{name: "path-and-query-read", kind: "orders", method: "GET", target: "/api/orders/{mine}?id={id}", good: "owner root friend"},
	{name: "path-and-query-put", kind: "orders", method: "!PUT", target: "/api/orders/{mine}?id={id}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "path-and-json-put", kind: "orders", method: "!PUT", target: "/api/orders/{mine}", body: `{"id":{id},"status":"x"}`, good: "owner root friend"},
	{name: "path-and-form-post", kind: "orders", method: "!POST", target: "/api/orders/{mine}", body: `id={id}&status=x`, good: "owner root friend"},

	// Several at once.
	{name: "bulk-read-commas", kind: "orders", method: "GET", target: "/api/bulk?ids={mine},{id}", good: "owner root friend"},
	{name: "bulk-read-brackets", kind: "orders", method: "GET", target: "/api/bulk?ids[]={mine}&ids[]={id}", good: "owner root friend"},
	{name: "bulk-json", kind: "orders", method: "!POST", target: "/api/bulk", body: `{"ids":[{mine},{id}]}`, good: "owner root friend"},
	{name: "bulk-json-texts", kind: "orders", method: "!POST", target: "/api/bulk", body: `{"ids":["{mine}","{id}"]}`, good: "owner root friend"},
	{name: "bulk-form-commas", kind: "orders", method: "!POST", target: "/api/bulk", body: `ids={mine},{id}`, good: "owner root friend"},
	{name: "bulk-form-brackets", kind: "orders", method: "!POST", target: "/api/bulk", body: `ids[]={mine}&ids[]={id}`, good: "owner root friend"},
	{name: "all-read", kind: "orders", method: "GET", target: "/api/orders/all"},
	{name: "all-delete", kind: "orders", method: "!DELETE", target: "/api/orders/all"},
	{name: "all-documents", kind: "documents", method: "GET", target: "/api/documents/all"},

	// Another method than the request's own.
	{name: "override-header", kind: "orders", method: "!POST", target: "/api/orders/{id}", headers: []string{"X-HTTP-Method-Override: DELETE"}, good: "owner root friend"},
	{name: "override-header-get", kind: "orders", method: "!GET", target: "/api/orders/{id}", headers: []string{"X-Method-Override: DELETE"}},
	{name: "override-query", kind: "orders", method: "!POST", target: "/api/orders/{id}?_method=DELETE", good: "owner root friend"},
	{name: "override-query-get", kind: "orders", method: "!GET", target: "/api/orders/{id}?_method=delete"},
	{name: "override-query-escaped", kind: "orders", method: "!GET", target: "/api/orders/{id}?%5fmethod=%44ELETE"},
	{name: "override-form", kind: "orders", method: "!POST", target: "/api/orders/{id}", body: `_method=DELETE`, good: "owner root friend"},
	{name: "override-to-get", kind: "orders", method: "POST", target: "/api/orders/{id}", headers: []string{"X-HTTP-Method-Override: GET"}},

	// The same path in other spellings.
	{name: "spell-capitals-read", kind: "orders", method: "GET", target: "/API/Orders/{id}", good: "owner root friend"},
	{name: "spell-capitals-delete", kind: "orders", method: "!DELETE", target: "/API/orders/{id}"},
	{name: "spell-slashes-read", kind: "orders", method: "GET", target: "/api//orders/{id}"},
	{name: "spell-slashes-delete", kind: "orders", method: "!DELETE", target: "/api//orders//{id}"},
	{name: "spell-last-slash-read", kind: "orders", method: "GET", target: "/api/orders/{id}/"},
	{name: "spell-last-slash-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id}/"},
	{name: "spell-dot-read", kind: "orders", method: "GET", target: "/api/./orders/{id}"},
	{name: "spell-dots-delete", kind: "orders", method: "!DELETE", target: "/api/x/../orders/{id}"},
	{name: "spell-dots-escaped", kind: "orders", method: "GET", target: "/api/x/%2e%2e/orders/{id}"},
	{name: "spell-slash-escaped", kind: "orders", method: "GET", target: "/api/orders%2f{id}"},
	{name: "spell-slash-escaped-delete", kind: "orders", method: "!DELETE", target: "/api%2Forders%2F{id}"},
	{name: "spell-letter-escaped", kind: "orders", method: "!PUT", target: "/api/%6frders/{id}", body: `{"status":"x"}`, good: "owner root friend"},
	{name: "spell-twice-escaped-read", kind: "orders", method: "GET", target: "/api/%256frders/{id}"},
	{name: "spell-twice-escaped-delete", kind: "orders", method: "!DELETE", target: "/api/%256frders/{id}"},
	{name: "spell-parameter-read", kind: "orders", method: "GET", target: "/api/orders;v=1/{id}"},
	{name: "spell-parameter-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id};v=1"},
	{name: "spell-backslash", kind: "orders", method: "GET", target: "/api%5corders%5c{id}"},
	{name: "spell-format-read", kind: "orders", method: "GET", target: "/api/orders/{id}.json", good: "owner root friend"},
	{name: "spell-format-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id}.json"},
	{name: "spell-zeros-read", kind: "orders", method: "GET", target: "/api/orders/00{id}"},
	{name: "spell-zeros-delete", kind: "orders", method: "!DELETE", target: "/api/orders/00{id}"},
	{name: "spell-space-delete", kind: "orders", method: "!DELETE", target: "/api/orders/%20{id}"},
	{name: "spell-more-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id}abc"},
	{name: "spell-comma-delete", kind: "orders", method: "!DELETE", target: "/api/orders/{id},{mine}"},
	{name: "spell-page-slash", kind: "orders", method: "GET", target: "/orders//{id}"},

	// JSON Patch.
	{name: "patch-one", kind: "orders", method: "!PATCH", target: "/api/orders/{id}", headers: []string{"Content-Type: application/json-patch+json"},
		body: `[{"op":"replace","path":"/status","value":"x"}]`, good: "owner root friend"},
	{name: "patch-uuid", kind: "documents", method: "!PATCH", target: "/api/documents/{id}", headers: []string{"Content-Type: application/json-patch+json"},
		body: `[{"op":"test","path":"/status","value":"new"},{"op":"replace","path":"/status","value":"x"}]`, good: "owner root friend"},
	{name: "patch-pointer", kind: "orders", method: "!PATCH", target: "/api/patch", headers: []string{"Content-Type: application/json-patch+json"},
		body: `[{"op":"replace","path":"/{id}/status","value":"x"}]`, good: "owner root friend"},

	// Files: who owns one stands in a header field.
	{name: "file-read", kind: "files", method: "GET", target: "/files/{id}", good: "owner root"},
	{name: "file-large", kind: "files", method: "GET", target: "/files/{id}?large=1", good: "owner root"},
	{name: "file-range", kind: "files", method: "GET", target: "/files/{id}", headers: []string{"Range: bytes=0-40"}, good: "owner root"},
	{name: "file-range-large", kind: "files", method: "GET", target: "/files/{id}?large=1", headers: []string{"Range: bytes=0-40"}, good: "owner root"},
	{name: "file-json", kind: "files", method: "GET", target: "/files/{id}?format=json", good: "owner root"},
	{name: "file-json-large", kind: "files", method: "GET", target: "/files/{id}?format=json&large=1", good: "owner root"},
	{name: "file-escaped", kind: "files", method: "GET", target: "/%66iles/{id}", good: "owner root"},
	{name: "file-encoded-slash", kind: "files", method: "GET", target: "/files%2f{id}"},

	// Pages: who owns one stands in an attribute, or nowhere.
	{name: "page-read", kind: "orders", method: "GET", target: "/orders/{id}", good: "owner root"},
	{name: "page-capitals", kind: "orders", method: "GET", target: "/Orders/{id}"},
	{name: "page-list", kind: "orders", method: "GET", target: "/account?user={u}", good: "owner root"},
	{name: "page-list-receipts", kind: "receipts", method: "GET", target: "/account?user={u}", good: "owner root"},
	{name: "ledger-read", kind: "receipts", method: "GET", target: "/receipts/{id}", good: "owner root"},
	{name: "ledger-cancel", kind: "receipts", method: "!POST", target: "/receipts/{id}/cancel", good: "owner root"},
	{name: "ledger-slash", kind: "receipts", method: "GET", target: "/receipts/{id}/"},
	{name: "ledger-zeros", kind: "receipts", method: "GET", target: "/receipts/0{id}"},

	// Collections.
	{name: "list-root", kind: "orders", method: "GET", target: "/api/orders", good: "owner root friend"},
	{name: "list-filter", kind: "orders", method: "GET", target: "/api/orders?user_id={u}", good: "owner root friend"},
	{name: "list-items", kind: "documents", method: "GET", target: "/api/documents", good: "owner root friend"},
	{name: "list-wrapped", kind: "invoices", method: "GET", target: "/api/invoices?user_id={u}", good: "owner root"},
	{name: "list-search", kind: "orders", method: "POST", target: "/api/search", body: `{"user_id":{u}}`, good: "owner root friend"},
	{name: "list-capitals", kind: "orders", method: "GET", target: "/api/ORDERS", good: "owner root friend"},
	{name: "list-slash", kind: "orders", method: "GET", target: "/api/orders/"},

	// Tenants: everybody in one has its reports.
	{name: "tenant-read", kind: "reports", method: "GET", target: "/api/reports/{id}", good: "owner root mate friend"},
	{name: "tenant-put", kind: "reports", method: "!PUT", target: "/api/reports/{id}", body: `{"status":"x"}`, good: "owner root mate friend"},
	{name: "tenant-list", kind: "reports", method: "GET", target: "/api/reports", good: "owner root mate friend"},
	{name: "tenant-raw", kind: "reports", method: "GET", target: "/api/reports/{id}/raw", good: "owner root mate friend"},

	// Words that only the gate, or nobody, may say.
	{name: "claim-probe", kind: "orders", method: "GET", target: "/api/orders/{id}", headers: []string{"Gate-Probe: ownership"}},
	{name: "claim-probe-put", kind: "orders", method: "!PUT", target: "/api/orders/{id}", headers: []string{"Gate-Probe: ownership"}, body: `{"status":"x"}`},
	{name: "claim-user", kind: "orders", method: "GET", target: "/api/orders/{id}", headers: []string{"X-User-Id: {u}", "Gate-User: root", "X-Role: admin"}},
	{name: "claim-field", kind: "orders", method: "!PUT", target: "/api/orders/{id}?role=admin", body: `{"status":"x","user_id":{me},"role":"admin"}`},

	// GraphQL.
	{name: "graphql-argument", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ order(id: {id}) { user_id secret } }"}`, good: "owner root friend"},
	{name: "graphql-text", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ order(id: \"{id}\") { secret } }"}`, good: "owner root friend"},
	{name: "graphql-uuid", kind: "documents", method: "POST", target: "/graphql", body: `{"query":"{ document(id: \"{id}\") { secret } }"}`, good: "owner root friend"},
	{name: "graphql-variable", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"query Q($o: ID!) { order(id: $o) { secret } }","variables":{"o":"{id}"}}`, good: "owner root friend"},
	{name: "graphql-default", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"query Q($o: ID = {id}) { order(id: $o) { secret } }"}`, good: "owner root friend"},
	{name: "graphql-aliases", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ a: order(id: {mine}) { user_id } b: order(id: {id}) { secret } }"}`, good: "owner root friend"},
	{name: "graphql-alias-of-owner", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ order: me { user_id } x: order(id: {id}) { secret } }"}`, good: "owner root friend"},
	{name: "graphql-batch", kind: "orders", method: "POST", target: "/graphql", body: `[{"query":"{ order(id: {mine}) { user_id } }"},{"query":"{ order(id: {id}) { secret } }"}]`, good: "owner root friend"},
	{name: "graphql-fragment", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"query { ...F } fragment F on Query { order(id: {id}) { ... on Thing { secret } } }"}`, good: "owner root friend"},
	{name: "graphql-get", kind: "orders", method: "GET", target: "/graphql?query=%7Border(id:{id})%7Bsecret%7D%7D", good: "owner root friend"},
	{name: "graphql-get-variable", kind: "orders", method: "GET", target: "/graphql?query=query(%24o:ID)%7Border(id:%24o)%7Bsecret%7D%7D&variables=%7B%22o%22:{id}%7D", good: "owner root friend"},
	{name: "graphql-operation", kind: "orders", method: "POST", target: "/graphql", body: `{"operationName":"B","query":"query A { me { user_id } } query B { order(id: {id}) { secret } }"}`, good: "owner root friend"},
	{name: "graphql-document", kind: "orders", method: "POST", target: "/graphql", headers: []string{"Content-Type: application/graphql"}, body: `{ order(id: {id}) { secret } }`, good: "owner root friend"},
	{name: "graphql-nested", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ me { order(id: {id}) { secret } } }"}`, good: "owner root friend"},
	{name: "graphql-nested-deep", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ me { self { self { order(id: {id}) { secret } } } } }"}`, good: "owner root friend"},
	{name: "graphql-list", kind: "orders", method: "POST", target: "/graphql", body: `{"query":"{ orders { secret } }"}`},
	{name: "graphql-update", kind: "orders", method: "!POST", target: "/graphql", body: `{"query":"mutation { updateOrder(id: {id}, input: {status: \"x\"}) { status } }"}`, good: "owner root friend"},
	{name: "graphql-update-variables", kind: "orders", method: "!POST", target: "/graphql",
		body: `{"query":"mutation M($o: ID!, $i: Change) { updateOrder(id: $o, input: $i) { status } }","variables":{"o":{id},"i":{"status":"x"}}}`, good: "owner root friend"},
	{name: "graphql-delete", kind: "orders", method: "!POST", target: "/graphql", body: `{"query":"mutation { deleteOrder(id: {id}) { id } }"}`, good: "owner root friend"},
	{name: "graphql-update-aliases", kind: "orders", method: "!POST", target: "/graphql",
		body: `{"query":"mutation { a: updateOrder(id: {mine}, input: {status: \"y\"}) { id } b: updateOrder(id: {id}, input: {status: \"x\"}) { id } }"}`},
	{name: "graphql-update-batch", kind: "orders", method: "!POST", target: "/graphql",
		body: `[{"query":"{ me { user_id } }"},{"query":"mutation { deleteOrder(id: {id}) { id } }"}]`},

	// Things that change hands.
	{name: "transfer-put", kind: "orders", method: "!PUT", target: "/api/orders/{mine}", body: `{"status":"x"}`, transfer: true},
	{name: "transfer-cancel", kind: "invoices", method: "!POST", target: "/api/invoices/{mine}/cancel", transfer: true},
	{name: "transfer-raw", kind: "orders", method: "GET", target: "/api/orders/{mine}/raw", transfer: true},
	{name: "transfer-read", kind: "orders", method: "GET", target: "/api/orders/{mine}", transfer: true},
	{name: "transfer-ledger", kind: "receipts", method: "GET", target: "/receipts/{mine}", transfer: true},
}
