package gatehouse_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 45
	maxMainLines     = 30
	maxMethods       = 4
)

// codeRules are about what stands in the files.
var codeRules = []rule{
	{
		name: "No folder is called util, common or the like",
		find: findVagueNames,
		broken: []string{
			"pkg/util: ",
		},
	},
	{
		name: "No init: nothing registers itself",
		find: eachFile(findInit),
		broken: []string{
			"identity/session/session.go:7: ",
		},
	},
	{
		name:   "No package-level state that changes",
		find:   findState,
		broken: brokenState,
	},
	{
		name: "No file over 500 lines",
		find: eachFile(findLongFile),
		broken: []string{
			"application/rules/long.go:1: ",
		},
	},
	{
		name:     "Functions fit a screen",
		find:     eachFile(findLongFunctions),
		reported: true,
		broken: []string{
			"application/rules/long.go:5: ",
		},
	},
	{
		name: "cmd holds a main of under 30 lines",
		find: eachFile(findLongMain),
		broken: []string{
			"cmd/gatehouse/main.go:1: ",
		},
	},
	{
		name: "Every package says what it is for",
		find: findUndocumented,
		broken: []string{
			"data/policy: ",
			"third: ",
		},
	},
	{
		name: "Events are made by the constructors of package events",
		find: eachFile(findEvents),
		broken: []string{
			"network/address/address.go:14: an Event",
			"network/address/address.go:15: an Event",
			"network/address/address.go:17: the text Path",
		},
	},
	{
		name: "An interface in a layer has one to four methods",
		find: eachFile(findInterfaces),
		broken: []string{
			"transport/tls/tls.go:4: Five has 5",
			"transport/tls/tls.go:12: None has 0",
		},
	},
	{
		name: "A layer package has one way in: New(Options) (*T, error)",
		find: eachFile(findWaysIn),
		broken: []string{
			"transport/tls/tls.go:29: ",
			"transport/certs/certs.go:6: ",
		},
	},
	{
		name: "Who starts a goroutine proves with goleak that it ends",
		find: findLeaks,
		broken: []string{
			"transport/tls/tls.go:33: ",
		},
	},
	{
		name: "Nothing is put off, skipped or silenced without a reason",
		find: eachFile(findExcuses),
		broken: []string{
			"data/policy/policy.go:3: ",
			"data/policy/policy.go:6: ",
			"data/policy/policy_test.go:7: ",
		},
	},
}

// eachFile makes a rule about files into one about the tree.
func eachFile(find func(*tree, *pkg, *file) []string) func(*tree) []string {
	return func(t *tree) (findings []string) {
		for _, p := range t.all() {
			for _, f := range p.files {
				findings = append(findings, find(t, p, f)...)
			}
		}
		return findings
	}
}

var vagueNames = []string{
	"pkg", "util", "utils", "common", "helper", "helpers", "core", "type", "types", "model", "models", "misc", "shared", "lib",
}

func findVagueNames(t *tree) (findings []string) {
	for _, p := range t.all() {
		for _, name := range append(strings.Split(p.path, "/"), p.name) {
			if slices.Contains(vagueNames, name) {
				findings = append(findings, fmt.Sprintf("%s: %q says nothing: name the package after what it does", p.path, name))
				break
			}
		}
	}
	return findings
}

func findInit(t *tree, _ *pkg, f *file) (findings []string) {
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Recv == nil && fn.Name.Name == "init" && !f.generated {
			findings = append(findings, t.at(fn)+": func init: let New or the caller do it, in sight")
		}
	}
	return findings
}

func findLongFile(t *tree, _ *pkg, f *file) []string {
	lines := t.fset.Position(f.ast.FileEnd).Line
	if f.test || f.generated || lines <= maxFileLines {
		return nil
	}
	return []string{fmt.Sprintf("%s:1: %d lines, %d at most: split it where a reader would", f.path, lines, maxFileLines)}
}

func findLongFunctions(t *tree, _ *pkg, f *file) (findings []string) {
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || f.test || f.generated {
			continue
		}
		if lines := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1; lines > maxFunctionLines {
			findings = append(findings, fmt.Sprintf("%s: %s has %d lines; %d fit a screen", t.at(fn), fn.Name.Name, lines, maxFunctionLines))
		}
	}
	return findings
}

func findLongMain(t *tree, p *pkg, f *file) []string {
	lines := t.fset.Position(f.ast.FileEnd).Line
	if !strings.HasPrefix(p.path, "cmd/") || f.test || lines <= maxMainLines {
		return nil
	}
	return []string{fmt.Sprintf("%s:1: %d lines, %d at most: internal/cli has one file a command", f.path, lines, maxMainLines)}
}

func findUndocumented(t *tree) (findings []string) {
	for _, p := range t.all() {
		where := p.code()
		if p.onlyTests() {
			where = p.files
		}
		if !slices.ContainsFunc(where, func(f *file) bool { return f.ast.Doc.Text() != "" }) {
			findings = append(findings, p.path+": no package comment: say in five lines what it stops, what it trusts, what it does not do")
		}
	}
	return findings
}

// isEvent says whether typ is the root's Event, or a pointer to one.
func isEvent(typ types.Type) bool {
	if pointer, ok := typ.(*types.Pointer); ok {
		typ = pointer.Elem()
	}
	named, ok := types.Unalias(typ).(*types.Named)
	return ok && named.Obj().Name() == "Event" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module
}

// holdsText says whether a field of this type can hold what must be redacted:
// strings do, the root's own words (Outcome) and numbers do not.
func holdsText(typ types.Type) bool {
	_, plain := types.Unalias(typ).(*types.Basic)
	_, many := typ.Underlying().(*types.Map)
	return many || plain && types.Identical(typ, types.Typ[types.String])
}

// findEvents looks for events that no constructor made, and for texts set
// afterwards: the constructors redact. Package sink stamps what they make.
func findEvents(t *tree, p *pkg, f *file) (findings []string) {
	at, _ := placeOf(p.path)
	if f.test || strings.HasPrefix(at.folder, "events") || at.kind == anything {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if typ := f.info.TypeOf(n); typ != nil && isEvent(typ) && len(n.Elts) > 0 {
				findings = append(findings, t.at(n)+": an Event is made by hand: call a constructor of package events, which redacts, or add one")
			}
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				field, ok := ast.Unparen(to).(*ast.SelectorExpr)
				if !ok {
					continue
				}
				if typ := f.info.TypeOf(field.X); typ != nil && isEvent(typ) && holdsText(f.info.TypeOf(field)) {
					findings = append(findings, fmt.Sprintf("%s: the text %s of an Event is set by hand: hand it to a constructor of package events, which redacts", t.at(n), field.Sel.Name))
				}
			}
		}
		return true
	})
	return findings
}

func findInterfaces(t *tree, p *pkg, f *file) (findings []string) {
	if at, _ := placeOf(p.path); at.kind != layer || f.test {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		declared, ok := spec.Type.(*ast.InterfaceType)
		if !ok {
			return true
		}
		set, ok := f.info.TypeOf(declared).(*types.Interface)
		if ok && set.IsMethodSet() && (set.NumMethods() == 0 || set.NumMethods() > maxMethods) {
			findings = append(findings, fmt.Sprintf("%s: %s has %d methods: ask for the one to four that this package calls", t.at(spec), spec.Name.Name, set.NumMethods()))
		}
		return true
	})
	return findings
}

func findWaysIn(t *tree, p *pkg, f *file) (findings []string) {
	if at, _ := placeOf(p.path); at.kind != layer || f.test {
		return nil
	}
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Name.Name != "New" {
			continue
		}
		signature, ok := f.info.TypeOf(fn.Name).(*types.Signature)
		if ok && !isWayIn(signature) {
			findings = append(findings, t.at(fn)+": New is not New(Options) (*T, error): put what it takes into Options, and validate all of it there")
		}
	}
	return findings
}

func isWayIn(s *types.Signature) bool {
	if s.Params().Len() != 1 || s.Results().Len() != 2 {
		return false
	}
	options, ok := types.Unalias(s.Params().At(0).Type()).(*types.Named)
	if !ok || options.Obj().Name() != "Options" {
		return false
	}
	_, pointer := s.Results().At(0).Type().(*types.Pointer)
	return pointer && types.Identical(s.Results().At(1).Type(), types.Universe.Lookup("error").Type())
}

// findLeaks looks for packages that start goroutines and have no test that
// asks goleak whether they end. Programs and examples end with their process,
// and what imports testing is itself part of tests.
func findLeaks(t *tree) (findings []string) {
	for _, p := range t.all() {
		at, _ := placeOf(p.path)
		asked := slices.ContainsFunc(t.imports(p), func(in imported) bool { return in.test && in.path == "go.uber.org/goleak" })
		forTests := slices.ContainsFunc(t.imports(p), func(in imported) bool { return !in.test && in.path == "testing" })
		if asked || forTests || at.kind == outside || at.kind == anything {
			continue
		}
		for _, f := range p.code() {
			if start := startsGoroutine(f); start != nil {
				findings = append(findings, t.at(start)+": a goroutine is started, and no test of the package imports goleak: add goleak.VerifyTestMain")
				break
			}
		}
	}
	return findings
}

func startsGoroutine(f *file) (start ast.Node) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			start = n
		case *ast.SelectorExpr:
			if fn, ok := f.info.Uses[n.Sel].(*types.Func); ok && slices.Contains(goCalls, fn.FullName()) {
				start = n
			}
		}
		return start == nil
	})
	return start
}

var goCalls = []string{"(*sync.WaitGroup).Go", "(*golang.org/x/sync/errgroup.Group).Go", "time.AfterFunc"}

var (
	putOff   = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	silenced = regexp.MustCompile(`^//(nolint\S*|lint:(file-)?ignore( \S+)?|#nosec( \S+)?)\s*$`)
)

func findExcuses(t *tree, _ *pkg, f *file) (findings []string) {
	if f.generated {
		return nil
	}
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			switch {
			case putOff.MatchString(comment.Text):
				findings = append(findings, t.at(comment)+": something is put off: do it, or write it where the next person will read it")
			case silenced.MatchString(comment.Text):
				findings = append(findings, t.at(comment)+": a finding is silenced without a reason: give it on the same line")
			}
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) > 0 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if fn, ok := f.info.Uses[sel.Sel].(*types.Func); ok && fn.Pkg() != nil && fn.Pkg().Path() == "testing" && (fn.Name() == "Skip" || fn.Name() == "SkipNow") {
			findings = append(findings, t.at(call)+": a test is skipped without a reason: give it in one line")
		}
		return true
	})
	return findings
}

// declaredVars gives the package-level variables of a file.
func declaredVars(f *file) (vars []*ast.Ident) {
	for _, decl := range f.ast.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			vars = append(vars, spec.(*ast.ValueSpec).Names...)
		}
	}
	return vars
}
