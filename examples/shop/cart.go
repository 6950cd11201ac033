package shop

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

type line struct {
	Product  product `json:"product"`
	Quantity int64   `json:"quantity"`
}

// Total is what the line costs, in cents.
func (l line) Total() int64 { return l.Product.Price * l.Quantity }

type basket struct {
	Lines    []line `json:"lines"`
	Goods    int64  `json:"goods_cents"`
	Shipping int64  `json:"shipping_cents"`
	Total    int64  `json:"total_cents"`
}

const (
	shippingCents     = 590
	freeShippingCents = 9000
)

func basketOf(lines []line) basket {
	b := basket{Lines: lines}
	for _, l := range lines {
		b.Goods += l.Total()
	}
	if b.Goods > 0 && b.Goods < freeShippingCents {
		b.Shipping = shippingCents
	}
	b.Total = b.Goods + b.Shipping
	return b
}

func (s *Shop) lines(ctx context.Context, statement string, args ...any) ([]line, error) {
	found := []line{}
	return found, s.each(ctx, statement, args, func(rows *sql.Rows) error {
		var l line
		err := rows.Scan(append(l.Product.fields(), &l.Quantity)...)
		found = append(found, l)
		return err
	})
}

func (s *Shop) basket(ctx context.Context, v *visit) (basket, error) {
	lines, err := s.lines(ctx, "SELECT p.id, p.slug, p.name, p.maker, p.category, p.price, p.stock, p.blurb, '', c.quantity FROM cart_lines c JOIN products p ON p.id = c.product_id WHERE c.session = $1 ORDER BY p.id", v.token)
	return basketOf(lines), err
}

func (s *Shop) cart(w http.ResponseWriter, r *http.Request, v *visit) error {
	b, err := s.basket(r.Context(), v)
	if err != nil {
		return err
	}
	return s.show(w, r, v, "cart", page{Title: "Cart", Data: b})
}

// put adds pieces to the cart; it begins a session where there is none.
func (s *Shop) put(w http.ResponseWriter, r *http.Request, v *visit, id, quantity int64) error {
	var stock int64
	if err := s.one(r.Context(), "SELECT stock FROM products WHERE id = $1", []any{id}, &stock); err != nil {
		return err
	}
	if quantity < 1 || quantity > 99 {
		return &refusal{http.StatusUnprocessableEntity, "Between one and 99 pieces, please."}
	}
	if v.token == "" {
		if err := s.begin(w, r, v, 0); err != nil {
			return err
		}
	}
	err := s.run(r.Context(), "INSERT INTO cart_lines (session, product_id, quantity) VALUES ($1, $2, $3) ON CONFLICT (session, product_id) DO UPDATE SET quantity = CASE WHEN cart_lines.quantity + excluded.quantity < 99 THEN cart_lines.quantity + excluded.quantity ELSE 99 END", v.token, id, quantity)
	return err
}

func formNumber(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.FormValue(name), 10, 64)
	if err != nil {
		return 0, &refusal{http.StatusUnprocessableEntity, "The field " + name + " must be a number."}
	}
	return n, nil
}

func (s *Shop) cartAdd(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := formNumber(r, "product")
	if err != nil {
		return err
	}
	quantity, err := formNumber(r, "quantity")
	if err != nil {
		return err
	}
	if err := s.put(w, r, v, id, quantity); err != nil {
		return err
	}
	return seeOther(w, r, "/cart?done=added")
}

func (s *Shop) cartUpdate(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := formNumber(r, "product")
	if err != nil {
		return err
	}
	quantity, err := formNumber(r, "quantity")
	if err != nil {
		return err
	}
	if quantity <= 0 {
		err = s.run(r.Context(), "DELETE FROM cart_lines WHERE session = $1 AND product_id = $2", v.token, id)
	} else {
		err = s.run(r.Context(), "UPDATE cart_lines SET quantity = $1 WHERE session = $2 AND product_id = $3", min(quantity, 99), v.token, id)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, "/cart?done=updated")
}

func (s *Shop) checkout(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	b, err := s.basket(r.Context(), v)
	if err != nil {
		return err
	}
	if len(b.Lines) == 0 {
		return seeOther(w, r, "/cart")
	}
	return s.show(w, r, v, "checkout", page{Title: "Checkout", Data: b})
}

// placeOrder turns the cart into an order. Nothing is paid: the shop has no
// payment, and wants no card number of anybody.
// Hole: CSRF, as in every form.
func (s *Shop) placeOrder(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	b, err := s.basket(r.Context(), v)
	if err != nil {
		return err
	}
	name, street, city := strings.TrimSpace(r.FormValue("name")), strings.TrimSpace(r.FormValue("street")), strings.TrimSpace(r.FormValue("city"))
	if len(b.Lines) == 0 || name == "" || street == "" || city == "" {
		return &refusal{http.StatusUnprocessableEntity, "An order needs something in the cart, a name, a street and a city."}
	}
	id, err := s.insert(r.Context(), "INSERT INTO orders (user_id, status, name, street, city, note, day) VALUES ($1, 'packed', $2, $3, $4, $5, $6)",
		v.user.ID, name, street, city, strings.TrimSpace(r.FormValue("note")), s.now().Format("2006-01-02"))
	if err != nil {
		return err
	}
	err = s.run(r.Context(), "INSERT INTO order_lines (order_id, product_id, price, quantity) SELECT $1, p.id, p.price, c.quantity FROM cart_lines c JOIN products p ON p.id = c.product_id WHERE c.session = $2", id, v.token)
	if err != nil {
		return err
	}
	if err := s.run(r.Context(), "DELETE FROM cart_lines WHERE session = $1", v.token); err != nil {
		return err
	}
	return seeOther(w, r, fmt.Sprintf("/orders/%d?done=ordered", id))
}
