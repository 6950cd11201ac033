package sqldriver

import (
	"database/sql/driver"
	"testing"
)

func TestShapes_HaveExactlyTheInterfacesOfTheirBits(t *testing.T) {
	for i, make := range shapes {
		wrapped := make(&conn{})
		_, exec := wrapped.(driver.ExecerContext)
		_, legacyExec := wrapped.(legacyExecer)
		_, query := wrapped.(driver.QueryerContext)
		_, legacyQuery := wrapped.(legacyQueryer)
		_, reset := wrapped.(driver.SessionResetter)
		_, valid := wrapped.(driver.Validator)
		for _, has := range []struct {
			name string
			bit  int
			got  bool
		}{
			{"ExecerContext", executes, exec}, {"Execer", executes, legacyExec},
			{"QueryerContext", queries, query}, {"Queryer", queries, legacyQuery},
			{"SessionResetter", resets, reset}, {"Validator", validates, valid},
		} {
			if want := i&has.bit != 0; has.got != want {
				t.Errorf("shape %04b has %s: %v, want %v", i, has.name, has.got, want)
			}
		}
	}
}
