package shop

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"
)

type handler func(w http.ResponseWriter, r *http.Request, v *visit) error

func (s *Shop) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range s.pageRoutes() {
		mux.Handle(pattern, s.wrap(h, s.showError))
	}
	for pattern, h := range s.apiRoutes() {
		mux.Handle(pattern, anyOrigin(s.wrap(h, s.showAPIError)))
	}
	return mux
}

func (s *Shop) pageRoutes() map[string]handler {
	return map[string]handler{
		"GET /{$}":                       s.home,
		"GET /catalogue":                 s.catalogue,
		"GET /search":                    s.search,
		"GET /products/{id}":             s.product,
		"POST /products/{id}/reviews":    s.addReview,
		"POST /reviews/helpful":          s.voteHelpful,
		"GET /cart":                      s.cart,
		"POST /cart/add":                 s.cartAdd,
		"POST /cart/update":              s.cartUpdate,
		"GET /checkout":                  s.checkout,
		"POST /checkout":                 s.placeOrder,
		"GET /login":                     s.loginForm,
		"POST /login":                    s.login,
		"GET /signup":                    s.signupForm,
		"POST /signup":                   s.signup,
		"POST /logout":                   s.logout,
		"GET /account":                   s.account,
		"GET /orders/{id}":               s.order,
		"GET /orders/{id}/invoice":       s.invoice,
		"POST /orders/{id}/cancel":       s.cancelOrder,
		"POST /orders/{id}/address":      s.changeAddress,
		"GET /profile":                   s.profile,
		"POST /profile":                  s.saveProfile,
		"POST /profile/picture":          s.uploadPicture,
		"POST /profile/picture-from-url": s.fetchPicture,
		"GET /uploads/{name}":            s.upload,
		"GET /download":                  s.download,
		"GET /admin":                     s.admin,
		"GET " + customersPath:           s.customers,
		"POST /admin/products/{id}":      s.setPrice,
		"GET /debug":                     s.debug,
		"GET /pictures/{name}":           s.picture,
		"GET /static/{name}":             s.staticFile,
		"GET /favicon.ico":               s.favicon,
		"/":                              func(http.ResponseWriter, *http.Request, *visit) error { return errNotFound },
	}
}

func (s *Shop) apiRoutes() map[string]handler {
	return map[string]handler{
		"POST /api/session":        s.apiSignIn,
		"POST /api/token":          s.apiToken,
		"GET /api/keys":            s.apiKeys,
		"GET /api/staff/customers": s.apiCustomers,
		"GET /api/products":        s.apiProducts,
		"GET /api/products/{id}":   s.apiProduct,
		"GET /api/orders":          s.apiOrders,
		"GET /api/orders/{id}":     s.apiOrder,
		"PATCH /api/orders/{id}":   s.apiChangeOrder,
		"GET /api/cart":            s.apiCart,
		"POST /api/cart":           s.apiCartAdd,
		"GET /api/profile":         s.apiProfile,
		"PATCH /api/profile":       s.apiSaveProfile,
		"/api/":                    func(http.ResponseWriter, *http.Request, *visit) error { return errNotFound },
		"OPTIONS /api/":            s.preflight,
	}
}

// A refusal is an answer that is the visitor's doing, with words for them.
type refusal struct {
	status int
	words  string
}

func (e *refusal) Error() string { return fmt.Sprintf("%d: %s", e.status, e.words) }

var (
	errNotFound = &refusal{http.StatusNotFound, "There is nothing here. It may have been sold, moved or eaten by moths."}
	errSignIn   = &refusal{http.StatusUnauthorized, "Please sign in first."}
)

const maxBody = 8 << 20

func (s *Shop) wrap(h handler, show func(http.ResponseWriter, *http.Request, *visit, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{}
		defer func() {
			if p := recover(); p != nil {
				show(w, r, v, &statementError{stack: debug.Stack(), err: fmt.Errorf("panic: %v", p)})
			}
		}()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		found, err := s.visitOf(r)
		if err == nil {
			v = found
			err = h(w, r, v)
		}
		if errors.Is(err, sql.ErrNoRows) {
			err = errNotFound
		}
		if err != nil {
			show(w, r, v, err)
		}
	})
}

// showError answers with the page for an error.
func (s *Shop) showError(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	var told *refusal
	if errors.As(err, &told) {
		if told == errSignIn && r.Method == http.MethodGet {
			http.Redirect(w, r, "/login?next="+r.URL.Path, http.StatusSeeOther)
			return
		}
		s.render(w, r, v, told.status, "error", page{Title: http.StatusText(told.status), Data: told.words})
		return
	}
	s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	// Hole: stack traces. The statement and the stack are for a log, not for
	// whoever caused the error.
	s.render(w, r, v, http.StatusInternalServerError, "crash", page{Title: "Internal error", Data: crashOf(err)})
}

type crash struct {
	Error     string `json:"error"`
	Statement string `json:"statement,omitempty"`
	Stack     string `json:"stack"`
}

func crashOf(err error) crash {
	c := crash{Error: err.Error(), Stack: string(debug.Stack())}
	var e *statementError
	if errors.As(err, &e) {
		c = crash{Error: e.err.Error(), Statement: e.statement, Stack: string(e.stack)}
	}
	return c
}

type asset struct {
	name, etag string
	body       []byte
}

func loadAssets(dir string) (map[string]asset, error) {
	sub, err := fs.Sub(assets, dir)
	if err != nil {
		return nil, err
	}
	found := map[string]asset{}
	return found, fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(sub, name)
		sum := sha256.Sum256(body)
		found[name] = asset{name: name, etag: `"` + hex.EncodeToString(sum[:8]) + `"`, body: body}
		return err
	})
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) error {
	if a.body == nil {
		return errNotFound
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("ETag", a.etag)
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.body))
	return nil
}

func (s *Shop) staticFile(w http.ResponseWriter, r *http.Request, _ *visit) error {
	return s.static[r.PathValue("name")].serve(w, r)
}

func (s *Shop) favicon(w http.ResponseWriter, r *http.Request, _ *visit) error {
	return s.static["mark.svg"].serve(w, r)
}

// picture serves a product's picture.
func (s *Shop) picture(w http.ResponseWriter, r *http.Request, _ *visit) error {
	name := r.PathValue("name")
	if a, ok := s.pictures[name]; ok {
		return a.serve(w, r)
	}
	// Hole: path traversal. What is not a product's picture is looked for in
	// the folder, wherever "..%2f" leads (confined to the shop's own folder).
	return s.serveFile(w, r, path.Join("public/pictures", name))
}

// download gives a product's picture as a file to keep.
func (s *Shop) download(w http.ResponseWriter, r *http.Request, _ *visit) error {
	file := r.URL.Query().Get("file")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(file)}))
	// Hole: path traversal. file=../../config/shop.env leaves the folder of
	// pictures (confined to the shop's own folder).
	return s.serveFile(w, r, path.Join("public/pictures", file))
}

func (s *Shop) serveFile(w http.ResponseWriter, r *http.Request, name string) error {
	body, err := s.root.ReadFile(strings.TrimPrefix(name, "/"))
	if err != nil {
		w.Header().Del("Content-Disposition")
		return errNotFound
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	return nil
}
