package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehousehq/gatehouse/internal/gateway"
)

type suggestCommand struct {
	What    string `arg:"" enum:"csp,ownership,policy,grants" help:"What to propose: csp, a content security policy from what browsers reported; ownership, whose the things of the routes are, from ordinary traffic; policy, what the accounts of SQL gates may do, for data.sql; grants, the same as SQL for the database itself."`
	Account string `arg:"" optional:"" help:"Of policy and grants: the account as layers names it, such as shop/app. All without it."`

	Role            string   `placeholder:"NAME" help:"Of grants: the role that gets them. The account's own at the database without it."`
	Columns         bool     `help:"Of grants: only the columns that were seen written."`
	RevokePublic    bool     `help:"Of grants: take from PUBLIC what every role has, which other roles may live by."`
	RLS             bool     `name:"rls" help:"Of grants: add row-level security, by which the database shows each principal the rows of its own alone."`
	Owner           []string `placeholder:"TABLE.COLUMN" help:"Of --rls, for each table: the column that says whose a row is. =NAME behind it: which of the principal's names it holds, such as orders.user_id=users.id; its ID without. >TABLE.COLUMN: of which row it is a part, such as order_lines.order_id>orders.id. Those of application.ownership without it."`
	RLSUnattributed string   `name:"rls-unattributed" enum:"nothing,read,all" default:"nothing" help:"Of --rls: what statements see of which it is not known exactly whose they are: nothing, or all rows to read, or all to change."`
	RLSAdmin        []string `name:"rls-admin" placeholder:"ROLE" help:"Of --rls: a role of principals that sees and changes all rows."`
	RLSExempt       []string `name:"rls-exempt" placeholder:"ROLE" help:"Of --rls: a role of the database that sees and changes all rows, such as the one that migrates."`

	Unlearned bool `help:"Of policy and grants: count also what too few clients have done to be learned."`
}

func (c suggestCommand) Run(ctx context.Context, g *globals) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	a, err := g.admin(ctx, true)
	if err != nil {
		return err
	}
	defer a.Close()
	switch c.What {
	case "csp":
		return c.csp(ctx, g, a)
	case "ownership":
		return c.ownership(ctx, g, a)
	}
	all, err := a.SuggestSQL(ctx, q)
	if err != nil && c.RLS && len(c.Owner) == 0 { // no rule names a column either
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(all)
	}
	return c.print(g, all)
}

// query is what is asked for, where the flags go together.
func (c suggestCommand) query() (q gateway.SQLQuery, err error) {
	ofRLS := len(c.Owner)+len(c.RLSAdmin)+len(c.RLSExempt) > 0 || c.RLSUnattributed != "nothing"
	switch {
	case (c.What == "csp" || c.What == "ownership") && (c.Account != "" || c.Role != "" || c.Columns || c.RevokePublic || c.Unlearned || c.RLS || ofRLS):
		return q, usage("%s is about no account: gatehouse suggest %s", c.What, c.What)
	case c.What == "policy" && (c.Role != "" || c.Columns || c.RevokePublic):
		return q, usage("--role, --columns and --revoke-public are of gatehouse suggest grants")
	case c.What == "policy" && (c.RLS || ofRLS):
		return q, usage("--rls and what belongs to it are of gatehouse suggest grants")
	case ofRLS && !c.RLS:
		return q, usage("--owner, --rls-unattributed, --rls-admin and --rls-exempt are of --rls")
	}
	q = gateway.SQLQuery{
		Grants: c.What == "grants", Account: c.Account, Role: c.Role, Columns: c.Columns, RevokePublic: c.RevokePublic, Unlearned: c.Unlearned,
	}
	if c.RLS {
		q.RLS = &gateway.RLSQuery{Owners: c.Owner, Unattributed: c.RLSUnattributed, Admins: c.RLSAdmin, Exempt: c.RLSExempt}
		if err := q.RLS.Check(); err != nil {
			return q, usage("%w", err)
		}
	}
	return q, nil
}

// print prints what accounts need; the lines about it are comments in either
// language.
func (c suggestCommand) print(g *globals, all []gateway.SQLSuggestion) error {
	comment := map[string]string{"policy": "#", "grants": "--"}[c.What]
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(g.process.Stdout)
		}
		fmt.Fprintf(g.process.Stdout, "%s account %s\n", comment, s.Account)
		if s.Why != "" {
			fmt.Fprintf(g.process.Stdout, "%s %s\n", comment, s.Why)
		}
		if s.Unlearned > 0 && !c.Unlearned {
			fmt.Fprintf(g.process.Stdout, "%s %s not counted, which too few clients have sent to be learned; --unlearned counts them\n", comment, plural(s.Unlearned, "shape"))
		}
		if s.Text == "" {
			continue
		}
		if _, err := fmt.Fprintln(g.process.Stdout, strings.TrimRight(s.Text, "\n")); err != nil {
			return err
		}
	}
	return nil
}

func (c suggestCommand) csp(ctx context.Context, g *globals, a gateway.Admin) error {
	s, err := a.SuggestPolicy(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(s)
	}
	w := g.process.Stdout
	g.toPaste(ctx, "application")
	fmt.Fprintf(w, "  headers:\n    csp: %q\n", s.Policy)
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"It allows, beyond the site itself, what several clients met:", s.Allows},
		{"What keeps it from being strict:", s.Unsafe},
		{"It refuses what too few clients have met so far:", s.Wanting},
	} {
		if len(part.lines) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n# %s\n", part.title)
		for _, l := range part.lines {
			fmt.Fprintf(w, "#   %s\n", l)
		}
	}
	return nil
}

// ownership prints rules to paste, each below what speaks for it.
func (c suggestCommand) ownership(ctx context.Context, g *globals, a gateway.Admin) error {
	s, err := a.SuggestOwnership(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.printJSON(s)
	}
	w := g.process.Stdout
	entries := func(indent string, all []gateway.OwnershipProposal) {
		for _, p := range all {
			fmt.Fprintf(w, "%s# %s\n%s- %s\n", indent, p.Evidence, indent, p.Text)
		}
	}
	if len(s.Rules) > 0 {
		g.toPaste(ctx, "application")
		fmt.Fprintln(w, "  ownership:\n    rules:")
		entries("    ", s.Rules)
	}
	if len(s.Me) > 0 {
		fmt.Fprintln(w, "identity:\n  backend_session:\n    me:")
		entries("    ", s.Me)
	}
	if len(s.Rules)+len(s.Me) == 0 {
		fmt.Fprintln(w, "# No rule can be proposed yet.")
	}
	if len(s.Open) > 0 {
		fmt.Fprintln(w, "\n# Routes without a proposal:")
	}
	for _, p := range s.Open {
		wanted := ""
		if p.Wanted > 0 {
			wanted = fmt.Sprintf(" (%s wanted)", plural(uint64(p.Wanted), "more answer"))
		}
		fmt.Fprintf(w, "#   %s: %s%s\n", p.Route, p.Evidence, wanted)
	}
	return nil
}
