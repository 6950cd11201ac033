package exchange

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gatehousehq/gatehouse/input"
)

// HandlerOptions configure NewHandler.
type HandlerOptions struct {
	// Next serves the program's requests.
	Next http.Handler
	// Table holds the live exchanges: the gate's own, where both run in one
	// process.
	Table *Table
	// Parser finds the inputs of requests that did not come through the gate.
	// Nil means one with the defaults.
	Parser *input.Parser
}

type handler struct {
	next   http.Handler
	table  *Table
	parser *input.Parser
}

// NewHandler is for a Go program whose statements taint/sqldriver judges: Next
// gets each request with its exchange in the context ([From]).
//
// A request whose traceparent names a live exchange of Table is that
// exchange's: nobody but the gate and its backend knows the identifier. Any
// other begins an exchange of its own, with RemoteAddr as its client and the
// inputs that Parser finds, which ends when Next returns; where a body can't be
// parsed wholly, the inputs found up to there count and the request passes on.
// A program behind another proxy sets Client, or Principal, of From's exchange
// before its first statement. Where the table is full, the answer is 503.
func NewHandler(o HandlerOptions) (http.Handler, error) {
	switch {
	case o.Next == nil:
		return nil, errors.New("exchange: HandlerOptions.Next is missing: give the program's own handler")
	case o.Table == nil:
		return nil, errors.New("exchange: HandlerOptions.Table is missing: give the gate's, or one of NewTable")
	}
	if o.Parser == nil {
		p, err := input.New(input.Options{})
		if err != nil {
			return nil, err
		}
		o.Parser = p
	}
	return &handler{o.Next, o.Table, o.Parser}, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if From(r.Context()) != nil { // an outer handler of this kind
		h.next.ServeHTTP(w, r)
		return
	}
	if x, ok := h.table.ByTrace(traceOf(r.Header)); ok {
		h.next.ServeHTTP(w, r.WithContext(With(r.Context(), x)))
		return
	}
	x, err := h.table.Begin()
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	defer h.table.End(x)
	x.Method, x.Host, x.Path = r.Method, r.Host, r.URL.EscapedPath()
	x.Route = input.Route(x.Method, x.Path)
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.Client = at.Addr().Unmap()
	}
	r = r.WithContext(With(r.Context(), x))
	// An error is of the body: what was found before it stays, and the program
	// meets the rest itself.
	x.Inputs, _ = h.parser.Parse(r)
	h.next.ServeHTTP(w, r)
}

// traceOf reads the trace identifier of the one traceparent field (W3C Trace
// Context section 3.2.2, version 00); "" where it is missing or malformed.
func traceOf(h http.Header) string {
	fields := h["Traceparent"]
	if len(fields) != 1 || len(fields[0]) != len("00-")+32+1+16+len("-01") {
		return ""
	}
	f := fields[0]
	trace, span, flags := f[3:35], f[36:52], f[53:]
	if f[:3] != "00-" || f[35] != '-' || f[52] != '-' || !identifier(trace) || !identifier(span) || !hexadecimal(flags) {
		return ""
	}
	return trace
}

// identifier reports whether s is lower-case hexadecimal and not all zeros.
func identifier(s string) bool { return hexadecimal(s) && strings.Trim(s, "0") != "" }

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
