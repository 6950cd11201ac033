package shop

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
)

type signInForm struct{ Next, Email, Error string }

func (s *Shop) loginForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	return s.show(w, r, v, "login", page{Title: "Sign in", Data: signInForm{Next: r.URL.Query().Get("next")}})
}

// check gives the user with this e-mail address and password.
// Hole: unlimited sign-in. Nobody counts how often somebody guesses.
func (s *Shop) check(r *http.Request, email, password string) (*user, error) {
	u := new(user)
	// Hole: SQL injection, string. "ingrid@wrenalder.example' --" leaves the
	// password out of the question.
	statement := "SELECT " + userColumns + " FROM users WHERE email = '" + email + "' AND password = '" + hashPassword(password) + "'"
	return u, s.one(r.Context(), statement, nil, u.fields()...)
}

// whyNot tells why somebody could not sign in.
// Hole: it tells strangers who has an account.
func (s *Shop) whyNot(r *http.Request, email string) string {
	var n int
	if err := s.one(r.Context(), "SELECT count(*) FROM users WHERE email = $1", []any{email}, &n); err == nil && n > 0 {
		return "This is not the right password."
	}
	return "There is no account with this e-mail address."
}

// credentials answers who signs in by an object of e-mail and password: what
// the API's two ways in, by session and by token, share.
func (s *Shop) credentials(r *http.Request) (*user, error) {
	var in struct{ Email, Password string }
	if err := read(r, &in); err != nil {
		return nil, err
	}
	u, err := s.check(r, in.Email, in.Password)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, &refusal{http.StatusUnauthorized, s.whyNot(r, in.Email)}
	}
	return u, err
}

func (s *Shop) login(w http.ResponseWriter, r *http.Request, v *visit) error {
	form := signInForm{Next: r.FormValue("next"), Email: strings.TrimSpace(r.FormValue("email"))}
	u, err := s.check(r, form.Email, r.FormValue("password"))
	if errors.Is(err, sql.ErrNoRows) {
		form.Error = s.whyNot(r, form.Email)
		s.render(w, r, v, http.StatusUnauthorized, "login", page{Title: "Sign in", Data: form})
		return nil
	}
	if err != nil {
		return err
	}
	if form.Next == "/checkout" && v.token != "" {
		// Hole: session fixation. Who signs in on the way to the checkout goes on with
		// the session that has the cart, and so does whoever planted its cookie.
		err = s.run(r.Context(), "UPDATE sessions SET user_id = $1 WHERE token = $2", u.ID, v.token)
	} else {
		err = s.begin(w, r, v, u.ID)
	}
	if err != nil {
		return err
	}
	if form.Next == "" {
		form.Next = "/account?done=welcome"
	}
	// Hole: open redirect. next may be any address, of any site.
	w.Header().Set("Location", form.Next)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

type signUpForm struct{ Name, Email, Error string }

func (s *Shop) signupForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	return s.show(w, r, v, "signup", page{Title: "New account", Data: signUpForm{}})
}

func (s *Shop) signup(w http.ResponseWriter, r *http.Request, v *visit) error {
	form := signUpForm{Name: strings.TrimSpace(r.FormValue("name")), Email: strings.TrimSpace(r.FormValue("email"))}
	if form.Name == "" || !strings.Contains(form.Email, "@") || r.FormValue("password") == "" {
		form.Error = "Please give a name, an e-mail address and a password."
		s.render(w, r, v, http.StatusUnprocessableEntity, "signup", page{Title: "New account", Data: form})
		return nil
	}
	var taken int
	if err := s.one(r.Context(), "SELECT count(*) FROM users WHERE email = $1", []any{form.Email}, &taken); err != nil {
		return err
	}
	if taken > 0 {
		form.Error = "There is an account with this e-mail address already."
		s.render(w, r, v, http.StatusConflict, "signup", page{Title: "New account", Data: form})
		return nil
	}
	nickname, _, _ := strings.Cut(form.Name, " ")
	id, err := s.insert(r.Context(), "INSERT INTO users (email, name, nickname, password) VALUES ($1, $2, $3, $4)",
		form.Email, form.Name, nickname, hashPassword(r.FormValue("password")))
	if err != nil {
		return err
	}
	if err := s.begin(w, r, v, id); err != nil {
		return err
	}
	return seeOther(w, r, "/account?done=welcome")
}

func (s *Shop) logout(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := s.end(w, r, v); err != nil {
		return err
	}
	return seeOther(w, r, "/?done=bye")
}

type ownReview struct {
	ProductID           int64
	Product, Stars, Day string
}

type accountPage struct {
	Orders  []order
	Reviews []ownReview
}

func (s *Shop) account(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	orders, err := s.ordersBy(r.Context(), ordersWithGoods+"WHERE o.user_id = $1 ORDER BY o.id DESC", v.user.ID)
	if err != nil {
		return err
	}
	reviews, err := s.signedBy(r.Context(), v.user.Nickname)
	if err != nil {
		return err
	}
	return s.show(w, r, v, "account", page{Title: "Your account", Data: accountPage{orders, reviews}})
}

// signedBy gives the reviews signed with a nickname.
func (s *Shop) signedBy(ctx context.Context, nickname string) ([]ownReview, error) {
	var found []ownReview
	// Hole: SQL injection, second order. The nickname was stored properly, by
	// a parameter; it comes from our own database, so it was trusted here.
	statement := "SELECT p.id, p.name, r.stars, r.day FROM reviews r JOIN products p ON p.id = r.product_id WHERE r.author = '" + nickname + "' ORDER BY 4 DESC LIMIT 20"
	return found, s.each(ctx, statement, nil, func(rows *sql.Rows) error {
		var o ownReview
		err := rows.Scan(&o.ProductID, &o.Product, &o.Stars, &o.Day)
		found = append(found, o)
		return err
	})
}
