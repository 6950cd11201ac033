package apps

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// A wikiDatabase is where a wiki keeps its pages, if that is not SQLite. The
// installer and the wiki sign in to it by accounts of their own.
type wikiDatabase struct {
	host, port, name string
	installer, wiki  account
}

type account struct{ user, password string }

// mediawiki installs MediaWiki as Debian packages it, on SQLite and PHP's own
// server, and serves it at an address. origin is what the browser shows.
func mediawiki(t *testing.T, address, origin string) {
	t.Helper()
	mediawikiOn(t, address, origin, nil)
}

// mediawikiOn is mediawiki on PostgreSQL, or on SQLite where db is nil.
func mediawikiOn(t *testing.T, address, origin string, db *wikiDatabase) {
	t.Helper()
	php, code := needWiki(t)
	dir := t.TempDir()
	uploads := filepath.Join(dir, "uploads")
	if err := os.Mkdir(uploads, 0o700); err != nil {
		t.Fatal(err)
	}
	install := append([]string{filepath.Join(code, "maintenance", "install.php")}, db.installs(dir)...)
	testkit.Run(t, exec.Command(php, append(install, "--pass", wikiPassword,
		"--server", origin, "--scriptpath", "", "--confpath", dir, "--lang", "en", "--skins", "Vector", "Gatewiki", "Editor")...))
	settings, err := os.OpenFile(filepath.Join(dir, "LocalSettings.php"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(settings, "\n$wgEnableUploads = true; $wgUploadDirectory = %q; $wgUploadPath = '/uploads';\n"+
		"$wgUseImageMagick = false; $wgEnableEmail = false; $wgUsePathInfo = false; $wgMainCacheType = CACHE_DB;\n%s\n", uploads, db.settings())
	if err := settings.Close(); err != nil {
		t.Fatal(err)
	}
	router, err := filepath.Abs("testdata/router.php")
	if err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(php, "-S", address, "-t", code, router)
	serve.Env = append(os.Environ(), "WIKI_UPLOADS="+uploads,
		"MW_CONFIG_FILE="+filepath.Join(dir, "LocalSettings.php"), "TMPDIR="+dir)
	testkit.Start(t, serve)
	testkit.WaitAccepting(t, address, 20*time.Second)
}

// needWiki gives PHP and the folder that scripts/setup.sh unpacks MediaWiki to.
func needWiki(t *testing.T) (php, code string) {
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
func (db *wikiDatabase) installs(dir string) []string {
	if db == nil {
		return []string{"--dbtype", "sqlite", "--dbpath", filepath.Join(dir, "data"), "--dbname", "wiki"}
	}
	return []string{"--dbtype", "postgres", "--dbserver", db.host, "--dbport", db.port, "--dbname", db.name,
		"--dbuser", db.installer.user, "--dbpass", db.installer.password, "--installdbuser", db.installer.user, "--installdbpass", db.installer.password}
}

// settings are what the wiki is told of it.
func (db *wikiDatabase) settings() string {
	if db == nil {
		return "$wgJobRunRate = 0;"
	}
	return fmt.Sprintf("$wgDBuser = '%s'; $wgDBpassword = '%s'; $wgJobRunRate = 0;", db.wiki.user, strings.ReplaceAll(db.wiki.password, "'", `\'`))
}
