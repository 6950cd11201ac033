package cli

import (
	"crypto/rsa"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehousehq/gatehouse/examples/shop"
	"github.com/gatehousehq/gatehouse/internal/config"
	"github.com/gatehousehq/gatehouse/limit"
)

// demoTokens are the protected shop's tokens: the key that signs them, and the file
// that tells the gate its public half.
type demoTokens struct {
	key  *rsa.PrivateKey
	file string
}

func newDemoTokens(dir string) (t demoTokens, err error) {
	if t.key, err = shop.NewTokenKey(); err != nil {
		return t, fmt.Errorf("making the key of the shop's tokens: %w", err)
	}
	set, err := shop.KeySet(&t.key.PublicKey)
	if err != nil {
		return t, err
	}
	t.file = filepath.Join(dir, "jwks.json")
	return t, os.WriteFile(t.file, set, 0o600)
}

// admin is the role of the people who run the shop.
const admin = "admin"

// identify says who the shop's people are, and what is theirs alone. The roles stand
// here and not in a column of the shop's, as an attacker may get at that.
func (c demoCommand) identify(cfg *config.Config, tokens demoTokens) {
	for _, path := range []string{"/admin/", "/api/staff/"} {
		cfg.Application.Access = append(cfg.Application.Access, config.AccessRule{Path: path, Roles: []string{admin}})
	}
	for _, a := range shop.Accounts() {
		if a.Admin {
			cfg.Identity.BackendSession.Accounts = append(cfg.Identity.BackendSession.Accounts, config.SessionAccount{Name: a.Email, Roles: []string{admin}})
		}
	}
	// Who makes an account is signed in with it.
	cfg.Identity.SignIn.Routes = []config.SignInRoute{{Path: "/signup", Method: "POST", Kind: "sign_up", SignsIn: true, Reason: "the shop refuses an address that has an account"}}
	cfg.Identity.JWT = []config.JWT{{
		Issuer: shop.TokenIssuer, Audience: []string{shop.TokenAudience}, File: tokens.file,
		Algorithms: []string{"RS256"}, Types: []string{"at+jwt"}, MaxAge: config.Duration(15 * time.Minute),
	}}
	// The shop says whether there is an account by a name: what fails is told alike.
	cfg.Identity.SignIn.Alike = true
	// An office of thirty people signs in within a minute of the morning.
	cfg.Application.RateLimit.SignIn = limit.Rate{Count: 10, Per: time.Minute, Burst: 35}
	if c.Attack {
		// The attacks tell, as a proxy would, where they come from. A person's
		// browser is no proxy.
		cfg.Network.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
}
