package scenarios

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatehousehq/gatehouse/internal/throwaway"
)

// database starts a PostgreSQL of the script's own; $DB is its URL, with a user
// and a password as a person would have it.
func database(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: database")
	}
	server, err := throwaway.Start(context.Background(), throwaway.Options{})
	ts.Check(err)
	w := worldOf(ts)
	w.closers = append(w.closers, func() {
		if err := server.Close(); err != nil {
			ts.Logf("ending PostgreSQL: %v", err)
		}
	})
	c, err := pgx.Connect(context.Background(), server.DSN("postgres"))
	ts.Check(err)
	_, err = c.Exec(context.Background(), "CREATE TABLE items (name text); INSERT INTO items VALUES ('lamp'); CREATE TABLE secrets (word text); INSERT INTO secrets VALUES ('xyzzy')")
	ts.Check(err)
	ts.Check(c.Close(context.Background()))
	ts.Setenv("DB", server.DSNFor("postgres", "the-databases-own-password", "postgres"))
}

// clerk is a backend that reads DATABASE_URL and concatenates.
func clerk() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clerk PORT")
		os.Exit(2)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "clerk:", err)
		os.Exit(1)
	}
	server := &http.Server{Handler: http.HandlerFunc(look)}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Println("PGUSER", os.Getenv("PGUSER"), "PGHOST", os.Getenv("PGHOST"), "PGDATABASE", os.Getenv("PGDATABASE"))
	_ = server.Serve(ln) // it ends when the script says so
}

func look(w http.ResponseWriter, r *http.Request) {
	c, err := pgx.Connect(r.Context(), os.Getenv("DATABASE_URL"))
	if err != nil {
		http.Error(w, "no database", http.StatusServiceUnavailable)
		return
	}
	defer c.Close(context.Background())
	rows, err := c.Query(r.Context(), "SELECT name FROM items WHERE name = '"+r.FormValue("name")+"'", pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		var names []string
		if names, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
			fmt.Fprintln(w, names)
			return
		}
	}
	http.Error(w, "the page could not be made", http.StatusInternalServerError)
}
