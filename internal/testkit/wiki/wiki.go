// Package wiki is MediaWiki for tests, as Debian packages it: installed anew for
// each test, and served by PHP's own server on loopback until the test ends.
//
// It stops nothing and trusts everybody: only tests may import it. A test skips
// where PHP, its modules or MediaWiki are not installed.
package wiki

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// Editor is the account that every wiki begins with, and Password its password.
const (
	Editor   = "Editor"
	Password = "Correct-horse 77"
)

//go:embed router.php
var router []byte

// An Account is one of the database.
type Account struct{ User, Password string }

// A Database is where a wiki keeps its pages, if that is not SQLite. The
// installer and the wiki sign in to it by accounts of their own.
type Database struct {
	Host, Port, Name string
	Installer, Wiki  Account
}

// A Wiki is one that is served.
type Wiki struct {
	php, code, dir string
}

// Start installs a wiki and serves it at an address. origin is what browsers
// show. db is nil for SQLite.
func Start(t testing.TB, address, origin string, db *Database) *Wiki {
	t.Helper()
	w := &Wiki{dir: t.TempDir()}
	w.php, w.code = Need(t)
	uploads := filepath.Join(w.dir, "uploads")
	if err := os.Mkdir(uploads, 0o700); err != nil {
		t.Fatal(err)
	}
	install := append([]string{filepath.Join(w.code, "maintenance", "install.php")}, db.installs(w.dir)...)
	testkit.Run(t, exec.Command(w.php, append(install, "--pass", Password,
		"--server", origin, "--scriptpath", "", "--confpath", w.dir, "--lang", "en", "--skins", "Vector", "Gatewiki", Editor)...))
	settings, err := os.OpenFile(w.settings(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(settings, "\n$wgEnableUploads = true; $wgUploadDirectory = %q; $wgUploadPath = '/uploads';\n"+
		"$wgUseImageMagick = false; $wgEnableEmail = false; $wgUsePathInfo = false; $wgMainCacheType = CACHE_DB;\n%s\n", uploads, db.settings(w.dir))
	if err := settings.Close(); err != nil {
		t.Fatal(err)
	}
	routes := filepath.Join(w.dir, "router.php")
	if err := os.WriteFile(routes, router, 0o600); err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(w.php, "-S", address, "-t", w.code, routes)
	serve.Env = append(os.Environ(), "WIKI_UPLOADS="+uploads, "MW_CONFIG_FILE="+w.settings(), "TMPDIR="+w.dir)
	testkit.Start(t, serve)
	testkit.WaitAccepting(t, address, 20*time.Second)
	return w
}

func (w *Wiki) settings() string { return filepath.Join(w.dir, "LocalSettings.php") }

// AddAccount makes one more account.
func (w *Wiki) AddAccount(t testing.TB, name, password string) {
	t.Helper()
	add := exec.Command(w.php, filepath.Join(w.code, "maintenance", "createAndPromote.php"), name, password)
	add.Env = append(os.Environ(), "MW_CONFIG_FILE="+w.settings())
	testkit.Run(t, add)
}

// Need gives PHP and the folder that scripts/setup.sh unpacks MediaWiki to.
func Need(t testing.TB) (php, code string) {
	t.Helper()
	php = testkit.Need(t, "php")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	code = filepath.Join(cache, "gatehouse", "mediawiki", "usr", "share", "mediawiki")
	if _, err := os.Stat(filepath.Join(code, "index.php")); err != nil {
		t.Skip("mediawiki is not installed: ./scripts/setup.sh installs it")
	}
	if out, err := exec.Command(php, "-r", "exit(extension_loaded('pdo_sqlite') && extension_loaded('pgsql') && extension_loaded('intl') && extension_loaded('mbstring') && extension_loaded('gd') && extension_loaded('xml') ? 0 : 1);").CombinedOutput(); err != nil {
		t.Skipf("php-sqlite3, php-pgsql, php-intl, php-mbstring, php-gd or php-xml is not installed: ./scripts/setup.sh installs them %s", out)
	}
	return php, code
}

// installs are what the installer is told of the database.
func (db *Database) installs(dir string) []string {
	if db == nil {
		return []string{"--dbtype", "sqlite", "--dbpath", filepath.Join(dir, "data"), "--dbname", "wiki"}
	}
	return []string{"--dbtype", "postgres", "--dbserver", db.Host, "--dbport", db.Port, "--dbname", db.Name,
		"--dbuser", db.Installer.User, "--dbpass", db.Installer.Password, "--installdbuser", db.Installer.User, "--installdbpass", db.Installer.Password}
}

// settings are what the wiki is told of it.
func (db *Database) settings(dir string) string {
	if db == nil { // its words in files, as its manual has it: a page costs a quarter less
		return fmt.Sprintf("$wgCacheDirectory = %q; $wgLocalisationCacheConf['store'] = 'array'; $wgJobRunRate = 0;", dir)
	}
	return fmt.Sprintf("$wgDBuser = '%s'; $wgDBpassword = '%s'; $wgJobRunRate = 0;", db.Wiki.User, strings.ReplaceAll(db.Wiki.Password, "'", `\'`))
}
