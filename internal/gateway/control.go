package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/events/sink"
	"github.com/gatehousehq/gatehouse/network"
)

// ControlSocket is the socket's name in the state folder. Its mode is 0600:
// whoever may read the state may speak to the gate, and nobody else.
const ControlSocket = "control.sock"

// maxControl bounds what a command sends.
const maxControl = 1 << 20

// controlHandler serves an Admin over the socket: one POST for each method,
// its argument and its result as JSON; follow answers with a line an event.
func (g *Gate) controlHandler() http.Handler {
	a := local{g}
	mux := http.NewServeMux()
	mux.Handle("POST /status", call(func(ctx context.Context, _ struct{}) (Status, error) { return a.Status(ctx) }))
	mux.Handle("POST /layers", call(func(ctx context.Context, _ struct{}) (Layers, error) { return a.Layers(ctx) }))
	mux.Handle("POST /find", call(a.Find))
	mux.Handle("POST /search", call(a.Search))
	mux.Handle("POST /report", call(a.Report))
	mux.Handle("POST /coverage", call(func(ctx context.Context, _ struct{}) (Coverage, error) { return a.Coverage(ctx) }))
	mux.Handle("POST /bans", call(func(ctx context.Context, _ struct{}) ([]network.Ban, error) { return a.Bans(ctx) }))
	mux.Handle("POST /ban", call(func(ctx context.Context, b BanRequest) (struct{}, error) { return struct{}{}, a.Ban(ctx, b) }))
	mux.Handle("POST /unban", call(func(ctx context.Context, p netip.Prefix) (struct{}, error) { return struct{}{}, a.Unban(ctx, p) }))
	mux.Handle("POST /reload", call(func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, a.Reload(ctx) }))
	mux.Handle("POST /suggest-policy", call(func(ctx context.Context, _ struct{}) (PolicySuggestion, error) { return a.SuggestPolicy(ctx) }))
	mux.Handle("POST /suggest-sql", call(a.SuggestSQL))
	mux.Handle("POST /suggest-ownership", call(func(ctx context.Context, _ struct{}) (OwnershipSuggestion, error) { return a.SuggestOwnership(ctx) }))
	mux.HandleFunc("POST /follow", func(w http.ResponseWriter, r *http.Request) {
		rc, enc := http.NewResponseController(w), json.NewEncoder(w)
		_ = rc.Flush() // the head; the first event's write tells a failure
		_ = a.Follow(r.Context(), func(e gatehouse.Event) error {
			return errors.Join(enc.Encode(e), rc.Flush())
		})
	})
	return mux
}

// call makes a handler of a method.
func call[In, Out any](f func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl)).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := f(r.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the command has gone where it fails
	})
}

// client is an Admin on the other side of the socket.
type client struct{ http *http.Client }

// Dial reaches the gate that runs with this state folder, or fails with
// [ErrNotRunning].
func Dial(ctx context.Context, dir string) (Admin, error) {
	path := filepath.Join(dir, ControlSocket)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	c, err := dial(ctx, "", "")
	if err != nil {
		return nil, ErrNotRunning
	}
	_ = c.Close() // it was opened to see that somebody listens
	return &client{&http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

func (c *client) post(ctx context.Context, method string, in any) (io.ReadCloser, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gate/"+url.PathEscape(method), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking the running gate: %w", errors.Unwrap(err))
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	words, err := io.ReadAll(io.LimitReader(res.Body, maxControl))
	if err != nil {
		return nil, fmt.Errorf("asking the running gate: %w", err)
	}
	return nil, errors.New(string(bytes.TrimSpace(words)))
}

func ask[Out any](ctx context.Context, c *client, method string, in any) (out Out, err error) {
	body, err := c.post(ctx, method, in)
	if err != nil {
		return out, err
	}
	defer body.Close()
	return out, json.NewDecoder(body).Decode(&out)
}

func (c *client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, "status", struct{}{})
}

func (c *client) Layers(ctx context.Context) (Layers, error) {
	return ask[Layers](ctx, c, "layers", struct{}{})
}

func (c *client) Find(ctx context.Context, id string) ([]gatehouse.Event, error) {
	return ask[[]gatehouse.Event](ctx, c, "find", id)
}

func (c *client) Search(ctx context.Context, f sink.Filter) ([]gatehouse.Event, error) {
	return ask[[]gatehouse.Event](ctx, c, "search", f)
}

func (c *client) Report(ctx context.Context, q sink.ReportQuery) ([]sink.ReportLine, error) {
	return ask[[]sink.ReportLine](ctx, c, "report", q)
}

func (c *client) Coverage(ctx context.Context) (Coverage, error) {
	return ask[Coverage](ctx, c, "coverage", struct{}{})
}

func (c *client) Bans(ctx context.Context) ([]network.Ban, error) {
	return ask[[]network.Ban](ctx, c, "bans", struct{}{})
}

func (c *client) Ban(ctx context.Context, b BanRequest) error {
	_, err := ask[struct{}](ctx, c, "ban", b)
	return err
}

func (c *client) Unban(ctx context.Context, p netip.Prefix) error {
	_, err := ask[struct{}](ctx, c, "unban", p)
	return err
}

func (c *client) Reload(ctx context.Context) error {
	_, err := ask[struct{}](ctx, c, "reload", struct{}{})
	return err
}

func (c *client) Follow(ctx context.Context, f func(gatehouse.Event) error) error {
	body, err := c.post(ctx, "follow", struct{}{})
	if err != nil {
		return err
	}
	defer body.Close()
	for dec := json.NewDecoder(body); ; {
		var e gatehouse.Event
		if err := dec.Decode(&e); err != nil {
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("the running gate broke off: %w", err)
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

func (c *client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
