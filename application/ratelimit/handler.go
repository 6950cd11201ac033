package ratelimit

import (
	"net/http"
	"net/netip"
	"strconv"

	"github.com/gatehousehq/gatehouse"
)

// Handler checks requests before next, for programs that use the package alone: the
// address is the connection's, and who says who asks; nil for nobody. The gate
// answers in its own words.
func (l *Limits) Handler(next http.Handler, who func(*http.Request) gatehouse.Principal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, _ := netip.ParseAddrPort(r.RemoteAddr) // none counts as one for all
		q := Request{Method: r.Method, Path: r.URL.EscapedPath(), Dest: r.Header.Get("Sec-Fetch-Dest"), Addr: peer.Addr()}
		d, s := l.CheckAddress(r.Context(), q)
		if d.Verdict == gatehouse.Pass {
			if who != nil {
				q.Principal = who(r)
			}
			d, s = l.CheckPrincipal(r.Context(), q, s)
		}
		if d.Verdict != gatehouse.Pass {
			s.Fields(w.Header())
			if after := s.RetryAfter(); after > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(after))
			}
			http.Error(w, http.StatusText(d.HTTPStatus()), d.HTTPStatus())
			return
		}
		answer := &watched{ResponseWriter: w, standing: s}
		next.ServeHTTP(answer, r)
		answer.begin(http.StatusOK)
		l.Answered(r.Context(), q, s, answer.status, w.Header())
	})
}

// watched sees an answer's status, and sets the fields before its head goes out.
type watched struct {
	http.ResponseWriter
	standing Standing
	status   int
}

func (w *watched) begin(status int) {
	if w.status == 0 {
		w.status = status
		w.standing.Fields(w.Header())
	}
}

// WriteHeader begins the answer, unless the status is one that comes before it.
func (w *watched) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] at what is below.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
