package shop

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open gives a shop of its own on SQLite, and a server for it.
func open(t *testing.T) (*Shop, *httptest.Server) {
	t.Helper()
	return openWith(t, Options{Path: filepath.Join(t.TempDir(), "shop.db")})
}

func openWith(t *testing.T, o Options) (*Shop, *httptest.Server) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, server
}

func ask(t *testing.T, server *httptest.Server, method, path, cookie, form string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	if form != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{Transport: server.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(body) + response.Header.Get("Set-Cookie")
}

func signIn(t *testing.T, server *httptest.Server, a Account) string {
	t.Helper()
	status, answer := ask(t, server, "POST", "/login", "", "email="+a.Email+"&password="+a.Password)
	cookie := regexp.MustCompile(sessionCookie + `=\w+`).FindString(answer)
	if status != http.StatusSeeOther || cookie == "" {
		t.Fatalf("signing in as %s: %d %s", a.Email, status, answer)
	}
	return cookie
}

func TestNew_BadOptions_AreNamed(t *testing.T) {
	db := sql.OpenDB(unopened{})
	defer func() { _ = db.Close() }() // it was never opened
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"neither":       {Options{}, "Options.DB or Options.Path"},
		"both":          {Options{DB: db, Path: "x"}, "Options.DB and Options.Path"},
		"no file of it": {Options{Path: "x", Engine: PostgreSQL}, "Options.Engine"},
		"no such place": {Options{Path: filepath.Join(file, "shop.db")}, "opening the database"},
		"dir is a file": {Options{Path: filepath.Join(t.TempDir(), "shop.db"), Dir: file}, "Options.Dir"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(c.options)
			if err == nil {
				t.Fatal("no error", s.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not name %s", err, c.want)
			}
		})
	}
}

func TestListen_BeyondLoopback_IsRefused(t *testing.T) {
	for _, address := range []string{"", ":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.com:80", "127.0.0.1", "127.0.0.1.example.com:80"} {
		ln, err := Listen(address)
		if err == nil {
			t.Errorf("Listen(%q) = %v", address, ln.Addr())
			_ = ln.Close() // the test has failed already
		}
	}
}

// outside is a listener that says it is reachable from a network.
type outside struct {
	net.Listener
	closed bool
}

func (o *outside) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
func (o *outside) Close() error   { o.closed = true; return nil }

func TestServe_ListenerBeyondLoopback_IsRefusedAndClosed(t *testing.T) {
	s, _ := open(t)
	ln := &outside{}
	if err := s.Serve(t.Context(), ln); err == nil || !ln.closed {
		t.Errorf("Serve = %v, closed %t", err, ln.closed)
	}
}

func TestServeHTTP_ConnectionBeyondLoopback_IsRefused(t *testing.T) {
	s, _ := open(t)
	for name, local := range map[string]any{
		"network":       &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80},
		"unspecified":   &net.TCPAddr{IP: net.IPv4zero, Port: 80},
		"no address":    nil,
		"typed nothing": &net.TCPAddr{},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/", nil)
			s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local)))
			if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "teapot") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestServe_ContextDone_Drains(t *testing.T) {
	s, _ := open(t)
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	response, err := http.Get("http://" + ln.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%d %v", response.StatusCode, err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestPages_ShowWhatTheyShould(t *testing.T) {
	s, server := open(t)
	showWhatTheyShould(t, s, server)
}

func showWhatTheyShould(t *testing.T, s *Shop, server *httptest.Server) {
	noColumn := map[Engine]string{SQLite: "no such column: ten", PostgreSQL: "column &#34;ten&#34; does not exist"}[s.engine]
	admin, marta := signIn(t, server, Accounts()[0]), signIn(t, server, Accounts()[1])
	for _, c := range []struct {
		path, cookie string
		status       int
		words        []string
	}{
		{"/", "", 200, []string{"Useful things,", "Sign in", "Not a real shop", "/static/style.css"}},
		{"/catalogue", "", 200, []string{"Everything we make", "Six pencils", "€ 139.00"}},
		{"/catalogue?category=Desk&sort=name", marta, 200, []string{`value="Desk"`, "Field notebook", "Marta Keller"}},
		{"/search?q=kettle", "", 200, []string{"1 found for “kettle”", "Enamel kettle"}},
		{"/search?q=submarine", "", 200, []string{"0 found", "every shelf"}},
		{"/products/10", marta, 200, []string{"Reading lamp", "The joint holds.", "What do you think, Marta?", "5.0"}},
		{"/products/999", "", 404, []string{"There is nothing here"}},
		{"/products/ten", "", 500, []string{noColumn, "SELECT id, slug", "goroutine"}},
		{"/cart", "", 200, []string{"It is empty"}},
		{"/checkout", "", 303, nil},
		{"/login", "", 200, []string{`type="password"`}},
		{"/signup", "", 200, []string{`type="email"`}},
		{"/account", "", 303, nil},
		{"/account", marta, 200, []string{"Hello, Marta Keller", "Order 42", "Order 40", "Enamel kettle"}},
		{"/orders/42", marta, 200, []string{"Lindenweg 8", "birthday present", "€ 136.00", "Cancel this order"}},
		{"/orders/40", marta, 200, []string{"delivered", "Wool blanket"}},
		{"/orders/4000", marta, 404, []string{"There is nothing here"}},
		{"/profile", marta, 200, []string{"Reviews are signed", "multipart/form-data"}},
		{"/admin", marta, 403, []string{"for the people who run the shop"}},
		{"/admin", admin, 200, []string{"Back office", "€ 726.00", "aoife@example.com", "Milking stool"}},
		{"/debug", "", 200, []string{"PAYMENT_API_KEY", "made-up", "warehouse.internal", s.engine.String() + ", "}},
		{"/nowhere", "", 404, []string{"Not Found"}},
		{"/api/products?maker=Nord", "", 200, []string{`"Enamel kettle"`, `"Porch lantern"`, `"Watering can"`}},
		{"/api/products?q=tea", "", 200, []string{`"Heron teapot"`, `"price_cents":6400`}},
		{"/api/orders", marta, 200, []string{`"id":42`}},
		{"/api/orders", "", 401, []string{"sign in"}},
		{"/api/nowhere", "", 404, []string{`{"error":`}},
		{"/uploads/none.png", "", 404, nil},
		{"/static/style.css", "", 200, []string{"--paper"}},
		{"/favicon.ico", "", 200, []string{"<svg"}},
	} {
		status, body := ask(t, server, "GET", c.path, c.cookie, "")
		if status != c.status {
			t.Errorf("GET %s: %d instead of %d", c.path, status, c.status)
		}
		for _, w := range c.words {
			if !strings.Contains(body, w) {
				t.Errorf("GET %s: %q is missing", c.path, w)
			}
		}
	}
}

func TestForms_WrongFields_AreToldInWords(t *testing.T) {
	_, server := open(t)
	tellInWords(t, server)
}

func tellInWords(t *testing.T, server *httptest.Server) {
	marta := signIn(t, server, Accounts()[1])
	for _, c := range []struct {
		path, form string
		status     int
		words      string
	}{
		{"/cart/add", "product=1&quantity=0", 422, "Between one and 99"},
		{"/cart/add", "product=1&quantity=many", 422, "must be a number"},
		{"/cart/add", "product=99&quantity=1", 404, "nothing here"},
		{"/checkout", "name=x", 422, "An order needs"},
		{"/products/1/reviews", "stars=6&body=x", 422, "one to five stars"},
		{"/products/1/reviews", "stars=5&body=+", 422, "some words"},
		{"/orders/42/address", "street=&city=x", 422, "a street and a city"},
		{"/orders/40/cancel", "x=1", 409, "any more"},
		{"/profile", "name=", 422, "needs a name"},
		{"/profile/picture", "x=1", 422, "choose a picture"},
		{"/profile/picture-from-url", "url=ftp://photos.example/x", 422, "not the address"},
		{"/signup", "name=Marta&email=marta@example.com&password=x", 409, "already"},
		{"/signup", "name=Marta&email=nowhere&password=x", 422, "e-mail address"},
		{"/login", "email=nobody@example.com&password=x", 401, "no account"},
		{"/admin/products/1", "price=-1", 422, "between nothing"},
	} {
		status, body := ask(t, server, "POST", c.path, marta, c.form)
		if status != c.status || !strings.Contains(body, c.words) {
			t.Errorf("POST %s %s: %d, want %d and %q", c.path, c.form, status, c.status, c.words)
		}
	}
}

func TestPages_NameNothingOutside(t *testing.T) {
	outside := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//|url\(|@import|@font-face`)
	for _, folder := range []string{"templates", "static", "pictures"} {
		entries, err := assets.ReadDir(folder)
		if err != nil || len(entries) == 0 {
			t.Fatal(folder, err)
		}
		for _, e := range entries {
			body, err := assets.ReadFile(folder + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			if found := outside.Find(body); found != nil {
				t.Errorf("%s/%s: %s", folder, e.Name(), found)
			}
		}
	}
}

func TestSeed_EveryProduct_HasAPicture(t *testing.T) {
	products := seedProducts()
	if len(products) != 24 {
		t.Errorf("%d products", len(products))
	}
	for _, p := range products {
		if body, err := assets.ReadFile("pictures/" + p.Slug + ".svg"); err != nil || !bytes.HasPrefix(body, []byte("<svg")) {
			t.Errorf("%s: %v", p.Slug, err)
		}
	}
}

func TestNew_SecondTime_KeepsWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	for i := range 2 {
		s, err := New(Options{Path: path, Now: func() time.Time { return time.Unix(0, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		var orders int
		if err := s.one(t.Context(), "SELECT count(*) FROM orders", nil, &orders); err != nil || orders != 6+i {
			t.Errorf("%d orders, %v", orders, err)
		}
		if err := s.run(t.Context(), "INSERT INTO orders (user_id, status, name, street, city, day) VALUES (2, 'sent', '', '', '', '')"); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestShop_ManyVisitorsAtOnce_AreAllServed(t *testing.T) {
	_, server := open(t)
	serveManyAtOnce(t, server)
}

func serveManyAtOnce(t *testing.T, server *httptest.Server) {
	marta := signIn(t, server, Accounts()[1])
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, path := range []string{"/", "/products/3", "/account", "/orders/42"} {
				if status, _ := ask(t, server, "GET", path, marta, ""); status != http.StatusOK {
					t.Errorf("GET %s: %d", path, status)
				}
			}
			if status, _ := ask(t, server, "POST", "/cart/add", marta, "product=5&quantity=1"); status != http.StatusSeeOther {
				t.Errorf("POST /cart/add: %d", status)
			}
		})
	}
	all.Wait()
	if _, body := ask(t, server, "GET", "/api/cart", marta, ""); !strings.Contains(body, `"quantity":8`) {
		t.Errorf("eight pieces were put into one cart: %s", body)
	}
}
