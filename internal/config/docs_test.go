package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

var update = flag.Bool("update", false, "rewrite the generated pages")

func TestGenerated_PagesAreTheCommittedOnes(t *testing.T) {
	for name, text := range map[string][]byte{"configuration.md": Reference(), "gatehouse.schema.json": Schema()} {
		path := filepath.Join("..", "..", "docs", "reference", name)
		if *update {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if committed, err := os.ReadFile(path); err != nil || !bytes.Equal(committed, text) {
			t.Errorf("%s is not what the tags say (%v): run go generate ./internal/config", path, err)
		}
	}
}

// everyField calls visit with each key of the configuration and its parents'.
func everyField(t reflect.Type, section string, visit func(key string, f field)) {
	for _, f := range fieldsOf(t) {
		key := under(section, f.key)
		visit(key, f)
		if inner := sectionOf(f.typ); inner != nil {
			everyField(inner, sectionKey(section, f), visit)
		}
	}
}

func TestFields_EachHasWhatThePageNeeds(t *testing.T) {
	reference := string(Reference())
	everyField(reflect.TypeFor[Config](), "", func(key string, f field) {
		if !strings.HasSuffix(f.doc, ".") || strings.Contains(f.doc, "TODO") {
			t.Errorf("%s: the doc tag is not a sentence: %q", key, f.doc)
		}
		if leafOf(f.typ) != nil && f.example == "" {
			t.Errorf("%s has neither an example nor a default", key)
		}
		if !strings.Contains(reference, f.doc) {
			t.Errorf("%s is not in the reference", key)
		}
		if strings.ToLower(f.key) != f.key || strings.Contains(f.key, "-") {
			t.Errorf("%s is not written in lower_case", key)
		}
	})
}

func TestFields_EveryStructFieldIsAKeyOrSaysThatItIsNone(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			switch f.Tag.Get("yaml") {
			case "":
				t.Errorf("%s.%s has no yaml tag", typ, f.Name)
			case "-":
			default:
				if inner := sectionOf(f.Type); inner != nil {
					walk(inner)
				}
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestDefault_EveryFieldIsWhatItsTagSays(t *testing.T) {
	var walk func(string, reflect.Value)
	walk = func(section string, v reflect.Value) {
		for _, f := range fieldsOf(v.Type()) {
			key, at := under(section, f.key), v.FieldByIndex(f.index)
			switch {
			case isSection(f.typ):
				walk(key, at)
			case f.def == "" && !at.IsZero():
				t.Errorf("%s is %v by default, and the page says nothing", key, at)
			case f.def != "" && flow(at) != f.sample():
				t.Errorf("%s is %s by default, and the page says %s", key, flow(at), f.sample())
			}
		}
	}
	walk("", reflect.ValueOf(*Default()))
}

func TestDefault_IsNotShared(t *testing.T) {
	Default().Network.Listen[0] = "changed"
	if Default().Network.Listen[0] != ":8443" {
		t.Error("a change to one Default changed the next")
	}
}

func TestCommented_ParsesToWhatItWasMadeOf(t *testing.T) {
	plain := Default()
	plain.Upstream = "http://127.0.0.1:3000"
	busy := Default()
	busy.Upstream, busy.Site = "https://backend.internal:8443", "https://shop.example.com"
	busy.Network.Listen = []string{"[::1]:443", "unix:/run/a b.sock"}
	busy.Network.Timeouts.Idle = Duration(90e9)
	busy.Modes = map[string]ModeSetting{"input": {Mode: gatehouse.Observe}, "network/address": {Mode: Strict}, "application/csrf": {gatehouse.Off, `says "the backend": it has its own, ${really} #1`}}
	busy.Routes = []Route{{Path: "/a/{id}", CSRF: RouteCSRF{"saml", "yes"}}, {Path: "/b", Body: "pass", Reason: "null"}}
	busy.Allow = []AllowEntry{{ID: "1e5", Rung: "input", Rule: "depth", Path: "POST /a", Field: "form:a b", Reason: "a\nb", Expires: Expiry{now.AddDate(0, 1, 0)}}}
	busy.Events.Stdout, busy.Events.Files = true, 3
	for _, c := range []*Config{plain, busy} {
		text := Commented(c)
		got, err := Parse("f", text, testOptions())
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if changed := Changed(c, got); changed != nil {
			t.Errorf("%v differ from what was written:\n%s", changed, text)
		}
	}
}

func TestCommented_EachLineBehindAHashIsRight(t *testing.T) {
	lines := strings.Split(string(Commented(Default())), "\n")
	key := regexp.MustCompile(`^( *)#([a-z_]+: )`)
	tried := 0
	for i, line := range lines {
		m := key.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		tried++
		file := slices.Clone(lines)
		file[i] = line[:m[3]] + line[m[4]:]
		o := testOptions()
		o.AllowMissingSecrets = true
		_, err := Parse("f", []byte(strings.Join(file, "\n")), o)
		if err == nil {
			continue
		}
		// What needs another key beside it is right as far as it goes.
		for _, one := range err.(Errors) {
			if !regexp.MustCompile(`needs network.redirect|does not know which names|without the other|network.private.listen: is missing`).MatchString(one.Error()) {
				t.Errorf("%s: %v", file[i], one)
			}
		}
	}
	count := 0
	everyField(reflect.TypeFor[Config](), "", func(string, field) { count++ })
	if tried < 30 || tried > count {
		t.Errorf("%d of %d keys stand behind a #", tried, count)
	}
}

func TestCommented_HoldsNoSecret(t *testing.T) {
	c := Default()
	c.Network.Private = Private{Listen: ":9", Token: "hunter2hunter2hunter2"}
	c.Transport.Certificates.ACME = &ACME{EABKey: "hunter2"}
	if bytes.Contains(Commented(c), []byte("hunter2")) {
		t.Error("the file holds a secret")
	}
}

func TestAllowYAML_ParsesToTheEntry(t *testing.T) {
	e := AllowEntry{ID: "csrf-1", Rung: "application/csrf", Rule: "cross-site", Path: "POST /comments/{id}", Field: "header:Origin", Reason: "it's ours: yes", Expires: Expiry{now}}
	c, lines := parse(t, "allow:\n"+AllowYAML(e))
	if lines != nil || len(c.Allow) != 1 || c.Allow[0].Reason != e.Reason || !c.Allow[0].Expires.Equal(now) || c.Allow[0].Field != e.Field || c.Allow[0].Path != e.Path {
		t.Errorf("%s\n%v %+v", AllowYAML(e), lines, c)
	}
}

func TestSchema_KnowsEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	if root["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", root["$schema"])
	}
	keys := map[string]bool{}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if properties, ok := node["properties"].(map[string]any); ok {
				if node["additionalProperties"] != false {
					t.Errorf("a section takes unknown keys: %v", properties)
				}
				for key, property := range properties {
					keys[key+": "+property.(map[string]any)["description"].(string)] = true
				}
			}
			for _, inner := range node {
				walk(inner)
			}
		case []any:
			for _, inner := range node {
				walk(inner)
			}
		}
	}
	walk(root)
	everyField(reflect.TypeFor[Config](), "", func(key string, f field) {
		if !keys[f.key+": "+f.doc] {
			t.Errorf("%s is not in the schema", key)
		}
	})
}

func TestLeaves_EachIsShownInTheReference(t *testing.T) {
	used := map[reflect.Type]bool{}
	everyField(reflect.TypeFor[Config](), "", func(_ string, f field) {
		typ := f.typ
		for typ.Kind() == reflect.Slice && leafOf(typ) == nil {
			typ = typ.Elem()
		}
		used[typ] = true
	})
	for typ := range leaves {
		if !used[typ] {
			t.Errorf("no key is a %s", typ)
		}
	}
	if !used[reflect.TypeFor[secret.Text]()] {
		t.Error("no key is a secret")
	}
}
