package shop

import (
	"database/sql"
	"fmt"
	"net/http"
	"runtime"
	"sort"
	"strings"
)

type adminPage struct {
	Takings  int64
	Orders   []order
	Users    []user
	Products []product
}

func (s *Shop) admin(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	if v.user.Role != "admin" {
		return &refusal{http.StatusForbidden, "This page is for the people who run the shop."}
	}
	var p adminPage
	var err error
	if p.Orders, err = s.ordersBy(r.Context(), ordersWithGoods+"ORDER BY o.id DESC LIMIT 12"); err != nil {
		return err
	}
	if err := s.one(r.Context(), "SELECT coalesce(sum(l.price * l.quantity), 0) FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.status <> 'cancelled'", nil, &p.Takings); err != nil {
		return err
	}
	if p.Products, err = s.products(r.Context(), "SELECT "+productColumns+" FROM products ORDER BY stock LIMIT 8"); err != nil {
		return err
	}
	err = s.each(r.Context(), "SELECT "+userColumns+" FROM users ORDER BY id LIMIT 12", nil, func(rows *sql.Rows) error {
		var u user
		err := rows.Scan(u.fields()...)
		p.Users = append(p.Users, u)
		return err
	})
	if err != nil {
		return err
	}
	return s.show(w, r, v, "admin", page{Title: "Back office", Data: p})
}

// setPrice changes a product's price.
// Hole: a missing check. The page with this form is for admins only; what the
// form is sent to was forgotten. Hole: CSRF.
func (s *Shop) setPrice(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	cents, err := formNumber(r, "price")
	if err != nil {
		return err
	}
	if cents < 0 || cents > 10_000_000 {
		return &refusal{http.StatusUnprocessableEntity, "A price is between nothing and 100,000 euros."}
	}
	if err := s.run(r.Context(), "UPDATE products SET price = $1 WHERE id = $2", cents, r.PathValue("id")); err != nil {
		return err
	}
	return seeOther(w, r, "/admin?done=price")
}

// These secrets are made up. They open nothing.
const (
	madeUpAlarmCode  = "made-up-alarm-4711"
	madeUpPaymentKey = "made-up-payment-key-7d41c0ffee"
)

type setting struct{ Name, Value string }

func environment() []setting {
	return []setting{
		{"SHOP_NAME", "Wren & Alder"},
		{"SHOP_ENV", "production"},
		{"SESSION_SECRET", "made-up-session-secret-1f2e3d"},
		{"PAYMENT_API_KEY", madeUpPaymentKey},
		{"SMTP_PASSWORD", "made-up-mail-password"},
	}
}

func envFile() string {
	var b strings.Builder
	for _, e := range environment() {
		fmt.Fprintf(&b, "%s=%q\n", e.Name, e.Value)
	}
	return b.String()
}

// debug shows how the shop is configured.
// Hole: an open debug endpoint, left over from the day of the launch.
func (s *Shop) debug(w http.ResponseWriter, r *http.Request, v *visit) error {
	stats := s.db.Stats()
	local, _ := r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer)
	settings := append(environment(),
		setting{"WAREHOUSE_URL", fmt.Sprintf("http://%s/ (127.0.0.1:%s)", warehouseHost, s.inHouse.port)},
		setting{"LISTEN", fmt.Sprint(local)},
		setting{"GO_VERSION", runtime.Version()},
		setting{"DATABASE", fmt.Sprintf("%v, %d connections", s.engine, stats.OpenConnections)},
	)
	var headers []setting
	for name, values := range r.Header {
		headers = append(headers, setting{name, strings.Join(values, ", ")})
	}
	sort.Slice(headers, func(i, j int) bool { return headers[i].Name < headers[j].Name })
	return s.show(w, r, v, "debug", page{Title: "Debug", Data: struct{ Settings, Headers []setting }{settings, headers}})
}
