package wire

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// cached is a folder of what scripts/setup.sh fetches and no package has.
func cached(t testing.TB, name string) string {
	t.Helper()
	home, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no folder for caches (%v): scripts/setup.sh fetches %s into it", err, name)
	}
	dir := filepath.Join(home, "gatehouse", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is not there: scripts/setup.sh fetches it", dir)
	}
	return dir
}

// finishes runs a client's program at both, which says "done" last.
func finishes(t *testing.T, command func(t *testing.T, to target) *exec.Cmd) {
	t.Helper()
	twice(t, func(t *testing.T, to target) string {
		out := said(t, command(t, to))
		if !strings.HasSuffix(strings.TrimSpace(out), "done") {
			t.Errorf("the program did not get to its end:\n%s", out)
		}
		return out
	})
}

func TestNodePostgres_WholeJob_LooksTheSameThroughTheGate(t *testing.T) {
	node := testkit.Need(t, "node")
	modules := filepath.Join(cached(t, "node-postgres"), "node_modules")
	finishes(t, func(t *testing.T, to target) *exec.Cmd {
		cmd := to.client(t, node, script(t, "client.js"))
		cmd.Env = append(cmd.Env, "NODE_PATH="+modules, "NODE_NO_WARNINGS=1") // a warning has the process's number
		return cmd
	})
}

func TestJDBC_WholeJob_LooksTheSameThroughTheGate(t *testing.T) {
	java := testkit.Need(t, "java")
	const jar = "/usr/share/java/postgresql.jar"
	if _, err := os.Stat(jar); err != nil {
		t.Skip("libpostgresql-jdbc-java is not installed: scripts/setup.sh installs it")
	}
	classes, modes := t.TempDir(), "2"
	if long {
		modes = "4"
	}
	testkit.Run(t, exec.Command(testkit.Need(t, "javac"), "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-proc:none", "-cp", jar, "-d", classes, script(t, "Client.java")))
	finishes(t, func(t *testing.T, to target) *exec.Cmd {
		return to.client(t, java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jar+":"+classes, "Client", "jdbc:postgresql://"+to.address()+"/"+to.database, to.user, to.password, modes)
	})
}

// python is Debian's own, which has Debian's modules.
func python(t *testing.T, modules ...string) string {
	t.Helper()
	interpreter := testkit.Need(t, "/usr/bin/python3")
	for _, m := range modules {
		if err := exec.Command(interpreter, "-c", "import "+m).Run(); err != nil {
			t.Skipf("Python's %s is not installed: scripts/setup.sh installs it", m)
		}
	}
	return interpreter
}

func TestPython_EachDriver_LooksTheSameThroughTheGate(t *testing.T) {
	for name, modules := range map[string][]string{"psycopg2": {"psycopg2"}, "psycopg3": {"psycopg"}, "sqlalchemy": {"sqlalchemy", "psycopg2"}} {
		t.Run(name, func(t *testing.T) {
			interpreter := python(t, modules...)
			finishes(t, func(t *testing.T, to target) *exec.Cmd {
				return to.client(t, interpreter, "-B", script(t, name+"_job.py"))
			})
		})
	}
}

func TestPHP_EmulatedAndNativePrepares_LookTheSameThroughTheGate(t *testing.T) {
	php := testkit.Need(t, "php")
	if err := exec.Command(php, "-r", "exit(extension_loaded('pdo_pgsql') && extension_loaded('pgsql') ? 0 : 1);").Run(); err != nil {
		t.Skip("php-pgsql is not installed: scripts/setup.sh installs it")
	}
	finishes(t, func(t *testing.T, to target) *exec.Cmd { return to.client(t, php, script(t, "client.php")) })
}
