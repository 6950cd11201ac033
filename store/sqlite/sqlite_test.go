package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/store"
	"github.com/gatehousehq/gatehouse/store/storetest"
)

func TestStore_Conforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		s, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "gate.db"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
