package ownership

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/internal/testkit/postgres"
)

// TestMatrix_BothGates_RefusesOthersThings has the backend's database in
// PostgreSQL, behind the SQL gate, which asks it whose the rows are that are about
// to change. The short run takes every tenth entry of one seed, and those of things
// that change hands.
func TestMatrix_BothGates_RefusesOthersThings(t *testing.T) {
	server := postgres.Start(t)
	admin := openShelf(t, "pgx", server.DSN("postgres"))
	seeds, entries := slices.Concat(devSeeds, heldSeeds), table(t)
	if !long() {
		seeds = devSeeds
		var some []entry
		for i, e := range entries {
			if e.Seed == seeds[0] && (i%10 == 0 || e.Transfer) {
				some = append(some, e)
			}
		}
		entries = some
	}
	stands := map[uint64]*stand{}
	for _, seed := range seeds {
		w, name := newWorld(seed), fmt.Sprintf("shop%d", seed)
		admin.exec(t, "CREATE DATABASE "+name)
		truth := openShelf(t, "pgx", server.DSN(name))
		truth.define(t)
		sql := testkit.NewSQLGate(t, server.DSN(name))
		stands[seed] = newStand(t, w, truth, func(upstream string) (*site, shelf) {
			gate := startSite(t, upstream, settings(w.everybody(), true)+"\n"+sql.Section())
			testkit.WaitAccepting(t, sql.Listen, patience)
			return gate, openShelf(t, "pgx", sql.DSN("app"))
		})
	}
	began := time.Now()
	run(t, "postgres", entries, stands)
	t.Logf("in %v", time.Since(began).Round(time.Second))
}
