package shop

import (
	"context"
	"database/sql"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
)

// customersPath is the list of customers in the back office.
const customersPath = "/admin/customers"

// backOffice keeps all but the shop's own people out of the list of customers.
// Hole: vertical escalation. The path is looked at as it came, and tidied only
// then: /Admin/Customers and /admin//customers are not looked at, and lead there.
func (s *Shop) backOffice(next http.Handler) http.Handler {
	closed := s.wrap(func(w http.ResponseWriter, r *http.Request, v *visit) error {
		if v.user == nil {
			return errSignIn
		}
		if v.user.Role != "admin" {
			return &refusal{http.StatusForbidden, "This page is for the people who run the shop."}
		}
		next.ServeHTTP(w, r)
		return nil
	}, s.showError)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := next
		if strings.HasPrefix(r.URL.Path, customersPath) {
			to = closed
		}
		to.ServeHTTP(w, tidied(r))
	})
}

// tidied is the request with its path as the back office's people mean it: they
// type it by hand.
func tidied(r *http.Request) *http.Request {
	path := strings.ToLower(r.URL.Path)
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if path == r.URL.Path || !strings.HasPrefix(path, "/admin") {
		return r
	}
	u, tidy := *r.URL, *r
	u.Path, u.RawPath = path, ""
	tidy.URL = &u
	return &tidy
}

// A person is what the lists of customers tell of one.
type person struct {
	ID     int64  `json:"id"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Street string `json:"street"`
	City   string `json:"city"`
}

func (s *Shop) people(ctx context.Context) (all []person, err error) {
	return all, s.each(ctx, "SELECT id, email, name, street, city FROM users ORDER BY id LIMIT 50", nil, func(rows *sql.Rows) error {
		var p person
		err := rows.Scan(&p.ID, &p.Email, &p.Name, &p.Street, &p.City)
		all = append(all, p)
		return err
	})
}

// customers gives the list as a table for a spreadsheet.
func (s *Shop) customers(w http.ResponseWriter, r *http.Request, _ *visit) error {
	all, err := s.people(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="customers.csv"`)
	lines := csv.NewWriter(w)
	if err := lines.Write([]string{"number", "e-mail", "name", "street", "city"}); err != nil {
		return err
	}
	for _, p := range all {
		if err := lines.Write([]string{strconv.FormatInt(p.ID, 10), p.Email, p.Name, p.Street, p.City}); err != nil {
			return err
		}
	}
	lines.Flush()
	return lines.Error()
}
