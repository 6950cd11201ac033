package ledger_test

import (
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership/ledger"
)

func TestLook_AfterNote_TellsOwnersFromOthers(t *testing.T) {
	w := newWorld(t)
	l := w.open(t)
	note(t, l, "order", "7", "ann", ledger.Created)
	for _, c := range []struct {
		resource, id, principal string
		want                    ledger.Standing
	}{
		{"order", "7", "ann", ledger.Own},
		{"order", "7", "bob", ledger.Others},
		{"order", "8", "ann", ledger.Unknown},
		{"invoice", "7", "ann", ledger.Unknown},
		{"order", "07", "ann", ledger.Unknown},
		{"order", "7 ", "ann", ledger.Unknown},
		{"order", "7", "Ann", ledger.Others},
		{"orde", "r7", "ann", ledger.Unknown},
	} {
		want(t, l, c.resource, c.id, c.principal, c.want)
	}
}
