CREATE TABLE products (id integer PRIMARY KEY, sku text, name text, price numeric, visits integer NOT NULL DEFAULT 0);
INSERT INTO products SELECT i, 'sku-' || i, (ARRAY['lamp','chair','kettle','spade'])[1+i%4], 10 + i FROM generate_series(1, 12) i;
CREATE TABLE orders (id integer PRIMARY KEY, status text);
INSERT INTO orders SELECT i, (ARRAY['open','paid','shipped'])[1+i%3] FROM generate_series(1, 9) i;
