package shop

import (
	"cmp"
	"context"
	"crypto/rsa"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

//go:embed templates static pictures schema.sql schema.postgres.sql
var assets embed.FS

// Options say where a shop keeps its data.
type Options struct {
	// DB is the shop's database, opened by the caller and closed by the
	// caller, such as sql.OpenDB over a wrapped [Connector]. Nil: Path is opened.
	DB *sql.DB
	// Engine is what DB is.
	Engine Engine
	// Migrator is the same database by an account that may make tables; New
	// fills the database through it. Nil: through DB.
	Migrator *sql.DB
	// Path is the SQLite file to open (and create) where DB is nil.
	Path string
	// Dir is the folder for pictures, uploads and the made-up configuration.
	// Empty: a temporary one, removed by Close.
	Dir string
	// Around wraps the shop's handler where it serves, such as
	// exchange.NewHandler does. Nil: it serves bare.
	Around func(http.Handler) (http.Handler, error)
	// TokenKey signs the tokens that programs get. Nil: one is made when it is
	// needed.
	TokenKey *rsa.PrivateKey
	// Logger gets one line for each request that failed. Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A Shop is the shop's handler. Close ends it.
type Shop struct {
	db       *sql.DB
	ownDB    bool
	engine   Engine
	root     *os.Root
	tempDir  string
	log      *slog.Logger
	now      func() time.Time
	pages    pages
	tokenKey func() (*rsa.PrivateKey, error)
	routed   http.Handler
	served   http.Handler // what Serve serves: the shop itself, or around it
	inHouse  *inHouse
	pictures map[string]asset
	static   map[string]asset
}

// New opens the shop, and fills its database where that is empty: the same
// products, people, orders and reviews each time.
func New(o Options) (*Shop, error) {
	if o.DB == nil && o.Path == "" {
		return nil, errors.New("shop: Options.DB or Options.Path: one of them is needed")
	}
	if o.DB != nil && o.Path != "" {
		return nil, errors.New("shop: Options.DB and Options.Path: give one of them, not both")
	}
	if o.Path != "" && o.Engine != SQLite {
		return nil, fmt.Errorf("shop: Options.Path is a file of SQLite's, and Options.Engine says %v", o.Engine)
	}
	s := &Shop{db: o.DB, engine: o.Engine, log: o.Logger, now: o.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(o); err != nil {
		return nil, errors.Join(fmt.Errorf("shop: %w", err), s.Close())
	}
	return s, nil
}

func (s *Shop) open(o Options) (err error) {
	if s.db == nil {
		c, err := Connector(o.Path)
		if err != nil {
			return err
		}
		s.db, s.ownDB = sql.OpenDB(c), true
	}
	if err := s.seed(context.Background(), cmp.Or(o.Migrator, s.db)); err != nil {
		return err
	}
	if err := s.openFiles(o.Dir); err != nil {
		return err
	}
	if s.pages, err = parsePages(); err != nil {
		return err
	}
	if s.pictures, err = loadAssets("pictures"); err != nil {
		return err
	}
	if s.static, err = loadAssets("static"); err != nil {
		return err
	}
	if s.inHouse, err = startInHouse(s.pictures); err != nil {
		return err
	}
	s.tokenKey = s.signer(o.TokenKey)
	s.routed, s.served = s.backOffice(s.routes()), s
	if o.Around != nil {
		s.served, err = o.Around(s)
	}
	return err
}

// openFiles lays out the shop's folder: pictures to download, uploads, and a
// configuration with made-up secrets that nobody should be able to download.
func (s *Shop) openFiles(dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "gatehouse-shop-"); err != nil {
			return fmt.Errorf("making a folder for uploads: %w", err)
		}
		s.tempDir = dir
	}
	for _, sub := range []string{"public/pictures", "public/uploads", "config", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return fmt.Errorf("Options.Dir: %w", err)
		}
	}
	if s.root, err = os.OpenRoot(dir); err != nil {
		return fmt.Errorf("Options.Dir: %w", err)
	}
	if err := s.root.WriteFile("config/shop.env", []byte(envFile()), 0o600); err != nil {
		return fmt.Errorf("Options.Dir: %w", err)
	}
	entries, err := assets.ReadDir("pictures")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := assets.ReadFile("pictures/" + e.Name())
		if err != nil {
			return err
		}
		if err := s.root.WriteFile("public/pictures/"+e.Name(), body, 0o600); err != nil {
			return fmt.Errorf("Options.Dir: %w", err)
		}
	}
	return nil
}

// Close ends what New started, and removes the temporary folder if New made it.
func (s *Shop) Close() error {
	var errs []error
	if s.inHouse != nil {
		errs = append(errs, s.inHouse.close())
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	if s.ownDB {
		errs = append(errs, s.db.Close())
	}
	if s.tempDir != "" {
		errs = append(errs, os.RemoveAll(s.tempDir))
	}
	return errors.Join(errs...)
}

// ServeHTTP answers on loopback connections, and refuses all others: this shop
// must never be reachable from a network.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !isLoopback(local) {
		http.Error(w, "This shop is vulnerable on purpose and answers on loopback addresses only.", http.StatusForbidden)
		return
	}
	s.routed.ServeHTTP(w, r)
}
