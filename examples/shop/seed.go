package shop

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
)

// An Account is one of the seeded people. Their passwords are words that
// everybody guesses; nobody real has ever had them.
type Account struct {
	ID                    int64
	Email, Name, Password string
	Admin                 bool
}

// Accounts are the people that every shop begins with.
func Accounts() []Account {
	return []Account{
		{1, "ingrid@wrenalder.example", "Ingrid Alder", "lighthouse", true},
		{2, "marta@example.com", "Marta Keller", "sunflower", false},
		{3, "jonas@example.com", "Jonas Weber", "password1", false},
		{4, "aoife@example.com", "Aoife O'Reilly", "dragonfly", false},
	}
}

type seedReview struct {
	product, user int64
	author        string
	stars         int
	body          string
	helpful       int
	day           string
}

func seedReviews() []seedReview {
	return []seedReview{
		{1, 2, "Marta", 5, "It really doesn't drip. I have waited twenty years for a teapot that doesn't drip.", 31, "2026-02-11"},
		{1, 3, "Jonas W.", 4, "Beautiful, but I'd have liked it a little larger: four cups, not five.", 8, "2026-03-02"},
		{2, 4, "Aoife", 5, "My hands are always cold & this mug fixes that. Bought two more.", 12, "2026-01-19"},
		{6, 3, "Jonas W.", 5, "Arrived smelling of oil and forest. <em>Heavy</em> in the good way.", 6, "2026-02-27"},
		{7, 2, "Marta", 4, "The two-note whistle is a joy; the handle gets warm, so keep a cloth near.", 17, "2026-03-15"},
		{10, 4, "Aoife", 5, "The joint holds. After six months it still holds. That's all I ask of a lamp.", 22, "2026-04-03"},
		{15, 2, "Marta", 5, "Smelled of sheep for exactly one week, as promised.", 40, "2025-12-28"},
		{19, 4, "Aoife", 5, "No relation, sadly. It's the last trowel I'll buy.", 9, "2026-04-21"},
		{23, 3, "Jonas W.", 4, "Lies flat from the first page. The dots could be a shade lighter.", 5, "2026-05-06"},
	}
}

type seedOrder struct {
	id, user  int64
	status    string
	note, day string
	lines     [][2]int64 // product and quantity
}

func seedOrders() []seedOrder {
	return []seedOrder{
		{38, 3, "delivered", "", "2026-03-04", [][2]int64{{6, 1}, {24, 2}}},
		{39, 4, "delivered", "Please leave it with the neighbours at no. 12.", "2026-03-19", [][2]int64{{10, 1}}},
		{40, 2, "delivered", "", "2026-04-02", [][2]int64{{15, 1}, {16, 2}}},
		{41, 4, "sent", "", "2026-05-28", [][2]int64{{19, 1}, {21, 1}, {20, 1}}},
		{42, 2, "packed", "It's a birthday present: no invoice in the parcel, please.", "2026-06-02", [][2]int64{{1, 1}, {2, 4}}},
		{43, 3, "packed", "", "2026-06-03", [][2]int64{{23, 3}}},
	}
}

var errSeeded = errors.New("already seeded")

// seed creates the tables and fills them, in one transaction, unless that was
// done before.
func (s *Shop) seed(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	err = fill(ctx, tx, s.engine)
	if err == nil {
		return tx.Commit()
	}
	rolledBack := tx.Rollback()
	if errors.Is(err, errSeeded) {
		return rolledBack
	}
	return errors.Join(fmt.Errorf("filling the database: %w", err), rolledBack)
}

func fill(ctx context.Context, tx *sql.Tx, engine Engine) error {
	var tables int
	if err := tx.QueryRowContext(ctx, engine.filled()).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		return errSeeded
	}
	schema, err := assets.ReadFile(engine.schema())
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(schema)); err != nil {
		return err
	}
	for _, fill := range []func(context.Context, *sql.Tx) error{fillUsers, fillProducts, fillReviews, fillOrders, fillPartners} {
		if err := fill(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

func fillUsers(ctx context.Context, tx *sql.Tx) error {
	addresses := [][2]string{{"Quay 3", "20457 Hamburg"}, {"Lindenweg 8", "79100 Freiburg"}, {"Am Markt 21", "07743 Jena"}, {"14 O'Connell Street", "Ennis V95"}}
	nicknames := []string{"Ingrid", "Marta", "Jonas W.", "Aoife"}
	for i, a := range Accounts() {
		role := "customer"
		if a.Admin {
			role = "admin"
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO users (id, email, name, nickname, password, role, street, city) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			a.ID, a.Email, a.Name, nicknames[i], hashPassword(a.Password), role, addresses[i][0], addresses[i][1])
		if err != nil {
			return err
		}
	}
	return nil
}

func fillProducts(ctx context.Context, tx *sql.Tx) error {
	for _, p := range seedProducts() {
		_, err := tx.ExecContext(ctx, "INSERT INTO products (id, slug, name, maker, category, price, stock, blurb, story) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			p.ID, p.Slug, p.Name, p.Maker, p.Category, p.Price, p.Stock, p.Blurb, p.Story)
		if err != nil {
			return err
		}
	}
	return nil
}

func fillReviews(ctx context.Context, tx *sql.Tx) error {
	for _, r := range seedReviews() {
		_, err := tx.ExecContext(ctx, "INSERT INTO reviews (product_id, user_id, author, stars, body, helpful, day) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			r.product, r.user, r.author, r.stars, r.body, r.helpful, r.day)
		if err != nil {
			return err
		}
	}
	return nil
}

func fillOrders(ctx context.Context, tx *sql.Tx) error {
	for _, o := range seedOrders() {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders (id, user_id, status, name, street, city, note, day) SELECT $1, id, $2, name, street, city, $3, $4 FROM users WHERE id = $5",
			o.id, o.status, o.note, o.day, o.user)
		if err != nil {
			return err
		}
		for _, l := range o.lines {
			_, err := tx.ExecContext(ctx, "INSERT INTO order_lines (order_id, product_id, price, quantity) SELECT $1, id, price, $2 FROM products WHERE id = $3", o.id, l[1], l[0])
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// fillPartners enters the warehouse, whose programs sign their tokens by a secret.
func fillPartners(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO partner_keys (name, secret) VALUES ($1, $2)", "warehouse", rand.Text())
	return err
}
