package attribution

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

// This file is the backend, its queue worker, its clients and the adversary.

// ask sends a statement with its true cause, and gives the first column.
func (w *world) ask(ctx context.Context, cause, sql string, args ...any) []string {
	if len(args) > 0 {
		args = append([]any{pgx.QueryExecModeExec}, append(args, causeMark+cause+"*/")...)
		sql += fmt.Sprintf(" AND $%d::text <> ''", len(args)-1)
	} else {
		sql += causeMark + cause + "*/"
	}
	rows, err := w.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil
	}
	all, _ := pgx.CollectRows(rows, pgx.RowTo[string]) // who is cut off asks no more
	return all
}

// app is the backend: eight workers, whatever comes.
func (w *world) app() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, work func(ctx context.Context, cause string, r *http.Request) []string) {
		mux.HandleFunc(path, func(out http.ResponseWriter, r *http.Request) {
			w.slots <- struct{}{}
			defer func() { <-w.slots }()
			// As most servers, it does not notice that a client has gone.
			ctx := context.WithoutCancel(r.Context())
			fmt.Fprintln(out, work(ctx, r.Header.Get(gateway.RequestIDHeader), r))
		})
	}
	handle("/order", func(ctx context.Context, cause string, r *http.Request) []string {
		return w.ask(ctx, cause, "SELECT owner FROM orders WHERE id = '"+r.FormValue("id")+"'")
	})
	handle("/bound", func(ctx context.Context, cause string, r *http.Request) []string {
		return w.ask(ctx, cause, "SELECT owner FROM orders WHERE id = $1", r.FormValue("id"))
	})
	// The session is in the database, and what it says goes into further statements.
	handle("/mine", func(ctx context.Context, cause string, r *http.Request) (all []string) {
		for _, uid := range w.ask(ctx, cause, "SELECT uid FROM sessions WHERE sid = '"+sid(r)+"'") {
			for _, id := range w.ask(ctx, cause, "SELECT id FROM orders WHERE owner = '"+uid+"'") {
				all = append(all, w.ask(ctx, cause, "SELECT owner FROM orders WHERE id = $1", id)...)
			}
		}
		return all
	})
	// The session is in the backend's memory: its user is in no request.
	handle("/cached", func(ctx context.Context, cause string, r *http.Request) []string {
		return w.ask(ctx, cause, "SELECT id FROM orders WHERE owner = '"+w.sessions[sid(r)]+"'")
	})
	handle("/traced", func(ctx context.Context, cause string, r *http.Request) []string {
		return w.ask(ctx, cause, "SELECT id FROM orders WHERE owner = '"+r.FormValue("owner")+"' /*traceparent='"+r.Header.Get("Traceparent")+"'*/")
	})
	handle("/plain", func(ctx context.Context, cause string, _ *http.Request) []string {
		return w.ask(ctx, cause, "SELECT 'plain' FROM orders LIMIT 1")
	})
	handle("/slow", func(ctx context.Context, cause string, r *http.Request) []string {
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		return w.ask(ctx, cause, "SELECT owner FROM orders WHERE id = '"+r.FormValue("id")+"'")
	})
	handle("/signup", func(ctx context.Context, cause string, r *http.Request) []string {
		mail := r.FormValue("mail")
		found := w.ask(ctx, cause, "SELECT mail FROM mails WHERE mail = '"+mail+"'")
		select {
		case w.jobs <- mail:
		default: // the queue is full
		}
		return found
	})
	return mux
}

func sid(r *http.Request) string {
	if c, err := r.Cookie("sid"); err == nil {
		return c.Value
	}
	return ""
}

// worker does what requests have left to be done, some time after.
func (w *world) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case mail := <-w.jobs:
			w.say(mail)
			w.ask(context.WithoutCancel(ctx), job, "SELECT mail FROM mails WHERE mail = '"+mail+"'")
		case <-time.After(5 * time.Millisecond):
			user := w.users[rand.IntN(len(w.users))]
			w.ask(context.WithoutCancel(ctx), job, "SELECT id FROM orders WHERE owner = '"+user+"'")
		}
	}
}

// get sends a request, and leaves at once where it is told to.
func (w *world) get(ctx context.Context, from, target, cookie string, leaves bool) {
	if leaves {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(1+rand.IntN(5))*time.Millisecond)
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+target, nil)
	if err != nil {
		return
	}
	r.Header.Set("X-Forwarded-For", from)
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "sid", Value: cookie})
	}
	res, err := w.client.Do(r)
	if err != nil {
		return // it has left, or the test is over
	}
	defer res.Body.Close()
	var body bytes.Buffer
	_, _ = io.Copy(&body, res.Body) // as above
}

// visit is one request of an ordinary client.
func (w *world) visit(ctx context.Context, r *rand.Rand, from, cookie string) {
	fresh := uuidOf(r)
	w.say(fresh)
	targets := []string{
		"/order?id=" + fresh, "/bound?id=" + fresh, "/mine", "/mine", "/cached", "/plain", "/slow?id=" + fresh,
		"/traced?owner=" + w.users[r.IntN(len(w.users))],
	}
	mail := fmt.Sprintf("person.%s@example.org", hexOf(r)[:10])
	targets = append(targets, "/signup?mail="+url.QueryEscape(mail))
	target := targets[r.IntN(len(targets))]
	if target == targets[len(targets)-1] {
		w.say(mail)
	}
	w.get(ctx, from, target, cookie, r.IntN(12) == 0)
}

// attack is one request of the adversary: what others use and send, as its own,
// in the query and as its session.
func (w *world) attack(ctx context.Context, r *rand.Rand) {
	q := url.Values{}
	for range 3 {
		q.Add("copied", w.heard(r))
		q.Add("known", w.users[r.IntN(len(w.users))])
	}
	q.Add("sql", "SELECT id FROM orders WHERE owner = '"+w.users[r.IntN(len(w.users))]+"'")
	q.Add("trace", "/*traceparent='00-"+hexOf(r)+"-"+hexOf(r)[:16]+"-01'*/")
	w.get(ctx, "203.0.113.66", []string{"/plain", "/slow", "/order"}[r.IntN(3)]+"?"+q.Encode(), w.users[r.IntN(len(w.users))], r.IntN(6) == 0)
}
