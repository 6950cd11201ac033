package leaks

import (
	"net/http"

	"github.com/gatehousehq/gatehouse"
)

// Handler keeps the leaks of next's answers from its clients, for programs
// that use the package alone: a refused answer becomes a bare one of its
// status. It sees bodies as next writes them, so compress outside of it.
func (l *Leaks) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := &holder{w: w, r: r, l: l}
		next.ServeHTTP(h, r)
		h.finish()
	})
}

// every refuses what is found.
func every(gatehouse.Decision) bool { return true }

// A holder holds the beginning of an answer until it is decided.
type holder struct {
	w       http.ResponseWriter
	r       *http.Request
	l       *Leaks
	scan    *Scan
	status  int
	held    []byte
	out     []byte
	sent    bool // the head is on its way
	refused bool
}

func (h *holder) Header() http.Header { return h.w.Header() }

// WriteHeader begins the answer.
func (h *holder) WriteHeader(status int) {
	if h.status != 0 {
		return
	}
	if status < 200 {
		h.w.WriteHeader(status)
		return
	}
	h.status = status
	res := &http.Response{StatusCode: status, Header: h.w.Header(), Request: h.r}
	if h.scan = h.l.Begin(res, nil, every); h.scan == nil {
		h.sent = true
		h.w.WriteHeader(status)
	}
}

func (h *holder) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	switch {
	case h.refused:
		return len(p), nil
	case h.scan == nil:
		return h.w.Write(p)
	case h.sent:
		return len(p), h.pass(p, false)
	}
	n := min(len(p), Held-len(h.held))
	h.held = append(h.held, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	if err := h.decide(false); err != nil || h.refused {
		return len(p), err
	}
	return len(p), h.pass(p[n:], false)
}

// finish sends what is left.
func (h *holder) finish() {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	// An error of the writes means that the client has gone.
	if h.scan != nil && !h.sent && !h.refused {
		_ = h.decide(true)
		return
	}
	if h.scan != nil && h.sent {
		_ = h.pass(nil, true)
	}
}

// decide asks about what is held, and sends it or the refusal.
func (h *holder) decide(final bool) error {
	d := h.scan.Held(h.held, final)
	if d.Verdict != gatehouse.Pass {
		h.refused = true
		header := h.w.Header()
		for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges", "Set-Cookie"} {
			header.Del(name)
		}
		http.Error(h.w, http.StatusText(d.HTTPStatus()), d.HTTPStatus())
		return nil
	}
	h.sent = true
	h.w.WriteHeader(h.status)
	return h.pass(h.held, final)
}

func (h *holder) pass(p []byte, final bool) error {
	h.out = h.scan.Next(h.out[:0], p, final)
	_, err := h.w.Write(h.out)
	return err
}
