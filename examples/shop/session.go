package shop

import (
	"crypto/md5"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"net/http"
)

const sessionCookie = "wren_session"

// A user is one row of the table users.
type user struct {
	ID       int64  `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Nickname string `json:"nickname"`
	Password string `json:"password_md5"`
	Role     string `json:"role"`
	Street   string `json:"street"`
	City     string `json:"city"`
	Picture  string `json:"picture"`
}

const userColumns = "id, email, name, nickname, password, role, street, city, picture"

func (u *user) fields() []any {
	return []any{&u.ID, &u.Email, &u.Name, &u.Nickname, &u.Password, &u.Role, &u.Street, &u.City, &u.Picture}
}

// A visit is one request's session: the token of the cart, and who is signed in.
type visit struct {
	token string // empty: nothing was put into a cart, nobody signed in
	user  *user  // nil: nobody is signed in
}

// Hole: weak password hashing. MD5 without a salt: a list of hashes is a list
// of passwords within minutes.
func hashPassword(password string) string {
	sum := md5.Sum([]byte(password))
	return hex.EncodeToString(sum[:])
}

func (s *Shop) visitOf(r *http.Request) (*visit, error) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return &visit{}, nil
	}
	var id int64
	err = s.one(r.Context(), "SELECT user_id FROM sessions WHERE token = $1", []any{c.Value}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return &visit{}, nil
	}
	if err != nil {
		return nil, err
	}
	v := &visit{token: c.Value}
	if id == 0 {
		return v, nil
	}
	u, err := s.userByID(r, id)
	if errors.Is(err, sql.ErrNoRows) {
		return v, nil
	}
	v.user = u
	return v, err
}

func (s *Shop) userByID(r *http.Request, id int64) (*user, error) {
	u := new(user)
	return u, s.one(r.Context(), "SELECT "+userColumns+" FROM users WHERE id = $1", []any{id}, u.fields()...)
}

// begin starts a session for the user (0: nobody yet), takes the cart of the
// session before along, and ends that one.
func (s *Shop) begin(w http.ResponseWriter, r *http.Request, v *visit, userID int64) error {
	token := rand.Text()
	if err := s.run(r.Context(), "INSERT INTO sessions (token, user_id) VALUES ($1, $2)", token, userID); err != nil {
		return err
	}
	if v.token != "" {
		if err := s.run(r.Context(), "UPDATE cart_lines SET session = $1 WHERE session = $2", token, v.token); err != nil {
			return err
		}
		if err := s.run(r.Context(), "DELETE FROM sessions WHERE token = $1", v.token); err != nil {
			return err
		}
	}
	v.token = token
	// Hole: session cookie without attributes. Scripts can read it, it goes
	// over plain HTTP, and it is sent along from other sites.
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token, Path: "/"})
	return nil
}

func (s *Shop) end(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.token != "" {
		if err := s.run(r.Context(), "DELETE FROM cart_lines WHERE session = $1", v.token); err != nil {
			return err
		}
		if err := s.run(r.Context(), "DELETE FROM sessions WHERE token = $1", v.token); err != nil {
			return err
		}
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1})
	return nil
}
