package config

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/gatehousehq/gatehouse/secret"
)

// The modes of TLS towards a database, by libpq's names.
const (
	SSLDisable = "disable"
	SSLRequire = "require"
	SSLVerify  = "verify-full"
)

// A Database is a postgres:// URL taken apart.
type Database struct {
	// Host is a name or an address, or the folder of a Unix socket.
	Host, Port     string
	Name, User     string
	Password       secret.Text
	Mode, RootFile string
	// More are the parameters that only a client understands.
	More url.Values
}

// A DatabaseError says what is wrong with a URL, without the URL.
type DatabaseError struct{ Words, Hint string }

func (e *DatabaseError) Error() string { return e.Words + "; " + e.Hint }

// ParseDatabase reads a URL as libpq does, but for what it does not name.
// Errors never hold the URL, which may have a password in it.
func ParseDatabase(s string) (Database, error) {
	s, folder := cutFolder(s)
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Fragment != "" {
		return Database{}, &DatabaseError{"is not a database's address", "write one such as postgres://127.0.0.1:5432/shop"}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Database{}, &DatabaseError{"has parameters that can't be read", "write them as ?sslmode=verify-full&sslrootcert=/path"}
	}
	d := Database{Host: u.Hostname(), Port: u.Port(), Name: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(), Mode: q.Get("sslmode"), RootFile: q.Get("sslrootcert"), More: q}
	if folder != "" {
		d.Host = folder
	}
	if password, given := u.User.Password(); given {
		d.Password = secret.Text(password)
	}
	for name, to := range map[string]*string{"host": &d.Host, "port": &d.Port, "dbname": &d.Name, "user": &d.User} {
		if v := q.Get(name); v != "" {
			*to = v
		}
	}
	if v := q.Get("password"); v != "" {
		d.Password = secret.Text(v)
	}
	for _, name := range []string{"host", "port", "dbname", "user", "password", "sslmode", "sslrootcert"} {
		d.More.Del(name)
	}
	return d, d.settle()
}

// cutFolder takes a Unix socket's folder out of the host's place, where it
// stands with its slashes escaped.
func cutFolder(s string) (rest, folder string) {
	scheme, authority, _ := strings.Cut(s, "://")
	end := strings.IndexAny(authority, "/?#")
	if end < 0 {
		end = len(authority)
	}
	from := strings.LastIndexByte(authority[:end], '@') + 1
	host, err := url.PathUnescape(authority[from:end])
	if err != nil || !strings.HasPrefix(host, "/") {
		return s, ""
	}
	return scheme + "://" + authority[:from] + authority[end:], host
}

// settle fills in what libpq, or caution, does where nothing is said.
func (d *Database) settle() error {
	if d.Host == "" {
		d.Host = "localhost"
	}
	if d.Port == "" {
		d.Port = "5432"
	}
	if strings.ContainsAny(d.Host, ", ") || !validPort(d.Port) {
		return &DatabaseError{"does not name one host and port", "write one such as postgres://127.0.0.1:5432/shop"}
	}
	if d.RootFile == "system" {
		d.RootFile = ""
	}
	switch d.Mode {
	case "":
		if d.Mode = SSLVerify; d.Loopback() && d.RootFile == "" {
			d.Mode = SSLDisable
		}
	case "verify-ca":
		d.Mode = SSLVerify
	case SSLDisable, SSLRequire, SSLVerify:
	case "prefer", "allow":
		if !d.Loopback() {
			return &DatabaseError{fmt.Sprintf("has sslmode=%s, which anybody on the way can turn off", d.Mode), "write sslmode=verify-full"}
		}
		d.Mode = SSLDisable
	default:
		return &DatabaseError{"has an sslmode that is none", "write disable, require or verify-full"}
	}
	return nil
}

// Unix reports whether the database is reached by a Unix socket.
func (d *Database) Unix() bool { return strings.HasPrefix(d.Host, "/") }

// Loopback reports whether the database is on this machine.
func (d *Database) Loopback() bool { return d.Unix() || listener{host: d.Host}.loopback() }

// Dial is the database's network and address, as for net.Dial.
func (d *Database) Dial() (network, address string) {
	if d.Unix() {
		return "unix", d.Host + "/.s.PGSQL." + d.Port
	}
	return "tcp", net.JoinHostPort(d.Host, d.Port)
}

// URL is the database's URL without user and password.
func (d *Database) URL() string {
	u := url.URL{Scheme: "postgres", Host: net.JoinHostPort(d.Host, d.Port), Path: "/" + d.Name}
	q := url.Values{}
	for name, values := range d.More {
		q[name] = values
	}
	if d.Unix() {
		u.Host = ""
		q.Set("host", d.Host)
		q.Set("port", d.Port)
	}
	q.Set("sslmode", d.Mode)
	if d.RootFile != "" {
		q.Set("sslrootcert", d.RootFile)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
