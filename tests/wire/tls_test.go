package wire

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehousehq/gatehouse/data/sqlgate/pgwire"
	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/certs"
)

// Over TLS, asked for or from the first byte on, clients verify the gate and
// bind their password's proof to the connection; a client that trusts another
// authority goes no further.
func TestTLS_VerifiedAndBound_WorksForLibpqAndPgx(t *testing.T) {
	psql := testkit.Need(t, "psql")
	authority := certs.New(t)
	pair := authority.Issue(t, certs.Want{Names: []string{"localhost"}})
	d := server(t)
	d.kept(t, "scripts")
	to := d.gated(t, "scripts", func(o *pgwire.Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS(t)}, MinVersion: tls.VersionTLS12}
	})
	for name, root := range map[string][]byte{"right": authority.PEM(), "another": certs.New(t).PEM()} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, root, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := to.client(t, psql, "--no-psqlrc", "--tuples-only", "--no-align", "-c", "select 'over TLS'")
		cmd.Env = append(cmd.Env, "PGHOST=localhost", "PGHOSTADDR="+to.host, "PGSSLMODE=verify-full", "PGSSLROOTCERT="+file, "PGCHANNELBINDING=require")
		out, err := cmd.CombinedOutput()
		if works := err == nil && strings.Contains(string(out), "over TLS"); works != (name == "right") {
			t.Errorf("with the %s authority psql says: %s", name, out)
		}
	}
	for _, negotiation := range []string{"postgres", "direct"} {
		config, err := pgconn.ParseConfig(strings.Replace(to.dsn("sslnegotiation="+negotiation), "sslmode=disable", "sslmode=require", 1))
		if err != nil {
			t.Fatal(err)
		}
		config.TLSConfig.RootCAs, config.TLSConfig.ServerName, config.TLSConfig.InsecureSkipVerify = authority.Pool(), "localhost", false
		ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
		defer cancel()
		c, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			t.Errorf("pgx, by %s: %v", negotiation, err)
			continue
		}
		if _, err := c.Exec(ctx, "select 1").ReadAll(); err != nil {
			t.Errorf("pgx, by %s: %v", negotiation, err)
		}
		if err := c.Close(ctx); err != nil {
			t.Errorf("pgx, by %s: %v", negotiation, err)
		}
	}
}
