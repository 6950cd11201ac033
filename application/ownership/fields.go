package ownership

import (
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
	"github.com/gatehousehq/gatehouse/secret"
)

// RuleAssignment: a client sets who somebody is, what they may, or what something
// costs, by a field that clients of the route do not ordinarily send (mass
// assignment, CWE-915). RuleField: any other field that they do not send; it is told
// and no more.
const (
	RuleAssignment = "mass-assignment"
	RuleField      = "unusual-field"
)

// A Profile knows which fields clients of a route ordinarily send: package profile
// has it. learned is false where it has seen too little to say.
type Profile interface {
	Request(route, principal string, fields []string) (unusual []string, learned bool)
}

// maxFields bounds the fields of one request that are looked at, maxRoute what a
// route is called.
const (
	maxFields = 256
	maxRoute  = 512
)

// Fields decides about the fields that a change sends. client tells people apart who
// are nobody in particular. Every decision but one that passes is about one field.
func Fields(q *Request, client string, p Profile) gatehouse.Decision {
	if !q.change() || q.Inputs == nil {
		return gatehouse.Passed()
	}
	rest := gatehouse.Passed()
	for route, sent := range sentBy(q) {
		switch d := fields(q, client, p, route, sent); {
		case d.Rule == RuleAssignment:
			return d
		case rest.Verdict == gatehouse.Pass:
			rest = d
		}
	}
	return rest
}

// sentBy are the fields of a change, by the route that has them. A mutation of
// GraphQL is a route of its own: at one path stand all that an application has.
func sentBy(q *Request) map[string][]field {
	all, whole := q.Inputs.Operations()
	graphql := whole && len(all) > 0
	by := map[string][]field{q.Route: fieldsOf(q.Inputs.Body(), graphql)}
	if !graphql {
		return by
	}
	for _, op := range all {
		if !op.Mutation() {
			continue
		}
		for _, i := range op.Inputs[:min(len(op.Inputs), maxFields)] {
			root, argument, ok := strings.Cut(strings.TrimSuffix(i.Place.Name, ")"), "(")
			if route := q.Route + " " + root; ok && (len(by) < maxFields || by[route] != nil) {
				by[route] = append(by[route], field{strings.ToLower(argument), i.Value, i.Place})
			}
		}
	}
	return by
}

// fields decides about those of one route.
func fields(q *Request, client string, p Profile, route string, sent []field) gatehouse.Decision {
	if len(sent) == 0 {
		return gatehouse.Passed()
	}
	names := make([]string, len(sent))
	for i := range sent {
		names[i] = sent[i].name
	}
	who := client
	if q.Principal.Known() {
		who = keyOf(&q.Principal)
	}
	unusual, learned := p.Request(secret.Cut(route, maxRoute), who, names)
	if !learned || len(unusual) == 0 {
		return gatehouse.Passed()
	}
	rest := gatehouse.Passed()
	for _, f := range sent {
		switch {
		case !among(f.name, unusual):
		case privileged(&f, &q.Principal):
			return gatehouse.Denied(RuleAssignment, f.place, "clients of this route do not send this field, which says who somebody is, what they may or what something costs")
		case rest.Verdict == gatehouse.Pass:
			rest = gatehouse.Denied(RuleField, f.place, "clients of this route do not ordinarily send this field")
		}
	}
	return rest
}

func among(name string, list []string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

type field struct {
	name, value string
	place       gatehouse.Place
}

// fieldsOf are the fields of a body, by the names that frameworks give them. Those
// that a JSON Patch changes (RFC 6902) stand in the values of its paths. With
// graphql, those that carry its document and variables are left out.
func fieldsOf(body []input.Input, graphql bool) (all []field) {
	for _, i := range body {
		name := plainName(i.Place.Name)
		switch i.Place.Kind {
		case gatehouse.Form, gatehouse.Multipart:
		case gatehouse.JSON:
			if (name == "path" || name == "from") && strings.HasPrefix(i.Value, "/") && strings.HasPrefix(i.Place.Name, "[]") {
				name = strings.ToLower(strings.ReplaceAll(strings.Trim(i.Value, "/"), "/", "."))
			}
		default:
			continue
		}
		if name == "" || graphql && carries(name) {
			continue
		}
		if len(all) == maxFields {
			return all
		}
		all = append(all, field{name, i.Value, i.Place})
	}
	return all
}

// carries reports whether a field of a request of GraphQL is one of its own.
func carries(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	return name == "query" || name == "variables" || name == "operationname" || name == "extensions"
}

// identities are the last parts of names that say whose something is: to name
// oneself is in order. privileges are those that say what somebody may, or what
// something costs.
var (
	identities = map[string]bool{
		"userid": true, "ownerid": true, "owner": true, "accountid": true, "customerid": true, "authorid": true, "createdby": true,
		"tenantid": true, "tenant": true, "orgid": true, "organizationid": true, "companyid": true,
	}
	privileges = map[string]bool{
		"role": true, "roles": true, "roleid": true, "isadmin": true, "admin": true, "superuser": true, "issuperuser": true, "isstaff": true, "staff": true,
		"permissions": true, "permission": true, "scopes": true, "scope": true, "groups": true, "privileges": true, "accesslevel": true, "usertype": true, "accounttype": true,
		"price": true, "pricecents": true, "balance": true, "credit": true, "credits": true, "discount": true,
		"verified": true, "emailverified": true, "isverified": true, "isactive": true, "approved": true, "locked": true, "banned": true,
		"passwordhash": true, "passwordresettoken": true, "resettoken": true, "apikey": true, "mfaenabled": true, "twofactor": true,
	}
)

// privileged reports whether a field sets what its sender must not: a privilege, or
// whose something is where that is not they themselves.
func privileged(f *field, p *gatehouse.Principal) bool {
	last := f.name[strings.LastIndexByte(f.name, '.')+1:]
	last = strings.NewReplacer("_", "", "-", "").Replace(last)
	return privileges[last] || identities[last] && !called(p, "", f.value) && f.value != p.Tenant
}
