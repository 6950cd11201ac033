package sqli

// writeSites are json, insert and update, as in whereSites. All of json and
// update are held out.
var writeSites = [...]site{
	{"json", "it", "SELECT id, attrs->>'[[@attribute]]' FROM products WHERE released"},
	{"json", "itn", "SELECT id, name, price FROM products WHERE attrs->>'color' = '[[@word]]' AND stock > [[id]]"},
	{"json", "it", "SELECT id, name FROM products WHERE attrs @> '{\"color\": \"[[@word]]\"}' ORDER BY id"},
	{"json", "it", "SELECT u.id, u.settings #>> '{ui,[[@attribute]]}' FROM users u WHERE u.role = '[[role]]'"},
	{"json", "it", "SELECT id, title FROM posts WHERE meta->'seo'->>'[[@attribute]]' IS NOT NULL AND status = '[[status]]' LIMIT [[limit]]"},
	{"json", "itn", "SELECT id, name, price\nFROM products\nWHERE jsonb_path_exists(attrs, '$.size ? (@ == \"[[@word]]\")')\n  AND category = '[[category]]'"},
	{"json", "it", "SELECT id, actor FROM audit_log WHERE detail ? '[[@attribute]]' AND id > [[id]]"},
	{"json", "i", "SELECT count(*) FROM users WHERE (settings->>'[[@attribute]]')::text = '[[word]]'"},
	{"json", "tt", "SELECT key, value FROM jsonb_each_text((SELECT settings FROM users WHERE id = [[id]])) WHERE key = '[[@attribute]]'"},
	{"json", "it", "SELECT id, title FROM posts ORDER BY meta->>'[[@attribute]]' DESC, id"},

	{"insert", "", "INSERT INTO users (name, email, role) VALUES ('[[@name]]', '[[email]]', 'user')"},
	{"insert", "", "INSERT INTO comments (post_id, author, body, approved) VALUES ([[id]], '[[name]]', '[[@sentence]]', false)"},
	{"insert", "", "INSERT INTO tickets (subject, body, priority, state)\nVALUES ('[[@sentence]]', '[[sentence]]', [[id]], 'open')\nRETURNING id"},
	{"insert", "", "INSERT INTO audit_log (actor, action) VALUES ('[[@name]]', 'login')"},
	{"insert", "", "INSERT INTO order_items (order_id, product_id, quantity, price) VALUES ([[id]], [[id]], [[@id]], 9.50)"},
	{"insert", "", "INSERT INTO posts (author_id, title, slug, body, status) VALUES ([[id]], '[[sentence]]', '[[@slug]]', '[[sentence]]', 'draft')"},
	{"insert", "", "INSERT INTO settings (key, value) VALUES ('theme.[[id]]', '[[@word]]') ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
	{"insert", "", "INSERT INTO orders (user_id, status, total, note, address)\nSELECT [[id]], 'new', sum(price), '[[@sentence]]', '[[sentence]]' FROM products WHERE id IN ([[ids]])"},
	{"insert", "", "INSERT INTO sessions (token, user_id, ip) VALUES (md5('[[token]]'), [[id]], '[[@word]]') RETURNING token"},
	{"insert", "", "INSERT INTO coupons (code, percent, active) VALUES (upper('[[@word]]'), [[id]], true)"},

	{"update", "", "UPDATE users SET name = '[[@name]]', bio = '[[sentence]]' WHERE id = [[id]]"},
	{"update", "", "UPDATE products SET price = [[@price]] WHERE id = [[id]]"},
	{"update", "", "UPDATE posts\nSET title = '[[sentence]]',\n    body = '[[@sentence]]'\nWHERE id = [[id]]\n  AND author_id = [[id]]"},
	{"update", "", "UPDATE tickets SET state = '[[@status]]', assignee = '[[name]]' WHERE id IN ([[ids]])"},
	{"update", "", "UPDATE orders SET note = '[[@sentence]]' WHERE id = [[id]] AND user_id = [[id]] RETURNING id, note"},
	{"update", "", "UPDATE settings SET value = '[[@word]]' WHERE key = '[[word]]'"},
	{"update", "", "UPDATE order_items SET quantity = [[@id]], price = price WHERE order_id = [[id]] AND id = [[id]]"},
	{"update", "", "UPDATE users SET email = lower('[[@email]]') WHERE id = (SELECT user_id FROM sessions WHERE token = '[[token]]')"},
	{"update", "", "UPDATE comments SET body = '[[sentence]]', author = '[[@name]]' FROM posts p WHERE p.id = comments.post_id AND comments.id = [[id]]"},
	{"update", "", "UPDATE products SET (name, description) = ('[[@name]]', '[[sentence]]') WHERE id = [[id]] RETURNING name"},
}
