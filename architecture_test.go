// The tests of this folder hold the whole tree to docs/architecture.md: who may
// import whom, and the style that a compiler does not see. Each rule says what
// to do where it is broken, and each is tried on testdata/broken.txtar, a small
// module that breaks every one of them, so that a rule that finds nothing
// cannot pass for a tree that is in order.
package gatehouse_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A rule of the architecture.
type rule struct {
	name string
	// find gives what breaks the rule, each with its place and what to do.
	find func(*tree) []string
	// broken is how each finding in testdata/broken.txtar begins.
	broken []string
	// reported findings are printed and fail nothing.
	reported bool
}

func TestArchitecture(t *testing.T) {
	real := load(t, ".")
	broken := load(t, unpack(t, "testdata/broken.txtar"))
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, finding := range rule.find(real) {
				if rule.reported {
					t.Log(finding)
				} else {
					t.Error(finding)
				}
			}
		})
		t.Run(rule.name+", and the rule can fail", func(t *testing.T) {
			found := rule.find(broken)
			for _, finding := range found {
				if !slices.ContainsFunc(rule.broken, func(want string) bool { return strings.HasPrefix(finding, want) }) {
					t.Errorf("found in testdata/broken.txtar what is in order: %s", finding)
				}
			}
			for _, want := range rule.broken {
				if !slices.ContainsFunc(found, func(finding string) bool { return strings.HasPrefix(finding, want) }) {
					t.Errorf("not found in testdata/broken.txtar: %s", want)
				}
			}
			if len(rule.broken) == 0 {
				t.Error("testdata/broken.txtar has nothing that breaks this rule: add it, and say here what must be found")
			}
		})
	}
}

// A place is a folder with everything in it, less the places inside it.
type place struct {
	folder string
	kind   kind
	// may are the places that its packages import beside their own.
	may []string
}

type kind string

const (
	root     kind = "the root"
	leaf     kind = "a leaf"
	layer    kind = "a layer"
	inside   kind = "internal"
	outside  kind = "a program" // built on the rest; nobody imports it but the demo
	anything kind = "tests"     // may import everything
)

// leaves are what a layer imports beside the root.
var leaves = []string{".", "accept", "events", "exchange", "input", "limit", "secret", "store", "taint"}

var layers = []string{"network", "transport", "application", "identity", "data"}

// places is docs/architecture.md, "Who may import whom".
var places = []place{
	{".", root, nil},

	{"accept", leaf, []string{"."}},
	{"secret", leaf, []string{"."}},
	{"limit", leaf, []string{"."}},
	{"store", leaf, []string{"."}},
	{"store/redis", leaf, []string{".", "limit", "store"}},
	{"input", leaf, []string{"."}},
	{"events", leaf, []string{".", "secret"}},
	{"events/sink", leaf, []string{".", "secret", "events", "store"}},
	{"taint", leaf, []string{"."}},
	{"exchange", leaf, []string{".", "input", "taint"}},
	{"taint/sqldriver", leaf, []string{".", "taint", "exchange"}},

	{"network", layer, leaves},
	{"transport", layer, leaves},
	{"application", layer, leaves},
	{"identity", layer, leaves},
	{"data", layer, leaves},

	{"internal/gateway", inside, slices.Concat(leaves, layers, []string{"taint/sqldriver", "events/sink", "store/redis", "internal/config"})},
	{"internal/config", inside, leaves},
	{"internal/cli", inside, []string{".", "internal/gateway", "internal/config", "events", "limit", "secret", "store", "internal/throwaway", "examples/shop"}},
	{"internal/throwaway", inside, nil},
	{"internal/testkit", inside, append(slices.Clone(leaves), "internal/throwaway")},
	{"cmd", outside, []string{"internal/cli"}},
	{"audit", outside, leaves},
	{"examples/shop", outside, nil},
	{"examples/compose", outside, nil},
	{"examples/identity", outside, nil},
	{"tests", anything, nil},
}

// placeOf gives the innermost place that the package stands in.
func placeOf(path string) (place, bool) {
	var found place
	ok := false
	for _, p := range places {
		within := path == p.folder || p.folder != "." && strings.HasPrefix(path, p.folder+"/")
		if within && len(p.folder) >= len(found.folder) {
			found, ok = p, true
		}
	}
	return found, ok
}

var rules = slices.Concat([]rule{
	{
		name: "Every package parses and type-checks",
		find: func(t *tree) []string { return t.broken },
		broken: []string{
			"internal/gateway/untyped.go:",
		},
	},
	{
		name: "Every folder has its place in docs/architecture.md",
		find: findPlaceless,
		broken: []string{
			"pkg/util: ", "third: ",
		},
	},
	{
		name: "The root imports the standard library alone",
		find: findRootImports,
		broken: []string{
			"root.go:5: the root imports example.com/listed",
			"root.go:6: the root imports secret",
		},
	},
	{
		name: "A leaf imports the root and leaves below it",
		find: func(t *tree) []string { return findForbidden(t, leaf) },
		broken: []string{
			"secret/secret.go:4: secret imports events",
			"taint/taint.go:4: taint imports taint/sqldriver",
			"limit/limit.go:5: limit imports internal/config",
			"store/memory/memory.go:6: store/memory imports network/address",
		},
	},
	{
		name: "A layer imports the root and leaves, never another layer",
		find: func(t *tree) []string { return findForbidden(t, layer) },
		broken: []string{
			"network/address/address.go:5: network/address imports application/csrf",
			"network/address/address.go:6: network/address imports events/sink",
			"network/address/address.go:7: network/address imports internal/testkit",
			"network/address/address_test.go:6: network/address imports identity/session",
		},
	},
	{
		name: "Layers meet in internal/gateway alone",
		find: func(t *tree) []string { return slices.Concat(findForbidden(t, inside), findForbidden(t, outside)) },
		broken: []string{
			"internal/cli/cli.go:5: internal/cli imports network/address",
			"internal/cli/cli.go:6: internal/cli imports events/sink",
			"cmd/gatehouse/main.go:4: cmd/gatehouse imports internal/config",
			"examples/shop/shop.go:4: examples/shop imports identity/session",
		},
	},
	{
		name: "The packages of a layer import each other without cycles",
		find: findCycles,
		broken: []string{
			"application/csrf/csrf.go:4: application/csrf and application/rules",
			"application/rules/rules.go:4: application/rules and application/csrf",
		},
	},
	{
		name: "Direct dependencies are in testdata/dependencies.golden, with a reason",
		find: findDependencies,
		broken: []string{
			"testdata/dependencies.golden:2: example.com/listed stands there twice",
			"testdata/dependencies.golden:3: example.com/noreason has no reason",
			"testdata/dependencies.golden:4: example.com/unused ",
			"testdata/dependencies.golden:6: example.com/unordered ",
			"go.mod: example.com/unlisted ",
			"go.mod: example.com/untidy ",
		},
	},
}, codeRules)

func findPlaceless(t *tree) (findings []string) {
	for _, p := range t.all() {
		if _, ok := placeOf(p.path); !ok {
			findings = append(findings, fmt.Sprintf(
				"%s: is in no folder that docs/architecture.md names: put the code into one, or name the folder there and in the table of places", p.path))
		}
	}
	return findings
}

func findRootImports(t *tree) (findings []string) {
	for _, in := range t.imports(t.packages["."]) {
		if !in.test && (in.own || strings.Contains(strings.Split(in.path, "/")[0], ".")) {
			findings = append(findings, fmt.Sprintf(
				"%s: the root imports %s: move what needs it into a leaf; the root imports the standard library alone", in.at, in.path))
		}
	}
	return findings
}

var advice = map[kind]string{
	leaf:    "a leaf imports the root and, downward only, the leaves that the table of places gives it: move the code up, or hand in what it needs",
	layer:   "a layer imports the root and leaves only: declare an interface of one to four methods beside the code that calls it, and let internal/gateway hand it in",
	inside:  "only internal/gateway imports layers and events/sink, and only it and internal/cli import internal/config: go through internal/gateway",
	outside: "a program goes through internal/cli, and an example stands alone",
}

// findForbidden gives the imports that the table of places does not allow to
// places of this kind.
func findForbidden(t *tree, of kind) (findings []string) {
	for _, p := range t.all() {
		from, ok := placeOf(p.path)
		if !ok || from.kind != of {
			continue
		}
		for _, in := range t.imports(p) {
			if in.own && !mayImport(from, in) {
				findings = append(findings, fmt.Sprintf("%s: %s imports %s: %s", in.at, p.path, in.path, advice[of]))
			}
		}
	}
	return findings
}

func mayImport(from place, in imported) bool {
	to, ok := placeOf(in.path)
	switch {
	case !ok:
		return false
	case to.folder == from.folder:
		return true
	case in.test && to.folder == "internal/testkit":
		return true
	}
	return slices.Contains(from.may, to.folder)
}

// findCycles takes the folders right under a layer as one each. The compiler
// refuses a cycle of packages; this refuses two rungs that lean on each other
// through packages below them.
func findCycles(t *tree) (findings []string) {
	edges := map[string][]string{}
	each := func(visit func(from, to string, in imported)) {
		for _, p := range t.all() {
			at, _ := placeOf(p.path)
			for _, in := range t.imports(p) {
				to, _ := placeOf(in.path)
				if at.kind == layer && in.own && !in.test && to.folder == at.folder && rungOf(p.path) != rungOf(in.path) {
					visit(rungOf(p.path), rungOf(in.path), in)
				}
			}
		}
	}
	each(func(from, to string, _ imported) { edges[from] = append(edges[from], to) })
	each(func(from, to string, in imported) {
		if reaches(edges, to, from, map[string]bool{}) {
			findings = append(findings, fmt.Sprintf(
				"%s: %s and %s import each other: move what both need into a package below them", in.at, from, to))
		}
	})
	return findings
}

// rungOf is the folder right under the layer that the package belongs to.
func rungOf(path string) string {
	parts := strings.SplitN(path, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func reaches(edges map[string][]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	seen[from] = true
	return slices.ContainsFunc(edges[from], func(next string) bool {
		return !seen[next] && reaches(edges, next, to, seen)
	})
}

// findDependencies compares what the code imports, what go.mod says is direct,
// and what was reviewed: testdata/dependencies.golden, a module and a reason a line.
func findDependencies(t *tree) (findings []string) {
	const golden = "testdata/dependencies.golden"
	used := t.usedModules()
	listed := map[string]bool{}
	text, err := os.ReadFile(filepath.Join(t.dir, golden))
	if err != nil {
		return []string{fmt.Sprintf("%s: cannot be read: %v", golden, err)}
	}
	before := ""
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		name, reason, _ := strings.Cut(line, " ")
		say := func(words string) {
			findings = append(findings, fmt.Sprintf("%s:%d: %s %s", golden, i+1, name, words))
		}
		switch {
		case listed[name]:
			say("stands there twice: keep the better reason")
		case strings.TrimSpace(reason) == "":
			say("has no reason: say after the name what it is for")
		case !used[name] && !slices.Contains(t.direct, name):
			say("is imported by nothing: delete the line")
		case cmp.Less(name, before):
			say("is out of order: keep the lines sorted")
		}
		listed[name], before = true, max(before, name)
	}
	for _, name := range slices.Concat(t.direct, t.indirect) {
		if !listed[name] && (used[name] || slices.Contains(t.direct, name)) {
			findings = append(findings, fmt.Sprintf("go.mod: %s is a new direct dependency: do without it, or add a line with its reason to %s", name, golden))
		}
	}
	for _, name := range t.indirect {
		if used[name] {
			findings = append(findings, fmt.Sprintf("go.mod: %s is imported but marked // indirect: run go mod tidy", name))
		}
	}
	return findings
}

// usedModules gives the modules that some file imports, tests among them.
func (t *tree) usedModules() map[string]bool {
	used := map[string]bool{}
	required := slices.Concat(t.direct, t.indirect)
	for _, p := range t.all() {
		for _, in := range t.imports(p) {
			longest := ""
			for _, name := range required {
				if !in.own && (in.path == name || strings.HasPrefix(in.path, name+"/")) {
					longest = max(longest, name)
				}
			}
			if longest != "" {
				used[longest] = true
			}
		}
	}
	return used
}
