package gatehouse_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// brokenState is what findState must find in testdata/broken.txtar.
var brokenState = []string{
	"identity/session/state.go:13: lock ",
	"identity/session/state.go:14: counter ",
	"identity/session/state.go:15: queue ",
	"identity/session/state.go:16: source ",
	"identity/session/state.go:17: buffer ",
	"identity/session/state.go:18: current ",
	"identity/session/state.go:19: assigned ",
	"identity/session/state.go:20: filled ",
	"identity/session/state.go:21: emptied ",
	"identity/session/state.go:22: pointed ",
	"identity/session/state.go:23: sorted ",
	"identity/session/state.go:24: ranged ",
	"identity/session/state.go:25: seam ",
	"identity/session/state.go:26: nested ",
	"identity/session/state.go:27: counted ",
	"identity/session/state.go:50: net/http.DefaultClient ",
}

// steady are types that cannot change once made, or that are made to be shared.
var steady = []string{
	"*regexp.Regexp", "embed.FS", "*html/template.Template", "*text/template.Template", "*strings.Replacer",
	"reflect.Type", "*time.Location", "*math/big.Int", "*github.com/prometheus/client_golang/prometheus.Desc",
}

// findState looks for package-level variables that change, or whose type is
// there to be changed. Errors, compiled expressions, embedded files and tables
// that nobody writes to are in order. A table that is changed through another
// variable goes unseen.
func findState(t *tree) (findings []string) {
	written := t.writtenVars()
	for _, p := range t.all() {
		for _, f := range p.code() {
			if f.generated {
				continue
			}
			for _, name := range declaredVars(f) {
				declared, ok := f.info.Defs[name].(*types.Var)
				if !ok || name.Name == "_" {
					continue
				}
				why := changeable(declared.Type(), false, nil)
				if at, ok := written[keyOf(declared)]; ok {
					why = "is changed at " + at
				}
				if why != "" {
					findings = append(findings, fmt.Sprintf("%s: %s %s: make it a field of what New returns, or hand it in through Options", t.at(name), name.Name, why))
				}
			}
		}
	}
	for key, at := range written {
		if pkg := key[:strings.LastIndex(key, ".")]; pkg != module && !strings.HasPrefix(pkg, module+"/") && !strings.Contains(at, "_test.go:") {
			findings = append(findings, fmt.Sprintf("%s: %s is another package's variable: make a value of your own", at, key))
		}
	}
	return findings
}

// keyOf names a package-level variable the same in every variant of its package.
func keyOf(v *types.Var) string { return v.Pkg().Path() + "." + v.Name() }

// changeable says why a variable of this type is one that changes; "" if it
// need not. Inside a table, interfaces are taken for constants.
func changeable(typ types.Type, inTable bool, seen []types.Type) string {
	typ = types.Unalias(typ)
	if slices.Contains(steady, typ.String()) || isError(typ) || slices.Contains(seen, typ) {
		return ""
	}
	seen = append(seen, typ)
	if named, ok := typ.(*types.Named); ok {
		if pkg := named.Obj().Pkg(); pkg != nil && (pkg.Path() == "sync" || pkg.Path() == "sync/atomic") {
			return "holds a " + typ.String()
		}
	}
	switch under := typ.Underlying().(type) {
	case *types.Chan:
		return "is a channel"
	case *types.Interface:
		if !inTable {
			return "is an interface, whose value may change"
		}
	case *types.Pointer:
		if hasPointerMethods(under.Elem()) {
			return "points to " + under.Elem().String() + ", whose methods may change it"
		}
		return changeable(under.Elem(), true, seen)
	case *types.Array:
		return changeable(under.Elem(), true, seen)
	case *types.Slice:
		return changeable(under.Elem(), true, seen)
	case *types.Map:
		return changeable(under.Elem(), true, seen)
	case *types.Struct:
		return changeableFields(typ, under, seen)
	}
	return ""
}

// changeableFields descends into this module's structs and literal ones; of
// other packages' structs it asks what is not a pointer.
func changeableFields(typ types.Type, fields *types.Struct, seen []types.Type) string {
	named, ok := typ.(*types.Named)
	foreign := ok && named.Obj().Pkg() != nil && !strings.HasPrefix(named.Obj().Pkg().Path(), module)
	for field := range fields.Fields() {
		if _, pointer := field.Type().Underlying().(*types.Pointer); foreign && pointer {
			continue
		}
		if why := changeable(field.Type(), true, seen); why != "" {
			return why
		}
	}
	return ""
}

func isError(typ types.Type) bool {
	return types.Implements(typ, types.Universe.Lookup("error").Type().Underlying().(*types.Interface))
}

func hasPointerMethods(typ types.Type) bool {
	named, ok := types.Unalias(typ).(*types.Named)
	if !ok {
		return false
	}
	for method := range named.Origin().Methods() {
		if _, pointer := method.Signature().Recv().Type().(*types.Pointer); pointer {
			return true
		}
	}
	return false
}

// writtenVars gives where each package-level variable is written to first.
func (t *tree) writtenVars() map[string]string {
	written := map[string]string{}
	for _, p := range t.all() {
		for _, f := range p.files {
			note := func(at token.Pos, target ast.Expr, direct bool) {
				if v := packageVar(f, target, direct); v != nil && written[keyOf(v)] == "" {
					written[keyOf(v)] = t.atPos(at)
				}
			}
			ast.Inspect(f.ast, func(n ast.Node) bool {
				f.noteWrites(n, note)
				return true
			})
		}
	}
	return written
}

// noteWrites calls note for what n writes to. A direct target counts only
// where it is the variable or a field of it: `&table[i]` and `table[i].Name()`
// are how a table is read.
func (f *file) noteWrites(n ast.Node, note func(at token.Pos, target ast.Expr, direct bool)) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, target := range n.Lhs {
			note(n.Pos(), target, false)
		}
	case *ast.IncDecStmt:
		note(n.Pos(), n.X, false)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			note(n.Pos(), n.Key, false)
			note(n.Pos(), n.Value, false)
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			note(n.Pos(), n.X, true)
		}
	case *ast.CallExpr:
		if len(n.Args) > 0 && f.changesArgument(n) {
			note(n.Pos(), n.Args[0], false)
		}
	case *ast.SelectorExpr:
		// x.M() on a variable takes its address where M has a pointer receiver.
		s := f.info.Selections[n]
		if s == nil || s.Kind() != types.MethodVal {
			return
		}
		_, wants := s.Obj().(*types.Func).Signature().Recv().Type().(*types.Pointer)
		if _, has := s.Recv().(*types.Pointer); wants && !has {
			note(n.Pos(), n.X, true)
		}
	}
}

var changingCalls = []string{"sort.", "slices.Sort", "slices.Reverse", "maps.Copy", "maps.DeleteFunc", "maps.Insert"}

// changesArgument says whether the call changes what its first argument holds.
func (f *file) changesArgument(call *ast.CallExpr) bool {
	fun := call.Fun
	if generic, ok := fun.(*ast.IndexExpr); ok {
		fun = generic.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		builtin, ok := f.info.Uses[fun].(*types.Builtin)
		return ok && slices.Contains([]string{"delete", "clear", "copy"}, builtin.Name())
	case *ast.SelectorExpr:
		fn, ok := f.info.Uses[fun.Sel].(*types.Func)
		return ok && !strings.HasPrefix(fn.Name(), "Sorted") && !strings.HasPrefix(fn.Name(), "Search") && !strings.HasPrefix(fn.Name(), "Is") &&
			slices.ContainsFunc(changingCalls, func(prefix string) bool { return strings.HasPrefix(fn.FullName(), prefix) })
	}
	return false
}

// packageVar gives the package-level variable that target is or is part of.
func packageVar(f *file, target ast.Expr, direct bool) *types.Var {
	for target != nil {
		switch at := target.(type) {
		case *ast.Ident:
			return asPackageVar(f.info.Uses[at])
		case *ast.SelectorExpr:
			if v := asPackageVar(f.info.Uses[at.Sel]); v != nil {
				return v
			}
			target = at.X
		case *ast.IndexExpr:
			if direct {
				return nil
			}
			target = at.X
		case *ast.SliceExpr:
			target = at.X
		case *ast.StarExpr:
			target = at.X
		case *ast.ParenExpr:
			target = at.X
		default:
			return nil
		}
	}
	return nil
}

func asPackageVar(o types.Object) *types.Var {
	v, ok := o.(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	return v
}
