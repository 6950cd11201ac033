package shop

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// unopened is a database that can't be opened.
type unopened struct{}

func (unopened) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("never") }
func (unopened) Driver() driver.Driver                        { return nil }

func TestConnector_StatementsThatReachOtherFiles_AreRefused(t *testing.T) {
	s, _ := open(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere.db")
	for _, statement := range []string{
		"ATTACH DATABASE '" + elsewhere + "' AS e",
		"SELECT 1; ATTACH DATABASE '" + elsewhere + "' AS e; CREATE TABLE e.t (x)",
		"VACUUM INTO '" + elsewhere + "'",
		"PRAGMA temp_store_directory = '" + filepath.Dir(elsewhere) + "'",
		"CREATE VIRTUAL TABLE v USING csv(filename='" + elsewhere + "')",
		"SELECT load_extension('" + elsewhere + "')",
		"SELECT writefile('" + elsewhere + "', 'x')",
	} {
		if _, err := s.db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s was run", statement)
		}
	}
	if _, err := os.Stat(elsewhere); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written elsewhere: %v", err)
	}
}

func TestDownload_BeyondTheShopsFolder_IsNotFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "private.txt"), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Path: filepath.Join(dir, "shop.db"), Dir: filepath.Join(dir, "files")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Symlink(filepath.Join(dir, "private.txt"), filepath.Join(dir, "files/public/pictures/link.svg")); err != nil {
		t.Fatal(err)
	}
	local := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	for _, path := range []string{
		"/download?file=../../../private.txt", "/download?file=../../../../../../../../etc/passwd", "/download?file=/etc/passwd",
		"/download?file=link.svg", "/pictures/..%2f..%2f..%2fprivate.txt", "/uploads/..%2f..%2f..%2fprivate.txt", "/download?file=", "/download?file=%00",
	} {
		request, err := http.NewRequestWithContext(local, "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request)
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "own") && strings.Contains(w.Body.String(), "somebody") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestReachable_AnythingButTheShopItself_IsRefused(t *testing.T) {
	s, _ := open(t)
	own := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for address, want := range map[string]string{
		"warehouse.internal:80":          "127.0.0.1:" + s.inHouse.port,
		"photos.example:80":              "127.0.0.1:" + s.inHouse.port,
		"127.0.0.1:" + s.inHouse.port:    "127.0.0.1:" + s.inHouse.port,
		"localhost:8080":                 "127.0.0.1:8080",
		"127.0.0.1:8080":                 "127.0.0.1:8080",
		"127.0.0.1:22":                   "",
		"[::1]:631":                      "",
		"169.254.169.254:80":             "",
		"192.168.0.1:80":                 "",
		"example.com:80":                 "",
		"0.0.0.0:8080":                   "",
		"127.0.0.1":                      "",
		"2130706433:8080":                "",
		"warehouse.internal.evil.org:80": "",
	} {
		got, err := s.reachable(address, own)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("reachable(%q) = %q, %v", address, got, err)
		}
	}
}

func TestFetchPicture_AnotherPortOfThisMachine_IsNotAsked(t *testing.T) {
	_, server := open(t)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the shop asked another server") }))
	defer other.Close()
	marta := signIn(t, server, Accounts()[1])
	status, body := ask(t, server, "POST", "/profile/picture-from-url", marta, "url="+other.URL+"/x")
	if status != http.StatusBadGateway || !strings.Contains(body, "itself only") {
		t.Errorf("%d", status)
	}
}

// watched notes the statements that a shop runs, as a wrapped driver does.
type watched struct {
	driver.Connector
	mu         sync.Mutex
	statements []string
}

func (w *watched) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := w.Connector.Connect(ctx)
	return &watchedConn{c, w}, err
}

type watchedConn struct {
	driver.Conn
	w *watched
}

func (c *watchedConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	c.w.mu.Lock()
	c.w.statements = append(c.w.statements, q)
	c.w.mu.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, q, args)
}

func TestNew_WrappedDatabase_SeesTheShopsStatements(t *testing.T) {
	c, err := Connector(filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Connector: c}
	db := sql.OpenDB(w)
	s, err := New(Options{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv6loopback}), "GET", "/products/7", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK || !slices.Contains(w.statements, "SELECT "+productColumns+" FROM products WHERE id = 7") {
		t.Errorf("%d %q", answer.Code, w.statements)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("the caller's database was closed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
