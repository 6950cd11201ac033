package shop

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

type profilePage struct {
	Of  *user
	Own bool
}

// profile shows the visitor's profile, or with ?id= that of somebody else.
// Hole: IDOR on read. Anybody's, with the address.
func (s *Shop) profile(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	of, err := s.profileOf(r, v, r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	return s.show(w, r, v, "profile", page{Title: "Profile", Data: profilePage{of, of.ID == v.user.ID}})
}

func (s *Shop) profileOf(r *http.Request, v *visit, id string) (*user, error) {
	if id == "" {
		return v.user, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, errNotFound
	}
	return s.userByID(r, n)
}

// saveProfile saves the fields of a profile.
// Hole: IDOR on write. The form says whose it is, in a hidden field. Hole: CSRF.
func (s *Shop) saveProfile(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	of, err := s.profileOf(r, v, r.FormValue("id"))
	if err != nil {
		return err
	}
	name := strings.TrimSpace(r.FormValue("name"))
	if name == "" {
		return &refusal{http.StatusUnprocessableEntity, "A profile needs a name."}
	}
	err = s.run(r.Context(), "UPDATE users SET name = $1, nickname = $2, street = $3, city = $4 WHERE id = $5",
		name, strings.TrimSpace(r.FormValue("nickname")), strings.TrimSpace(r.FormValue("street")), strings.TrimSpace(r.FormValue("city")), of.ID)
	if err != nil {
		return err
	}
	return seeOther(w, r, "/profile?done=saved")
}

// uploadPicture takes a picture as a file.
func (s *Shop) uploadPicture(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.user == nil {
		return errSignIn
	}
	file, header, err := r.FormFile("picture")
	if err != nil {
		return &refusal{http.StatusUnprocessableEntity, "Please choose a picture first."}
	}
	body, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("reading the upload: %w", err)
	}
	return s.keepPicture(w, r, v, header.Filename, body)
}

// keepPicture stores a picture under a name of our own, with the ending it had.
func (s *Shop) keepPicture(w http.ResponseWriter, r *http.Request, v *visit, filename string, body []byte) error {
	// Hole: unrestricted upload. The ending decides what a browser makes of
	// the file, and .html and .svg run scripts.
	ending := path.Ext(filename)
	if strings.ContainsAny(ending, "/\\\x00") || len(ending) > 12 {
		ending = ""
	}
	name := rand.Text() + ending
	if err := s.root.WriteFile("public/uploads/"+name, body, 0o600); err != nil {
		return fmt.Errorf("keeping the picture: %w", err)
	}
	if err := s.run(r.Context(), "UPDATE users SET picture = $1 WHERE id = $2", "/uploads/"+name, v.user.ID); err != nil {
		return err
	}
	return seeOther(w, r, "/profile?done=picture")
}

func (s *Shop) upload(w http.ResponseWriter, r *http.Request, _ *visit) error {
	name := r.PathValue("name")
	if strings.ContainsAny(name, "/\\") {
		return errNotFound
	}
	body, err := s.root.ReadFile("public/uploads/" + name)
	if err != nil {
		return errNotFound
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	return nil
}
