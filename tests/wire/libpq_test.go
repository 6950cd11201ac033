package wire

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
)

// libpq itself, without a program between: the pipeline mode that psql 15 lacks.
func TestLibpq_PipelinesWithErrorsInTheMiddle_LookTheSameThroughTheGate(t *testing.T) {
	gcc, config := testkit.Need(t, "gcc"), testkit.Need(t, "pg_config")
	headers := strings.TrimSpace(testkit.Run(t, exec.Command(config, "--includedir")))
	program := filepath.Join(t.TempDir(), "pipeline")
	if out, err := exec.Command(gcc, "-Wall", "-O1", "-I", headers, "-o", program, script(t, "pipeline.c"), "-lpq").CombinedOutput(); err != nil {
		if strings.Contains(string(out), "libpq-fe.h: No such file") {
			t.Skip("libpq-dev is not installed: scripts/setup.sh installs it")
		}
		t.Fatalf("%v: %s", err, out)
	}
	twice(t, func(t *testing.T, to target) string {
		out := said(t, to.client(t, program))
		if !strings.HasSuffix(out, "reset: connected again\n") || !strings.Contains(out, "PGRES_PIPELINE_ABORTED") {
			t.Errorf("the program did not get to its end:\n%s", out)
		}
		return out
	})
}
