package gatehouse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/txtar"
)

const module = "github.com/gatehousehq/gatehouse"

// A tree is what the rules look at: the packages of one module.
type tree struct {
	dir      string
	fset     *token.FileSet
	packages map[string]*pkg // by path within the module; "." is the root
	broken   []string        // what does not parse or type-check
	direct   []string        // modules that go.mod requires, less those it marks indirect
	indirect []string
}

// A pkg is one folder: its files, and its files' types once for each variant
// in which the go command builds them.
type pkg struct {
	path  string
	name  string
	files []*file // sorted by name
}

type file struct {
	path      string // within the module
	test      bool
	generated bool
	ast       *ast.File
	info      *types.Info
	types     *types.Package
}

// code gives the package's files that end up in a program.
func (p *pkg) code() []*file {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test })
}

// onlyTests says whether the folder holds nothing but tests.
func (p *pkg) onlyTests() bool { return len(p.code()) == 0 }

func (t *tree) at(n ast.Node) string { return t.atPos(n.Pos()) }

func (t *tree) atPos(p token.Pos) string {
	at := t.fset.Position(p)
	name, err := filepath.Rel(t.dir, at.Filename)
	if err != nil {
		name = at.Filename
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(name), at.Line)
}

// all gives the packages in the order of their paths.
func (t *tree) all() []*pkg {
	var all []*pkg
	for _, p := range t.packages {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return all
}

// load reads and type-checks the module in dir, tests included.
func load(t *testing.T, dir string) *tree {
	t.Helper()
	// Absolute and without links, as the go command gives the files.
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	loaded := &tree{dir: dir, fset: token.NewFileSet(), packages: map[string]*pkg{}}
	found, err := packages.Load(&packages.Config{
		Dir:   dir,
		Fset:  loaded.fset,
		Tests: true,
		Env:   append(os.Environ(), "GOWORK=off"),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedExportFile,
	}, "./...")
	if err != nil {
		t.Fatalf("reading the packages under %s: %v", dir, err)
	}
	lookAtFolders(t, dir)
	for _, variant := range found {
		loaded.add(variant)
	}
	if loaded.packages["."] == nil {
		t.Fatalf("found no root package under %s", dir)
	}
	for _, p := range loaded.packages {
		if len(p.files) == 0 {
			t.Errorf("%s: found the package but none of its files", p.path)
		}
		slices.SortFunc(p.files, func(a, b *file) int { return strings.Compare(a.path, b.path) })
	}
	loaded.readRequirements(t)
	return loaded
}

// lookAtFolders opens each folder, so that go test, which keeps a result until a
// file changes that the test opened, sees a new file or folder too.
func lookAtFolders(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && at != dir && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return nil // what cannot be read, the go command has reported
	})
	if err != nil {
		t.Fatal(err)
	}
}

// add takes the files of one variant of a package: itself, with its tests, or
// its external tests. A file that a former variant brought is not taken again.
func (t *tree) add(variant *packages.Package) {
	if strings.HasSuffix(variant.PkgPath, ".test") {
		return // the main package that go test generates
	}
	for _, err := range variant.Errors {
		said := strings.TrimPrefix(err.Pos, t.dir+"/") + ": " + err.Msg
		if err.Pos != "" && !slices.Contains(t.broken, said) {
			t.broken = append(t.broken, said)
		}
	}
	within := inModule(strings.TrimSuffix(variant.PkgPath, "_test"))
	p := t.packages[within]
	if p == nil {
		p = &pkg{path: within, name: strings.TrimSuffix(variant.Name, "_test")}
		t.packages[within] = p
	}
	for _, f := range variant.Syntax {
		name, err := filepath.Rel(t.dir, t.fset.Position(f.FileStart).Filename)
		if err != nil || strings.HasPrefix(name, "..") {
			continue // made by the go command, in its cache
		}
		name = filepath.ToSlash(name)
		if slices.ContainsFunc(p.files, func(have *file) bool { return have.path == name }) {
			continue
		}
		p.files = append(p.files, &file{
			path: name, test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(f),
			ast: f, info: variant.TypesInfo, types: variant.Types,
		})
	}
}

func (t *tree) readRequirements(tb *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = t.dir
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("reading go.mod: %v", err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&mod); err != nil {
		tb.Fatalf("reading go.mod: %v", err)
	}
	for _, r := range mod.Require {
		if r.Indirect {
			t.indirect = append(t.indirect, r.Path)
		} else {
			t.direct = append(t.direct, r.Path)
		}
	}
}

// inModule turns an import path of this module into a path within it.
func inModule(importPath string) string {
	return path.Clean("." + strings.TrimPrefix(importPath, module))
}

// An imported is one import of one file.
type imported struct {
	path string // within the module where own is set, else as written
	own  bool
	at   string
	test bool
}

func (t *tree) imports(p *pkg) []imported {
	var all []imported
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			in := imported{path: strings.Trim(spec.Path.Value, `"`), at: t.at(spec), test: f.test}
			if in.path == module || strings.HasPrefix(in.path, module+"/") {
				in.own, in.path = true, inModule(in.path)
			}
			all = append(all, in)
		}
	}
	return all
}

// unpack writes the module in a txtar archive to a folder of its own.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	read, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range read.Files {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
