package scenarios

import (
	"bytes"
	"context"
	"crypto/sha1"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"modernc.org/sqlite"

	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/internal/gateway"
)

var officeServes = regexp.MustCompile(`(?m)^office: (\S+)$`)

// startOffice starts the program bureau, and waits until it serves; $GATE is
// its gate's address.
func startOffice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: office")
	}
	start(ts, false, []string{"office", "bureau"})
	w := worldOf(ts)
	text, ok := await(ts, filepath.Join(w.dir, "office.out"), officeServes, w.programs["office"])
	if !ok {
		ts.Fatalf("the office does not serve: %s; %s", oneLine(text), oneLine(ts.ReadFile(filepath.Join(w.dir, "office.err"))))
	}
	ts.Setenv("GATE", officeServes.FindStringSubmatch(text)[1])
}

// office is the program bureau: a backend with a gate before it and between it and its database: a
// list of people, an SQL console for the people of the office, and sign-up.
func office() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := runOffice(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "office:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runOffice(ctx context.Context) (err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	state := os.Getenv("GATEHOUSE_STATE")
	load := func() (*config.Config, error) {
		c := config.Default()
		o := config.Options{Upstream: "http://" + ln.Addr().String(), Rungs: gateway.RungNames(), Strict: gateway.StrictRungs()}
		file := filepath.Join(state, "gatehouse.yaml")
		if _, err := os.Stat(file); err == nil {
			if c, err = config.Load(file, o); err != nil {
				return nil, err
			}
		}
		c.Upstream, c.Network.Listen = o.Upstream, []string{"127.0.0.1:0"}
		return c, c.Validate(o)
	}
	c, err := load()
	if err != nil {
		return err
	}
	gate, err := gateway.New(gateway.Options{Config: c, State: state, Load: load, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.Close()) }()
	server, db, err := officeServer(gate, filepath.Join(state, "office.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	go func() { _ = server.Serve(ln) }() // it ends with the process
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for range hangup {
			fmt.Fprintln(os.Stderr, "configuration read again:", gate.Admin().Reload(ctx))
		}
	}()
	return gate.Run(ctx, func(addresses []string) { fmt.Println("office:", addresses[0]) })
}

func officeServer(gate *gateway.Gate, file string) (*http.Server, *sql.DB, error) {
	bare, err := sqlite.NewConnector("file:" + file)
	if err != nil {
		return nil, nil, err
	}
	judged, err := gate.BetweenSQLite(bare, "office")
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(judged)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS people (name TEXT, password TEXT)"); err != nil {
		return nil, nil, err
	}
	answer := func(w http.ResponseWriter, r *http.Request, query string, args ...any) {
		var body bytes.Buffer
		rows, err := db.QueryContext(r.Context(), query, args...)
		if err == nil {
			for rows.Next() {
				var name string
				_ = rows.Scan(&name) // an empty line, then
				fmt.Fprintln(&body, name)
			}
			err = rows.Close()
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(body.Bytes())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/people", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, "SELECT name FROM people WHERE name = '"+r.FormValue("name")+"'")
	})
	mux.HandleFunc("POST /console", func(w http.ResponseWriter, r *http.Request) { answer(w, r, r.FormValue("sql")) })
	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
		digest := sha1.Sum([]byte(r.FormValue("password")))
		answer(w, r, "INSERT INTO people (name, password) VALUES (?, ?)", r.FormValue("name"), hex.EncodeToString(digest[:]))
	})
	h, err := gate.Around(mux)
	return &http.Server{Handler: h}, db, err
}
