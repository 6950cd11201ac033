package shop

import (
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

type order struct {
	ID     int64  `json:"id"`
	UserID int64  `json:"user_id"`
	Status string `json:"status"`
	Name   string `json:"name"`
	Street string `json:"street"`
	City   string `json:"city"`
	Note   string `json:"note"`
	Day    string `json:"day"`
	Goods  basket `json:"goods"`
}

const orderColumns = "id, user_id, status, name, street, city, note, day"

func (o *order) fields() []any {
	return []any{&o.ID, &o.UserID, &o.Status, &o.Name, &o.Street, &o.City, &o.Note, &o.Day}
}

// Steps are where the order has been, for the page.
func (o *order) Steps() []step {
	if o.Status == "cancelled" {
		return []step{{"ordered", true}, {"cancelled", true}}
	}
	names := []string{"ordered", "packed", "sent", "delivered"}
	var steps []step
	reached := true
	for _, name := range names {
		steps = append(steps, step{name, reached})
		reached = reached && name != o.Status
	}
	return steps
}

type step struct {
	Name    string
	Reached bool
}

// Open says whether the order can still be changed.
func (o *order) Open() bool { return o.Status == "packed" }

func (s *Shop) orderOf(r *http.Request) (*order, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	o := new(order)
	// Hole: IDOR on read. Whoever is signed in may read any order: its owner
	// is known here, and not asked for.
	if err := s.one(r.Context(), "SELECT "+orderColumns+" FROM orders WHERE id = $1", []any{id}, o.fields()...); err != nil {
		return nil, err
	}
	lines, err := s.lines(r.Context(), "SELECT p.id, p.slug, p.name, p.maker, p.category, l.price, p.stock, p.blurb, '', l.quantity FROM order_lines l JOIN products p ON p.id = l.product_id WHERE l.order_id = $1 ORDER BY p.id", id)
	o.Goods = basketOf(lines)
	return o, err
}

func (s *Shop) ordersBy(ctx context.Context, statement string, args ...any) ([]order, error) {
	found := []order{}
	return found, s.each(ctx, statement, args, func(rows *sql.Rows) error {
		var o order
		err := rows.Scan(append(o.fields(), &o.Goods.Goods)...)
		found = append(found, o)
		return err
	})
}

const ordersWithGoods = "SELECT o.id, o.user_id, o.status, o.name, o.street, o.city, o.note, o.day, coalesce((SELECT sum(price * quantity) FROM order_lines WHERE order_id = o.id), 0) FROM orders o "

func (s *Shop) order(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	o, err := s.orderOf(r)
	if err != nil {
		return err
	}
	return s.show(w, r, v, "order", page{Title: fmt.Sprintf("Order %d", o.ID), Data: o})
}

// invoice gives an order's invoice as a file.
// Hole: IDOR on a download. It need not be the visitor's own.
func (s *Shop) invoice(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	o, err := s.orderOf(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"invoice-%d.csv\"", o.ID))
	lines := csv.NewWriter(w)
	_ = lines.Write([]string{"Order", strconv.FormatInt(o.ID, 10), o.Name, o.Street, o.City}) // the client left; nothing is lost
	for _, l := range o.Goods.Lines {
		_ = lines.Write([]string{l.Product.Name, strconv.FormatInt(l.Quantity, 10), strconv.FormatInt(l.Product.Price, 10)})
	}
	lines.Flush()
	return nil
}

// cancelOrder cancels an order that is not on its way yet.
// Hole: IDOR on write. It need not be the visitor's own. Hole: CSRF.
func (s *Shop) cancelOrder(w http.ResponseWriter, r *http.Request, v *visit) error {
	return s.changeOrder(w, r, v, "cancelled", "UPDATE orders SET status = 'cancelled' WHERE id = $1")
}

// changeAddress sends an order elsewhere.
// Hole: IDOR on write. It need not be the visitor's own. Hole: CSRF.
func (s *Shop) changeAddress(w http.ResponseWriter, r *http.Request, v *visit) error {
	street, city := strings.TrimSpace(r.FormValue("street")), strings.TrimSpace(r.FormValue("city"))
	if street == "" || city == "" {
		return &refusal{http.StatusUnprocessableEntity, "An address needs a street and a city."}
	}
	return s.changeOrder(w, r, v, "address", "UPDATE orders SET street = $1, city = $2 WHERE id = $3", street, city)
}

func (s *Shop) changeOrder(w http.ResponseWriter, r *http.Request, v *visit, done, statement string, args ...any) error {
	if v.user == nil {
		return errSignIn
	}
	o, err := s.orderOf(r)
	if err != nil {
		return err
	}
	if !o.Open() {
		return &refusal{http.StatusConflict, "This order can't be changed any more."}
	}
	if err := s.run(r.Context(), statement, append(args, o.ID)...); err != nil {
		return err
	}
	return seeOther(w, r, fmt.Sprintf("/orders/%d?done=%s", o.ID, done))
}
