
CREATE TABLE users (id integer PRIMARY KEY, name text, email text, role text, password text DEFAULT 'planted-a1b2', bio text, settings jsonb, created_at text DEFAULT '2024-01-01');
CREATE TABLE products (id integer PRIMARY KEY, name text, price numeric, sku text, stock integer, category text, description text, released boolean DEFAULT true, attrs jsonb);
CREATE TABLE posts (id integer PRIMARY KEY, author_id integer, title text, slug text, body text, tags text, status text, published_at text, meta jsonb);
CREATE TABLE comments (id integer PRIMARY KEY, post_id integer, author text, body text, approved boolean, created_at text DEFAULT '2024-01-02');
CREATE TABLE orders (id integer PRIMARY KEY, user_id integer, status text, total numeric, note text, address text, created_at text DEFAULT '2024-01-03');
CREATE TABLE order_items (id integer PRIMARY KEY, order_id integer, product_id integer, quantity integer, price numeric);
CREATE TABLE tickets (id integer PRIMARY KEY, subject text, body text, priority integer, state text, assignee text);
CREATE TABLE ticket_tags (ticket_id integer, tag text);
CREATE TABLE settings (key text PRIMARY KEY, value text);
CREATE TABLE audit_log (id integer PRIMARY KEY, actor text, action text, created_at text DEFAULT '2024-01-04', detail jsonb);
CREATE TABLE sessions (token text, user_id integer, ip text, data jsonb);
CREATE TABLE coupons (id integer PRIMARY KEY, code text, percent integer, active boolean);
