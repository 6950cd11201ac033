package config

import (
	"strings"

	"github.com/gatehousehq/gatehouse"
)

// Ownership is whose the things are that requests ask for.
type Ownership struct {
	Limit  Size             `yaml:"limit" default:"1MiB" doc:"How much of an answer is held until its owner is known; of a longer one only the ledger and a probe tell."`
	Rules  []OwnershipRule  `yaml:"rules" doc:"Whose the things of a path are; every rule that matches must be satisfied. gatehouse suggest ownership proposes them from what it saw." example:"[{path: \"/orders/{id}\", owner: {field: user_id, as: users.id}}]"`
	Shares []OwnershipShare `yaml:"shares" doc:"Single things that somebody else may have, for a time." example:"[{thing: /orders, id: \"42\", principal: bob@example.com, until: 2027-06-30, reason: takes over while Ann is away}]"`
}

// An OwnershipShare lets somebody have one thing of another's.
type OwnershipShare struct {
	Thing     string           `yaml:"thing" need:"true" doc:"The kind of thing, as rules name it." example:"/orders"`
	ID        string           `yaml:"id" need:"true" doc:"Its identifier." example:"\"42\""`
	Principal string           `yaml:"principal" need:"true" doc:"Who may have it, by any name." example:"bob@example.com"`
	Until     Expiry           `yaml:"until" need:"true" doc:"Until when, as a date (through its end, UTC) or a time (RFC 3339)." example:"2027-06-30"`
	Change    bool             `yaml:"change" default:"false" doc:"Whether they may change it too."`
	Reason    gatehouse.Reason `yaml:"reason" need:"true" doc:"Why." example:"takes over while Ann is away"`
}

// An OwnershipRule says how it is told whose a thing is.
type OwnershipRule struct {
	Path    string            `yaml:"path" need:"true" doc:"A path as in routes." example:"/orders/{id}"`
	Methods []string          `yaml:"methods" doc:"The methods that it is for; all where not given. GET stands for HEAD too." example:"[GET]"`
	Thing   string            `yaml:"thing" doc:"The kind of thing: rules of one kind share what the ledger knows. The path before the identifier where not given." example:"/orders"`
	ID      []string          `yaml:"id" doc:"Where the identifier stands: path:NAME, query:NAME, body:NAME, header:NAME, cookie:NAME, graphql:FIELD(ARGUMENT) or patch:/POINTER/{id}, in the paths of a JSON Patch. The last wildcard of path where not given." example:"[\"query:id\"]"`
	Owner   OwnershipOwner    `yaml:"owner" doc:"How the owner is told; several ways are asked in order."`
	Tenant  []string          `yaml:"tenant" doc:"Where in the answer's JSON stands whose customer's it is." example:"[org_id]"`
	Items   string            `yaml:"items" doc:"Makes the answer a list, whose items are judged one by one: others' are cut out." example:"orders[]"`
	Counts  []string          `yaml:"counts" doc:"Numbers beside the list that are lowered by what was cut out." example:"[total]"`
	Whole   bool              `yaml:"whole" default:"false" doc:"Refuses a list with others' items, in place of cutting them out."`
	GraphQL string            `yaml:"graphql" doc:"A field of GraphQL whose things are judged one by one, wherever it stands (orders) or in what (me.orders, Query.orders): others' are cut out of its lists. owner.field, owner.shared and tenant are then fields of a thing, whatever the client calls them." example:"orders"`
	Gives   []OwnershipGiving `yaml:"gives" doc:"Answers that give things of the kind to who asked: for owner.ledger." example:"[{path: /checkout, methods: [POST]}, {path: /account, methods: [GET]}]"`
	Admins  OwnershipAdmins   `yaml:"admins" doc:"Who may have everybody's; each use is an event."`
	Public  gatehouse.Reason  `yaml:"public" doc:"Lets everybody have them; say why. It stands before the rules that it is an exception of." example:"the catalogue is for everybody"`
}

// OwnershipOwner is how the owner is told.
type OwnershipOwner struct {
	Field     string   `yaml:"field" doc:"A path into the answer's JSON, such as user_id or data.owner.id; with items, into an item." example:"user_id"`
	Fields    []string `yaml:"fields" doc:"Several of them, in place of field: each that is there must be the principal's." example:"[user_id, account.id]"`
	Shared    []string `yaml:"shared" doc:"Paths as field, where stands who may have it too." example:"[\"collaborators[].id\"]"`
	Header    string   `yaml:"header" doc:"A field of the answer's head." example:"X-Owner"`
	Selector  string   `yaml:"selector" doc:"Elements of the answer's HTML, by a tag, #id, .class, [attribute] or [attribute=value] and what stands within." example:"\"main [data-owner]\""`
	Attribute string   `yaml:"attribute" doc:"Their attribute that names the owner; their text where not given." example:"data-owner"`
	Column    string   `yaml:"column" doc:"Where the database has the owner, behind an SQL gate: every row of the table that the answer was made from must be the principal's." example:"orders.user_id"`
	Key       string   `yaml:"key" doc:"The table's key, by which the owner is looked up where a statement left column out." example:"id"`
	Self      bool     `yaml:"self" default:"false" doc:"The identifier is itself a name of the principal."`
	Ledger    bool     `yaml:"ledger" default:"false" doc:"Goes by who was given the thing: see gives."`
	Probe     string   `yaml:"probe" doc:"The path of a GET that shows the thing and has a rule of its own, asked before a change. The path itself where its answer tells." example:"/orders/{id}"`
	AtWrite   bool     `yaml:"at_write" default:"false" doc:"Leaves changes to the SQL gate, which asks for column in the statement's own transaction. For paths with serialise, or a backend that passes traceparent on."`
	As        string   `yaml:"as" doc:"Which of the principal's names is compared: an alias such as users.id, or id for the name it signs in by; any where not given." example:"users.id"`
}

// OwnershipGiving is a route whose answers give things to who asked.
type OwnershipGiving struct {
	Path    string   `yaml:"path" need:"true" doc:"A path as in routes." example:"/checkout"`
	Methods []string `yaml:"methods" doc:"The methods; all where not given." example:"[POST]"`
	Field   []string `yaml:"field" doc:"Paths into the answer's JSON to identifiers; where not given its Location and its links." example:"[\"orders[].id\"]"`
	All     bool     `yaml:"all" default:"false" doc:"A GET of the path shows all that the asker has: what the ledger has as theirs is asked for there again, so that a thing that changed hands is theirs no more."`
}

// OwnershipAdmins are who may have everybody's things.
type OwnershipAdmins struct {
	Roles        []string `yaml:"roles" doc:"One of these roles is enough; nobody's is where not given." example:"[admin]"`
	SecondFactor bool     `yaml:"second_factor" default:"false" doc:"Asks for a sign-in that took two factors."`
	MaxAge       Duration `yaml:"max_age" doc:"How long ago the sign-in may be." example:"15m"`
}

// checkOwnership looks at single rules. What only a whole set of them shows is for
// application/ownership.
func (r *reader) checkOwnership(o *Ownership) {
	if o.Limit < 1<<10 || o.Limit > 64<<20 {
		r.fail("application.ownership.limit", "is not between 1KiB and 64MiB", "1MiB suits most sites")
	}
	for i := range o.Rules {
		rule, key := &o.Rules[i], item("application.ownership.rules", i)
		if rule.Path != "" {
			r.checkPattern(key+".path", rule.Path)
		}
		for j, g := range rule.Gives {
			r.checkPattern(item(key+".gives", j)+".path", g.Path)
		}
		own := rule.Owner
		tells := own.Self || own.Ledger || own.Field != "" || len(own.Fields) > 0 || own.Header != "" || own.Selector != "" || own.Column != "" || own.Probe != "" || len(rule.Tenant) > 0
		switch {
		case rule.Public.Given() && tells:
			r.fail(key+".public", "contradicts owner: it lets everybody have what is somebody's", "remove one of the two")
		case !rule.Public.Given() && !tells:
			r.fail(key, "does not say how the owner is told", "add owner: {field: user_id}, or public: with a reason")
		case own.Field != "" && len(own.Fields) > 0:
			r.fail(key+".owner.fields", "contradicts field: both say where the owner stands", "remove one of the two")
		case own.Ledger && len(rule.Gives) == 0:
			r.fail(key+".owner.ledger", "is set, and nothing gives things to anybody", "add gives: [{path: /checkout, methods: [POST]}]")
		case own.Column != "" && !strings.Contains(own.Column, "."):
			r.fail(key+".owner.column", r.quote(key+".owner.column", own.Column)+" has no table", "write it as orders.user_id")
		}
	}
}
