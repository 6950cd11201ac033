package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/examples/shop/attacks"
)

// What the demo's gate goes by is what it proposed itself, after an ordinary week,
// word by word but for the evidence.
func TestDemo_Ownership_IsWhatOrdinaryTrafficProposes(t *testing.T) {
	t.Parallel()
	d := started(t, demoCommand{Attack: true, Database: shop.SQLite.String(), Learn: true})
	if err := attacks.Customers(t.Context(), &attacks.Target{Base: d.protected, Client: d.client}, customersOfAWeek); err != nil {
		t.Fatal(err)
	}
	s, err := d.gate.Admin().SuggestOwnership(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("application:\n  ownership:\n    rules:\n")
	for _, p := range s.Rules {
		b.WriteString("    - " + p.Text + "\n")
	}
	b.WriteString("identity:\n  backend_session:\n    me:\n")
	for _, p := range s.Me {
		b.WriteString("    - " + p.Text + "\n")
	}
	if *update {
		if err := os.WriteFile("demo_ownership.yaml", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != demoOwnership {
		t.Errorf("proposed:\n%s\nand the demo goes by:\n%s\nIf that is right: go test ./internal/cli -run TestDemo_Ownership -update", b.String(), demoOwnership)
	}
	for _, p := range s.Open {
		t.Errorf("%s has no proposal: %s", p.Route, p.Evidence)
	}
}
