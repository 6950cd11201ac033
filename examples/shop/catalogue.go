package shop

import (
	"context"
	"database/sql"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const productColumns = "id, slug, name, maker, category, price, stock, blurb, story"

func (p *product) fields() []any {
	return []any{&p.ID, &p.Slug, &p.Name, &p.Maker, &p.Category, &p.Price, &p.Stock, &p.Blurb, &p.Story}
}

func (s *Shop) products(ctx context.Context, statement string, args ...any) ([]product, error) {
	found := []product{}
	return found, s.each(ctx, statement, args, func(rows *sql.Rows) error {
		var p product
		err := rows.Scan(p.fields()...)
		found = append(found, p)
		return err
	})
}

func (s *Shop) home(w http.ResponseWriter, r *http.Request, v *visit) error {
	favourites, err := s.products(r.Context(), "SELECT "+productColumns+" FROM products WHERE slug IN ('teapot', 'lamp', 'trowel', 'blanket') ORDER BY price")
	if err != nil {
		return err
	}
	fresh, err := s.products(r.Context(), "SELECT "+productColumns+" FROM products ORDER BY (id * 7) % 24 LIMIT 8")
	if err != nil {
		return err
	}
	return s.show(w, r, v, "home", page{Title: "Useful things, made slowly", Data: struct{ Favourites, Fresh []product }{favourites, fresh}})
}

type listing struct {
	Products       []product
	Category, Sort string
	Heading        template.HTML
	// Hidden carries the category along with the form that sorts.
	Hidden template.HTML
}

func sorting(r *http.Request) string {
	if sort := r.URL.Query().Get("sort"); sort != "" {
		return sort
	}
	return "id"
}

// catalogue lists a category, or all, in the order that the visitor chose.
func (s *Shop) catalogue(w http.ResponseWriter, r *http.Request, v *visit) error {
	l := listing{Category: r.URL.Query().Get("category"), Sort: sorting(r), Heading: "Everything we make"}
	where, args := "", []any{}
	if l.Category != "" {
		where, args = " WHERE category = $1", []any{l.Category}
		l.Heading = template.HTML(template.HTMLEscapeString(l.Category))
		// Hole: reflected XSS in an attribute. A quotation mark in the category
		// ends the value, and a handler may follow.
		l.Hidden = template.HTML(`<input type="hidden" name="category" value="` + l.Category + `">`)
	}
	// Hole: SQL injection in ORDER BY. A column's name can't be a parameter,
	// so it was concatenated; a list of the four allowed would have done.
	var err error
	if l.Products, err = s.products(r.Context(), "SELECT "+productColumns+" FROM products"+where+" ORDER BY "+l.Sort, args...); err != nil {
		return err
	}
	return s.show(w, r, v, "catalogue", page{Title: "Catalogue", Data: l})
}

// searchStatement finds what q describes, in one category where that is given.
func searchStatement(category string) string {
	statement := "SELECT " + productColumns + " FROM products WHERE (lower(name) LIKE lower($1) OR lower(maker) LIKE lower($1) OR lower(blurb) LIKE lower($1))"
	if category != "" {
		// Hole: SQL injection, string. The words became parameters after
		// O'Reilly's first complaint; the category comes from a menu, so
		// nobody thought of it.
		statement += " AND category = '" + category + "'"
	}
	return statement
}

func (s *Shop) search(w http.ResponseWriter, r *http.Request, v *visit) error {
	q, category := strings.TrimSpace(r.URL.Query().Get("q")), r.URL.Query().Get("category")
	found, err := s.products(r.Context(), searchStatement(category), "%"+q+"%")
	if err != nil {
		return err
	}
	// Hole: reflected XSS. What was searched for is echoed as it came.
	l := listing{Products: found, Category: category, Heading: template.HTML(fmt.Sprintf("%d found for “%s”", len(found), q))}
	return s.show(w, r, v, "search", page{Title: "Search", Data: l})
}

type review struct {
	ID      int64
	Author  string
	Stars   int
	Body    template.HTML
	Helpful int
	Day     string
}

type productPage struct {
	Product  product
	Reviews  []review
	Average  string
	Seen     []product
	Nickname string
}

const seenCookie = "wren_seen"

// product shows one product, its reviews, and what the visitor looked at before.
func (s *Shop) product(w http.ResponseWriter, r *http.Request, v *visit) error {
	var p productPage
	// Hole: SQL injection, numeric. A number needs no quotes, so there is not
	// even a quotation mark to look for.
	statement := "SELECT " + productColumns + " FROM products WHERE id = " + r.PathValue("id")
	if err := s.one(r.Context(), statement, nil, p.Product.fields()...); err != nil {
		return err
	}
	var err error
	if p.Reviews, err = s.reviewsOf(r.Context(), p.Product.ID); err != nil {
		return err
	}
	p.Average = average(p.Reviews)
	if p.Seen, err = s.seen(w, r, p.Product.ID); err != nil {
		return err
	}
	if v.user != nil {
		p.Nickname = v.user.Nickname
	}
	return s.show(w, r, v, "product", page{Title: p.Product.Name, Data: p})
}

func average(reviews []review) string {
	if len(reviews) == 0 {
		return ""
	}
	sum := 0
	for _, r := range reviews {
		sum += r.Stars
	}
	return strconv.FormatFloat(float64(sum)/float64(len(reviews)), 'f', 1, 64)
}

// seen reads the products looked at before from a cookie such as "3.14.7", and
// puts this one in front.
func (s *Shop) seen(w http.ResponseWriter, r *http.Request, id int64) ([]product, error) {
	before := ""
	if c, err := r.Cookie(seenCookie); err == nil {
		before = c.Value
	}
	ids := []string{strconv.FormatInt(id, 10)}
	for _, other := range strings.Split(before, ".") {
		if other != "" && other != ids[0] && len(ids) < 5 {
			ids = append(ids, other)
		}
	}
	http.SetCookie(w, &http.Cookie{Name: seenCookie, Value: url.QueryEscape(strings.Join(ids, ".")), Path: "/"})
	if before == "" {
		return nil, nil
	}
	// Hole: SQL injection by a cookie. Nobody types cookies, it was thought.
	return s.products(r.Context(), "SELECT "+productColumns+" FROM products WHERE id <> $1 AND id IN ("+strings.ReplaceAll(before, ".", ",")+")", id)
}

func (s *Shop) reviewsOf(ctx context.Context, id int64) ([]review, error) {
	var found []review
	return found, s.each(ctx, "SELECT id, author, stars, body, helpful, day FROM reviews WHERE product_id = $1 ORDER BY helpful DESC, id DESC LIMIT 40", []any{id}, func(rows *sql.Rows) error {
		var v review
		err := rows.Scan(&v.ID, &v.Author, &v.Stars, &v.Body, &v.Helpful, &v.Day)
		found = append(found, v)
		return err
	})
}

// addReview takes a review by somebody signed in.
// Hole: CSRF. No form of this shop proves that it was the shop's own page that
// sent it.
func (s *Shop) addReview(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return errNotFound
	}
	stars, err := strconv.Atoi(r.FormValue("stars"))
	body := strings.TrimSpace(r.FormValue("body"))
	if err != nil || stars < 1 || stars > 5 || body == "" {
		return &refusal{http.StatusUnprocessableEntity, "A review needs one to five stars and some words."}
	}
	author := v.user.Nickname
	if author == "" {
		author = v.user.Name
	}
	// Hole: stored XSS. The review is kept and shown as HTML, so that people
	// can write in bold.
	err = s.run(r.Context(), "INSERT INTO reviews (product_id, user_id, author, stars, body, day) VALUES ($1, $2, $3, $4, $5, $6)",
		id, v.user.ID, author, stars, body, s.now().Format("2006-01-02"))
	if err != nil {
		return err
	}
	return seeOther(w, r, fmt.Sprintf("/products/%d?done=review#reviews", id))
}

// voteHelpful counts one "this was helpful".
func (s *Shop) voteHelpful(w http.ResponseWriter, r *http.Request, _ *visit) error {
	// Hole: SQL injection in a statement that writes; a second statement behind
	// a semicolon is run as well.
	if err := s.run(r.Context(), "UPDATE reviews SET helpful = helpful + 1 WHERE id = "+r.FormValue("review")); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.FormValue("product"), 10, 64)
	if err != nil {
		return seeOther(w, r, "/catalogue")
	}
	return seeOther(w, r, fmt.Sprintf("/products/%d?done=helpful#reviews", id))
}
