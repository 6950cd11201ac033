package cli

import (
	_ "embed"
	"fmt"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/internal/config"
)

// demoOwnership is what `suggest ownership` proposes after an ordinary week of the
// shop: a test has it proposed anew.
//
//go:embed demo_ownership.yaml
var demoOwnership string

// own has the gate go by what it proposed itself, and refuse by it.
func (c demoCommand) own(cfg *config.Config) error {
	if c.Learn {
		return nil
	}
	proposed, err := config.Parse("demo_ownership.yaml", []byte(demoOwnership), config.Options{Upstream: cfg.Upstream})
	if err != nil {
		return fmt.Errorf("the demo's rules of ownership: %w", err)
	}
	cfg.Application.Ownership.Rules = proposed.Application.Ownership.Rules
	cfg.Identity.BackendSession.Me = proposed.Identity.BackendSession.Me
	for i := range cfg.Application.Ownership.Rules { // the people who run the shop see everybody's
		if r := &cfg.Application.Ownership.Rules[i]; !r.Public.Given() {
			r.Admins.Roles = []string{admin}
		}
	}
	cfg.Modes["application/ownership"] = config.ModeSetting{Mode: gatehouse.Enforce}
	return nil
}
