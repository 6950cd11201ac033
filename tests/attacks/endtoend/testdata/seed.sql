-- Rows for the tables of ../../sqli/testdata/shop.sql, in the words that the corpus draws its ordinary values from.
INSERT INTO users (id, name, email, role, bio, settings)
  SELECT i, (ARRAY['Anna','Bela','Chiara','Dov','Emre','Freya','Goran','Hana','Ivan','Jun'])[1+i%10] || (ARRAY['',' Berg',' Costa',' Dahl',' Evans'])[1+i%5], 'anna' || i || '@example.com', (ARRAY['user','editor','admin','guest'])[1+i%4], 'b', '{"theme": "red"}' FROM generate_series(1, 40) i;
INSERT INTO products (id, name, price, sku, stock, category, description, attrs)
  SELECT i, (ARRAY['lamp','chair','kettle','spade','violin','puzzle','notebook','hammer','rose','drum'])[1+i%10], i, 'sku-' || i, i, (ARRAY['books','tools','garden','toys','kitchen','music'])[1+i%6], 'The red lamp works, thank you again.', '{"color": "red"}' FROM generate_series(1, 40) i;
INSERT INTO posts (id, author_id, title, slug, body, tags, status, published_at, meta)
  SELECT i, i, 'The blue chair was sent', 'chair-blue-' || i, 'b', (ARRAY['red','blue','oak'])[1+i%3], (ARRAY['open','closed','draft','published','paid','shipped','new'])[1+i%7], '2024-05-01', '{"seo": {"title": "t"}}' FROM generate_series(1, 40) i;
INSERT INTO comments (id, post_id, author, body, approved) SELECT i, i, 'Anna', 'The oak drum arrived late today.', true FROM generate_series(1, 40) i;
INSERT INTO orders (id, user_id, status, total, note, address) SELECT i, i, (ARRAY['open','closed','draft','published','paid','shipped','new'])[1+i%7], i, 'n', 'a' FROM generate_series(1, 40) i;
INSERT INTO order_items (id, order_id, product_id, quantity, price) SELECT i, i, i, 1, i FROM generate_series(1, 40) i;
INSERT INTO tickets (id, subject, body, priority, state, assignee) SELECT i, 'The small rose works', 'b', i, (ARRAY['open','closed','new'])[1+i%3], 'Hana' FROM generate_series(1, 40) i;
INSERT INTO ticket_tags SELECT i, (ARRAY['red','blue','oak'])[1+i%3] FROM generate_series(1, 40) i;
INSERT INTO settings SELECT w, 'v' FROM unnest(ARRAY['red','blue','green','small','large','summer','winter','welcome','oak','steel']) w;
INSERT INTO audit_log (id, actor, action, detail) SELECT i, 'Ivan', 'login', '{"title": 1}' FROM generate_series(1, 40) i;
INSERT INTO sessions SELECT md5(i::text), i, 'i', '{"cart": 1}' FROM generate_series(1, 40) i;
INSERT INTO coupons SELECT i, 'OAK', i, true FROM generate_series(1, 40) i;
-- Keys of new rows: the applications leave them out.
CREATE SEQUENCE made START 1000;
ALTER TABLE users ALTER id SET DEFAULT nextval('made');
ALTER TABLE comments ALTER id SET DEFAULT nextval('made');
ALTER TABLE orders ALTER id SET DEFAULT nextval('made');
ALTER TABLE order_items ALTER id SET DEFAULT nextval('made');
ALTER TABLE tickets ALTER id SET DEFAULT nextval('made');
ALTER TABLE audit_log ALTER id SET DEFAULT nextval('made');
ALTER TABLE coupons ALTER id SET DEFAULT nextval('made');
ALTER TABLE posts ALTER id SET DEFAULT nextval('made');
-- What a second-order case's request finds in the database.
CREATE TABLE stored (request integer, position integer, body text, PRIMARY KEY (request, position));
