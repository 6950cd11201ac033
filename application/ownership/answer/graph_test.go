package answer_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/application/ownership/answer"
	"github.com/gatehousehq/gatehouse/input"
)

// selectedBy is what a document asks for.
func selectedBy(t testing.TB, document string) *input.Selection {
	t.Helper()
	parser, err := input.New(input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(map[string]string{"query": document}) // of texts it never fails
	r := httptest.NewRequest("POST", "/graphql", strings.NewReader(string(text)))
	r.Header.Set("Content-Type", "application/json")
	in, err := parser.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	data, whole := in.Selected()
	if !whole {
		t.Fatalf("%s can't be read", document)
	}
	return data
}

func graph(t testing.TB, field string) *answer.Graph {
	t.Helper()
	g, err := answer.NewGraph(field, answer.Options{Owner: []string{"user.id"}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGraph_Asked_GoesByTheEndOfTheWay(t *testing.T) {
	for field, by := range map[string]map[string]bool{
		"orders":          {`{ orders { id } }`: true, `{ x: orders { id } }`: true, `{ orders: products { id } }`: false, `{ me { orders { id } } }`: true, `{ ordersOf { id } }`: false},
		"me.orders":       {`{ orders { id } }`: false, `{ me { orders { id } } }`: true, `{ me { me { orders { id } } } }`: true, `{ me { shop { orders { id } } } }`: false},
		"Query.orders":    {`{ orders { id } }`: true, `{ me { orders { id } } }`: false, `mutation { orders { id } }`: false},
		"a.a.b":           {`{ a { a { a { b } } } }`: true, `{ a { b } }`: false, `{ a { c { a { b } } } }`: false},
		"Mutation.orders": {`mutation { orders { id } }`: true},
	} {
		for document, want := range by {
			if got := graph(t, field).Asked(selectedBy(t, document)); got != want {
				t.Errorf("%s in %s: %t, want %t", field, document, got, want)
			}
		}
	}
}

// A grower makes answers of random nested orders, with what is to be left of them.
type grower struct {
	r    *rand.Rand
	made int
}

// orders are a list as the backend sends it, and as ann, who is 1, may see it.
func (g *grower) orders(depth int) (sent, left []any) {
	sent, left = []any{}, []any{}
	for range g.r.IntN(5) {
		if g.r.IntN(8) == 0 {
			sent, left = append(sent, nil), append(left, nil)
			continue
		}
		g.made++
		owner := 1 + g.r.IntN(2)
		one := map[string]any{"no": g.made, "u": map[string]any{"id": owner}}
		less := map[string]any{"no": g.made, "u": map[string]any{"id": owner}}
		if depth > 0 {
			one["parts"], less["parts"] = g.orders(depth - 1)
		}
		if sent = append(sent, one); owner == 1 {
			left = append(left, less)
		}
	}
	return sent, left
}

func TestGraph_Cut_LeavesOwnThingsOfRandomAnswers(t *testing.T) {
	data := selectedBy(t, `{ all: orders { ...F } } fragment F on Order { no u: user { id } parts: orders { no u: user { id } parts: orders { no u: user { id } } } }`)
	one := graph(t, "orders")
	for seed := range uint64(3000) {
		g := grower{r: rand.New(rand.NewPCG(seed, 1))}
		sent, left := g.orders(2)
		indent := strings.Repeat(" ", g.r.IntN(3))
		body, err := json.MarshalIndent(map[string]any{"data": map[string]any{"all": sent}}, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := one.Cut(nil, body, data, func(o answer.Owners, listed bool) bool {
			return listed && o.Complete && len(o.Owner) == 1 && o.Owner[0] == "1"
		})
		if err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, body)
		}
		var got, want any
		text, _ := json.Marshal(map[string]any{"data": map[string]any{"all": left}})
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("seed %d: %v in %s", seed, err, out)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: of %s\nis left %s\nwant %s", seed, body, out, text)
		}
	}
}

// FuzzGraph holds what Cut accepts to encoding/json, and what it leaves of a list to
// own, which refuses here what names nobody.
func FuzzGraph(f *testing.F) {
	for _, body := range []string{
		`{"data":{"all":[{"no":1,"u":{"id":1}},{"no":2,"u":{"id":2}}]}}`, `[{"data":{"all":{"u":{"id":"1"}}}},{"errors":[]}]`, `{"data":{"all":[[{"u":{"id":1}}]]}}`,
		`{"data":null}`, `{"data":{"all":[null,3,"x",{}]}}`, `{"\u0064ata":{"all":[{"u":null}]}}`, `{"data":{"all":[]},"data":{}}`, `{"data":{"al\u006c":[{}]}} `,
	} {
		f.Add([]byte(body))
	}
	data, one := selectedBy(f, `{ all: orders { no u: user { id } } }`), graph(f, "orders")
	f.Fuzz(func(t *testing.T, body []byte) {
		out, cut, err := one.Cut(nil, body, data, func(o answer.Owners, _ bool) bool { return o.Complete })
		if err != nil {
			return
		}
		var before, after any
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("%q is taken for JSON, or made none: %q", body, out)
		}
		if cut == 0 && string(out) != string(body) {
			t.Fatalf("nothing was cut, and %q became %q", body, out)
		}
		root, _ := after.(map[string]any)
		shown, _ := root["data"].(map[string]any)
		list, _ := shown["all"].([]any)
		for _, one := range list {
			if thing, ok := one.(map[string]any); ok {
				if u, _ := thing["u"].(map[string]any); u == nil || u["id"] == nil {
					t.Fatalf("a thing is left that names nobody: %q", out)
				}
			}
		}
	})
}

func BenchmarkGraph(b *testing.B) {
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"no":%d,"street":"%s","u":{"id":%d}}`, i, strings.Repeat("x", 60), 1+i%2))
	}
	body := []byte(`{"data":{"all":[` + strings.Join(list, ",") + `]}}`)
	data, one := selectedBy(b, `{ all: orders { no street u: user { id } } }`), graph(b, "orders")
	dst := make([]byte, 0, len(body))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, cut, err := one.Cut(dst, body, data, func(o answer.Owners, _ bool) bool { return o.Owner[0] == "1" }); err != nil || cut != 50 {
			b.Fatal(cut, err)
		}
	}
}
