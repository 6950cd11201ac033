package sqli

// A site is a place in an application's code that builds a statement. Holes are
// written [[kind]], the attacked one [[@kind]]; what surrounds the attacked one
// says which context it is. Kinds are in ordinary.go.
type site struct {
	context string
	// cols are the types of a SELECT's output, for a UNION that fits:
	// i integer, n numeric, t text, d timestamp, b boolean, j jsonb.
	cols string
	sql  string
}

// whereSites are string, numeric, like and in. Every other one, from the first,
// is for tuning; the others are held out.
var whereSites = [...]site{
	{"string", "itn", "SELECT id, name, price FROM products WHERE category = '[[@category]]' AND released ORDER BY name"},
	{"string", "itt", "SELECT id, email, role\nFROM users\nWHERE email = '[[@email]]'\n  AND password = '[[hash]]'"},
	{"string", "itd", "SELECT p.id, p.title, p.published_at FROM posts p JOIN users u ON u.id = p.author_id WHERE u.name = '[[@name]]' AND p.status = '[[status]]' ORDER BY p.published_at DESC LIMIT [[limit]]"},
	{"string", "t", "SELECT data->>'cart' FROM sessions WHERE token = '[[@token]]' LIMIT 1"},
	{"string", "itn", "SELECT o.id, o.status, sum(i.price * i.quantity) AS total\n  FROM orders o\n  JOIN order_items i ON i.order_id = o.id\n WHERE (o.status = '[[@status]]' OR o.user_id = [[id]])\n GROUP BY o.id, o.status"},
	{"string", "in", "SELECT id, percent FROM coupons WHERE (code = '[[@word]]' AND active)"},
	{"string", "", "DELETE FROM sessions WHERE user_id = [[id]] AND token = '[[@token]]'"},
	{"string", "tt", "SELECT t.subject, t.body FROM tickets t WHERE t.id IN (SELECT ticket_id FROM ticket_tags WHERE tag = '[[@word]]') AND t.state = '[[status]]'"},
	{"string", "it", "select \"id\", \"slug\" from \"posts\" where \"slug\" = E'[[@slug]]' and \"status\" = E'[[status]]'"},
	{"string", "itt", "SELECT c.id, c.author, c.body FROM comments c\nWHERE lower(c.author) = lower('[[@name]]')\nAND c.approved = true"},

	{"numeric", "itn", "SELECT id, name, price FROM products WHERE id = [[@id]]"},
	{"numeric", "itt", "SELECT u.id, u.name, u.bio FROM users u WHERE u.id = [[@id]] AND u.role <> '[[role]]' LIMIT 1"},
	{"numeric", "itn", "SELECT o.id, o.status, o.total\nFROM orders o\nWHERE o.user_id = [[@id]]\nORDER BY o.created_at DESC\nLIMIT [[limit]]"},
	{"numeric", "itn", "SELECT id, name, price FROM products WHERE (price < [[@price]] AND category = '[[category]]')"},
	{"numeric", "ti", "SELECT status, count(*) FROM orders WHERE total > [[@price]] GROUP BY status HAVING count(*) > 0"},
	{"numeric", "it", "SELECT id, body FROM comments WHERE post_id = ([[@id]]) AND approved ORDER BY created_at"},
	{"numeric", "", "DELETE FROM order_items WHERE id = [[@id]] AND order_id = [[id]]"},
	{"numeric", "it", "SELECT p.id, p.title FROM posts p LEFT JOIN comments c ON c.post_id = p.id AND c.id > [[@id]] WHERE p.status = '[[status]]'"},
	{"numeric", "ti", "WITH recent AS (SELECT * FROM audit_log WHERE id > [[@id]]) SELECT actor, count(*) FROM recent GROUP BY actor"},
	{"numeric", "itn", "SELECT id, sku, price FROM products WHERE stock BETWEEN [[id]] AND [[@id]] ORDER BY id"},

	{"like", "itn", "SELECT id, name, price FROM products WHERE name LIKE '%[[@search]]%' ORDER BY price"},
	{"like", "itt", "SELECT id, title, slug FROM posts WHERE title ILIKE '%[[@search]]%' AND status = '[[status]]' LIMIT [[limit]] OFFSET [[offset]]"},
	{"like", "it", "SELECT id, name FROM users WHERE (name LIKE '[[@search]]%' OR email LIKE '[[search]]%') AND role = '[[role]]'"},
	{"like", "itn", "SELECT p.id, p.name, p.price\nFROM products p\nWHERE p.description ILIKE '%[[@search]]%'\n   OR p.name ILIKE '%[[search]]%'"},
	{"like", "i", "SELECT count(*) FROM tickets WHERE subject LIKE '%[[@search]]%' AND priority >= [[id]]"},
	{"like", "tt", "SELECT key, value FROM settings WHERE key LIKE '[[@word]].%' ESCAPE '!'"},
	{"like", "itt", "SELECT a.id, a.actor, a.action FROM audit_log a WHERE lower(a.actor) LIKE lower('%[[@search]]%') AND a.id > [[id]] ORDER BY a.id DESC"},
	{"like", "in", "SELECT o.id, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email LIKE '%[[@search]]' AND o.status IN ('[[status]]', '[[status]]')"},
	{"like", "ti", "SELECT category, count(*) FROM products WHERE sku NOT LIKE '[[@search]]%' GROUP BY category ORDER BY 2 DESC"},
	{"like", "it", "SELECT id, name FROM products WHERE EXISTS (SELECT 1 FROM order_items i WHERE i.product_id = products.id) AND name SIMILAR TO '%([[@search]])%'"},

	{"in", "itn", "SELECT id, name, price FROM products WHERE id IN ([[@ids]]) ORDER BY name"},
	{"in", "it", "SELECT id, title FROM posts WHERE tags IN ('[[@words]]') AND status = '[[status]]'"},
	{"in", "itn", "SELECT o.id, o.status, o.total\nFROM orders o\nWHERE o.status IN ('[[@words]]')\n  AND o.user_id = [[id]]\nORDER BY o.id"},
	{"in", "it", "SELECT u.id, u.name FROM users u WHERE u.id NOT IN ([[@ids]]) AND u.role = '[[role]]' LIMIT [[limit]]"},
	{"in", "", "DELETE FROM comments WHERE id IN ([[@ids]]) AND post_id = [[id]]"},
	{"in", "itt", "SELECT t.id, t.subject, t.state FROM tickets t WHERE (t.assignee IN ('[[@words]]') OR t.priority IN ([[ids]]))"},
	{"in", "ti", "SELECT category, count(*) FROM products WHERE category IN ('[[@words]]') GROUP BY category"},
	{"in", "itn", "SELECT p.id, p.name, p.price FROM products p JOIN order_items i ON i.product_id = p.id WHERE i.order_id IN (SELECT id FROM orders WHERE user_id IN ([[@ids]]))"},
	{"in", "itn", "SELECT id, name, price FROM products WHERE id = ANY(ARRAY[[[@ids]]]) AND released"},
	{"in", "in", "SELECT id, percent FROM coupons WHERE upper(code) IN ('[[@words]]') AND active AND percent > [[id]]"},
}
