package cli

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
)

// While the demo attacks its shops, an attack gets as far as running programs.
// So then they answer the demo alone, which says a word that no page in a
// browser of this machine, and no other account of it, can guess.
type ours struct{ word string }

const oursHeader = "Demo-Word"

func newOurs() *ours { return &ours{rand.Text()} }

// around is what the shop has around its handler, with the question for the
// word around that.
func (o ours) around(inner func(http.Handler) (http.Handler, error)) func(http.Handler) (http.Handler, error) {
	return func(h http.Handler) (http.Handler, error) {
		if inner == nil {
			return o.only(h), nil
		}
		next, err := inner(h)
		return o.only(next), err
	}
}

// only has next answer nobody who does not say the word.
func (o ours) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(oursHeader)), []byte(o.word)) != 1 {
			http.Error(w, "This shop is being attacked, and answers its attacker alone.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// saying sends the word along.
type saying struct {
	http.RoundTripper
	word string
}

func (s saying) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(oursHeader, s.word)
	return s.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections is what http.Client's asks for.
func (s saying) CloseIdleConnections() {
	if c, ok := s.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
