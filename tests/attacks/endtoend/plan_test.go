package endtoend

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehousehq/gatehouse/internal/testkit"
	"github.com/gatehousehq/gatehouse/tests/attacks/sqli"
)

// python is Debian's own, which has psycopg, whichever is first in PATH.
const python = "/usr/bin/python3"

func needPython(t testing.TB) {
	t.Helper()
	testkit.Need(t, python)
	if err := exec.Command(python, "-c", "import psycopg").Run(); err != nil {
		t.Skip("python3-psycopg is not installed: scripts/setup.sh installs it")
	}
}

// A recipe is what transforms.py says of a case.
type recipe struct {
	Way  string   `json:"way"`
	From [][2]any `json:"from"`
}

// An attempt is a request to send, and the statement that should come of it.
type attempt struct {
	sqli.Case // its inputs are as they travel
	recipe
	ordinary bool
	// stands is its number, which the backend knows it by.
	number int
}

// A plan is what a test sends, and a folder for what the backend needs.
type plan struct {
	attempts []attempt
	recipes  [][]byte
}

// newPlan plans to send cases, and of those that ordinary lists also what a
// client of good will sends by the same way to the same place.
func newPlan(t testing.TB, cases []sqli.Case, ordinary bool) *plan {
	t.Helper()
	templates := map[string]string{}
	sites, err := sqli.Sites()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		templates[s.ID] = s.Template
	}
	for i := range cases {
		cases[i].Inputs = travelling(cases[i])
	}
	p := &plan{}
	if missing := p.add(t, cases, templates, false); missing != 0 {
		t.Fatalf("of %d cases the backend has no way to the statement", missing)
	}
	if ordinary {
		var same []sqli.Case
		for _, a := range p.attempts {
			if c, ok := a.ofGoodWill(templates[a.Site]); ok {
				same = append(same, c)
			}
		}
		p.add(t, same, templates, true)
	}
	return p
}

// add asks transforms.py for the cases' recipes, and says how many have none.
func (p *plan) add(t testing.TB, cases []sqli.Case, templates map[string]string, ordinary bool) (missing int) {
	t.Helper()
	type input struct {
		Kind  string `json:"kind"`
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var asked bytes.Buffer
	out := json.NewEncoder(&asked)
	for _, c := range cases {
		inputs := []input{}
		for _, in := range c.Inputs {
			inputs = append(inputs, input{in.Kind, in.Name, in.Value})
		}
		line := map[string]any{"sql": c.SQL, "transform": c.Transform, "template": templates[c.Site], "inputs": inputs, "rows": c.Rows}
		if err := out.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "testdata/transforms.py")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = &asked
	answers := strings.Split(strings.TrimSuffix(testkit.Run(t, cmd), "\n"), "\n")
	for i, c := range cases {
		if answers[i] == "null" {
			missing++
			continue
		}
		a := attempt{Case: c, ordinary: ordinary, number: len(p.attempts)}
		if err := json.Unmarshal([]byte(answers[i]), &a.recipe); err != nil {
			t.Fatalf("the recipe of %s: %v", c.ID, err)
		}
		p.attempts = append(p.attempts, a)
		p.recipes = append(p.recipes, []byte(answers[i]))
	}
	return missing
}

var holes = regexp.MustCompile(`\[\[(@?)\w+\]\]`)

// filled finds what a site's statement was filled with: the attacked hole's
// value, where it stands, and the values of the others.
func filled(template, sql string) (value string, at int, others []string, ok bool) {
	expression, attacked := "(?s)^", -1
	last := 0
	for i, m := range holes.FindAllStringSubmatchIndex(template, -1) {
		if m[2] != m[3] {
			attacked = i
		}
		expression += regexp.QuoteMeta(template[last:m[0]]) + "(.*?)"
		last = m[1]
	}
	m := regexp.MustCompile(expression + regexp.QuoteMeta(template[last:]) + "$").FindStringSubmatchIndex(sql)
	if m == nil {
		return "", 0, nil, false
	}
	for i := 1; i < len(m)/2; i++ {
		found := sql[m[2*i]:m[2*i+1]]
		if i-1 == attacked {
			value, at = found, m[2*i]
			continue
		}
		others = append(others, found)
	}
	return value, at, others, true
}

// ofGoodWill is a request to the same place of the application, by the same way,
// with the values of an ordinary statement. Where the way would spoil the value,
// the plan has no recipe for it and drops it.
func (a *attempt) ofGoodWill(template string) (sqli.Case, bool) {
	c := a.Case
	value, at, others, ok := filled(template, a.Benigns[0])
	if !ok {
		return c, false
	}
	values, made, ok := a.sentFor(value)
	switch {
	case strings.Contains(value, "'"): // several words, which a client sends one by one
		return c, false
	case strings.Contains(template, "/*+"): // a hint to the planner is structure, whoever chooses it
		return c, false
	case !ok || len(values) != len(a.From):
		return c, false
	}
	c.ID, c.SQL = "ordinary-"+a.ID, a.Benigns[0][:at]+made+a.Benigns[0][at+len(value):]
	c.Inputs, c.Rows = nil, slices.Clone(a.Rows)
	for i, place := range a.From {
		if place[0] == "row" {
			c.Rows[int(place[1].(float64))] = values[i]
			continue
		}
		in := sqli.Input{Kind: place[0].(string), Name: place[1].(string), Value: values[i]}
		c.Inputs = append(c.Inputs, in)
	}
	for i, other := range others {
		for _, v := range strings.Split(other, "','") {
			c.Inputs = append(c.Inputs, sqli.Input{Kind: "query", Name: fmt.Sprintf("p%d", i), Value: v})
		}
	}
	for _, in := range a.Inputs {
		if isNoise(in) && in.Name[0] != 'p' {
			c.Inputs = append(c.Inputs, in)
		}
	}
	c.Inputs = travelling(c)
	return c, true
}

// sentFor gives what a client sends so that the application's way makes an
// ordinary value of it, and that.
func (a *attempt) sentFor(value string) (values []string, made string, ok bool) {
	switch a.Transform {
	case "base64":
		return []string{base64.StdEncoding.EncodeToString([]byte(value))}, value, true
	case "hex":
		return []string{hex.EncodeToString([]byte(value))}, value, true
	case "urldecode":
		return []string{url.QueryEscape(value)}, value, true
	case "trim":
		return []string{"  " + value + " "}, value, true
	case "upper":
		return []string{value}, strings.ToUpper(value), a.Context != "identifier" // "NAME" is another column
	case "truncate":
		keep, err := strconv.Atoi(strings.TrimPrefix(a.Way, "cut to "))
		return []string{value}, value, err == nil && len(value) <= keep
	case "concat":
		by, err := strconv.Unquote(strings.ReplaceAll(strings.TrimPrefix(a.Way, "join by "), "'", `"`))
		if err != nil {
			return nil, "", false
		}
		if by == "" {
			return []string{value[:len(value)/2], value[len(value)/2:]}, value, true
		}
		first, second, found := strings.Cut(value, by)
		return []string{first, second}, value, found
	}
	return []string{value}, value, true
}

// write puts the backend's program and recipes into a folder of the test's.
func (p *plan) write(t testing.TB) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for _, name := range []string{"backend.py", "transforms.py"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "recipes"), append(bytes.Join(p.recipes, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}
