package sqli

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A dice draws everything that a corpus is made of. The same seed gives the
// same draws: PCG is fixed by the standard library's promise.
type dice struct {
	*rand.Rand
	// all has every production of the grammar; without it those that are held
	// out are missing.
	all bool
}

func newDice(all bool, seed ...string) *dice {
	a, b := hash(strings.Join(seed, "/")+"/a"), hash(strings.Join(seed, "/")+"/b")
	return &dice{rand.New(rand.NewPCG(a, b)), all}
}

// hash is FNV-1a, spelled out: what is held out must never depend on a library.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (d *dice) chance(percent int) bool { return d.IntN(100) < percent }

func oneOf[T any](d *dice, of ...T) T { return of[d.IntN(len(of))] }

// letters is a word that means nothing.
func (d *dice) letters(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("abcdefghijklmnopqrstuvwxyz"[d.IntN(26)])
	}
	return b.String()
}

func (d *dice) hexDigits(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789abcdef"[d.IntN(16)])
	}
	return b.String()
}

// vocabulary are the values that a kind draws from. The database of the effect
// tests has all of them.
var vocabulary = map[string][]string{
	"category":       {"books", "tools", "garden", "toys", "kitchen", "music"},
	"status":         {"open", "closed", "draft", "published", "paid", "shipped", "new"},
	"role":           {"user", "editor", "admin", "guest"},
	"word":           {"red", "blue", "green", "small", "large", "summer", "winter", "welcome", "oak", "steel"},
	"attribute":      {"color", "size", "weight", "title", "theme", "lang"},
	"direction":      {"ASC", "DESC", "asc", "desc"},
	"product_column": {"name", "price", "stock", "sku", "category"},
	"post_column":    {"title", "slug", "status", "published_at"},
	"user_column":    {"name", "email", "created_at", "role"},
	"setting_column": {"key", "value"},
	"audit_column":   {"actor", "action", "created_at"},
	"ticket_column":  {"subject", "priority", "assignee", "state"},
	"order_column":   {"status", "user_id", "total"},
	"table":          {"products", "orders", "posts", "tickets", "comments"},
	"path":           {"/shop/garden", "/blog/2024/05", "/admin/reports", "/search", "/cart"},
	"first":          {"Anna", "Bela", "Chiara", "Dov", "Emre", "Freya", "Goran", "Hana", "Ivan", "Jun"},
	"noun":           {"lamp", "chair", "kettle", "spade", "violin", "puzzle", "notebook", "hammer", "rose", "drum"},
}

// ordinary draws a value of a kind, as a client of good will sends it.
func (d *dice) ordinary(kind string) string {
	switch kind {
	case "id":
		return fmt.Sprint(1 + d.IntN(40))
	case "limit":
		return oneOf(d, "5", "10", "20", "25", "50")
	case "offset":
		return oneOf(d, "0", "10", "20", "40")
	case "price":
		return oneOf(d, fmt.Sprint(1+d.IntN(60)), fmt.Sprintf("%d.%02d", d.IntN(60), d.IntN(100)))
	case "ids":
		return d.list(", ", "id")
	case "words":
		return d.list("','", oneOf(d, "word", "category", "status"))
	case "name":
		return oneOf(d, vocabulary["first"]...) + oneOf(d, "", " "+oneOf(d, "Berg", "Costa", "Dahl", "Evans"))
	case "email":
		return strings.ToLower(oneOf(d, vocabulary["first"]...)) + fmt.Sprintf("%d@example.%s", d.IntN(100), oneOf(d, "com", "org", "net"))
	case "hash", "token":
		return d.hexDigits(32)
	case "slug":
		return oneOf(d, vocabulary["noun"]...) + "-" + oneOf(d, vocabulary["word"]...) + fmt.Sprintf("-%d", d.IntN(100))
	case "search":
		return oneOf(d, vocabulary["noun"]...) + oneOf(d, "", " "+oneOf(d, vocabulary["word"]...))
	case "sentence":
		return fmt.Sprintf("The %s %s %s %s.", oneOf(d, vocabulary["word"]...), oneOf(d, vocabulary["noun"]...),
			oneOf(d, "arrived late", "is for sale", "works, thank you", "or the other one", "was sent and selected"), oneOf(d, "today", "last week", "again", "from Oslo"))
	}
	return oneOf(d, vocabulary[kind]...)
}

func (d *dice) list(separator, kind string) string {
	items := make([]string, 1+d.IntN(6))
	for i := range items {
		items[i] = d.ordinary(kind)
	}
	return strings.Join(items, separator)
}
