package ownership

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A user is an account of the backend's.
type user struct {
	ID                         int64
	Name, Tenant, Role, Secret string
	password                   string
}

func (u *user) admin() bool { return u.Role == "admin" }

// A thing is a row that is somebody's.
type thing struct {
	Kind, ID       string
	Owner          int64
	Tenant         string
	Secret, Status string
	Shared         []int64
}

// kinds are the tables. Their identifiers are numbers, UUIDs, slugs, names of
// files; of lines, an order's and a number.
var kinds = []string{"orders", "documents", "invoices", "files", "receipts", "reports", "lines"}

// tenants' things are everybody's in the tenant.
func (t *thing) ofTenant() bool { return t.Kind == "reports" }

// may reports whether a correct application lets the user have the thing.
func (t *thing) may(u *user) bool {
	switch {
	case u == nil:
		return false
	case u.admin(), t.Owner == u.ID:
		return true
	case t.ofTenant():
		return t.Tenant == u.Tenant
	}
	return slices.Contains(t.Shared, u.ID)
}

// order is the identifier of a line's order, and of any other thing its own.
func (t *thing) order() string {
	if t.Kind != "lines" {
		return t.ID
	}
	order, _, _ := strings.Cut(t.ID, "-")
	return order
}

// A world is what is in the database, by a seed.
type world struct {
	seed   uint64
	people map[string]*user
	things []*thing
}

// cast are those whom the table is about. The friend is who the owner shares with;
// mate works for the owner's company, stranger for another.
var cast = []string{"owner", "mate", "friend", "stranger", "root"}

// newWorld makes the people of the cast, with one thing of each kind, or two.
func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 8))
	w := &world{seed: seed, people: map[string]*user{}}
	acme, other := "acme-"+letters(r, 4), "globex-"+letters(r, 4)
	id := 10 + r.Int64N(50)
	for _, name := range cast {
		id += 1 + r.Int64N(9)
		u := &user{ID: id, Name: name + "." + letters(r, 5) + "@example.com", Tenant: acme, Role: "user", Secret: canary(r), password: "pass " + letters(r, 12)}
		switch name {
		case "stranger":
			u.Tenant = other
		case "root":
			u.Role = "admin"
		}
		w.people[name] = u
	}
	number := 100 + r.Int64N(900)
	for _, name := range cast {
		u := w.people[name]
		var shared []int64
		if name != "friend" && name != "stranger" {
			shared = []int64{w.people["friend"].ID}
		}
		number += 1 + r.Int64N(3)
		order := strconv.FormatInt(number, 10)
		for _, k := range kinds {
			t := &thing{Kind: k, Owner: u.ID, Tenant: u.Tenant, Secret: canary(r), Status: "new"}
			switch k {
			case "orders", "receipts", "reports":
				t.ID = order
			case "documents":
				t.ID = uuid(r)
			case "invoices":
				t.ID = "inv-2026-" + letters(r, 6)
			case "files":
				t.ID = letters(r, 8) + ".pdf"
			case "lines":
				t.ID = order + "-1"
			}
			if k == "orders" || k == "documents" || k == "lines" {
				t.Shared = shared
			}
			w.things = append(w.things, t)
		}
	}
	return w
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// canary is a text that is nowhere else.
func canary(r *rand.Rand) string { return fmt.Sprintf("canary-%016x", r.Uint64()) }

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// of is a person's thing of a kind.
func (w *world) of(kind, name string) *thing {
	u := w.people[name]
	for _, t := range w.things {
		if t.Kind == kind && t.Owner == u.ID {
			return t
		}
	}
	return nil
}

// leaked names the things and people in a text that a person may not have.
func (w *world) leaked(text, name string) (found []string) {
	u := w.people[name]
	for _, t := range w.things {
		if !t.may(u) && strings.Contains(text, t.Secret) {
			found = append(found, t.Kind+" "+t.ID)
		}
	}
	for other, o := range w.people {
		if o != u && !u.admin() && strings.Contains(text, o.Secret) {
			found = append(found, "profile of "+other)
		}
	}
	slices.Sort(found)
	return found
}
