CREATE TABLE users (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    email    TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    nickname TEXT NOT NULL DEFAULT '',
    password TEXT NOT NULL,
    role     TEXT NOT NULL DEFAULT 'customer',
    street   TEXT NOT NULL DEFAULT '',
    city     TEXT NOT NULL DEFAULT '',
    picture  TEXT NOT NULL DEFAULT ''
);
CREATE TABLE products (
    id       INTEGER PRIMARY KEY,
    slug     TEXT NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    maker    TEXT NOT NULL,
    category TEXT NOT NULL,
    price    INTEGER NOT NULL,
    stock    INTEGER NOT NULL,
    blurb    TEXT NOT NULL,
    story    TEXT NOT NULL
);
CREATE TABLE reviews (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id INTEGER NOT NULL REFERENCES products (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    author     TEXT NOT NULL,
    stars      INTEGER NOT NULL,
    body       TEXT NOT NULL,
    helpful    INTEGER NOT NULL DEFAULT 0,
    day        TEXT NOT NULL
);
CREATE INDEX reviews_of_product ON reviews (product_id);
CREATE TABLE orders (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id),
    status  TEXT NOT NULL,
    name    TEXT NOT NULL,
    street  TEXT NOT NULL,
    city    TEXT NOT NULL,
    note    TEXT NOT NULL DEFAULT '',
    day     TEXT NOT NULL
);
CREATE TABLE order_lines (
    order_id   INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    price      INTEGER NOT NULL,
    quantity   INTEGER NOT NULL
);
CREATE INDEX lines_of_order ON order_lines (order_id);
CREATE TABLE sessions (
    token   TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE cart_lines (
    session    TEXT NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity   INTEGER NOT NULL,
    PRIMARY KEY (session, product_id)
);
CREATE TABLE partner_keys (
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL
);
