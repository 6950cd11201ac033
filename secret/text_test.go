package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "hunter2-canary"

func TestText_NeverPrintsItself(t *testing.T) {
	type config struct {
		Name     string
		Password Text
		Nested   map[string]Text
		List     []Text
		Pointer  *Text
	}
	secret := Text(canary)
	c := config{"n", secret, map[string]Text{"k": secret}, []Text{secret}, &secret}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T %[1]v"} {
		fmt.Fprintf(&out, verb+"\n", secret)
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", []any{&secret, errors.New(fmt.Sprint(secret))})
	}
	for _, v := range []any{secret, &secret, c} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("m", "secret", secret, "config", c, slog.Group("g", "p", &secret))
	}
	out.Write(logged.Bytes())
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret was printed as %q in:\n%s", form, out.String())
		}
	}
	if secret.Reveal() != canary {
		t.Errorf("Reveal = %q", secret.Reveal())
	}
}

func TestText_ReadsFromJSON(t *testing.T) {
	var c struct{ Password Text }
	if err := json.Unmarshal([]byte(`{"password":"`+canary+`"}`), &c); err != nil || c.Password.Reveal() != canary {
		t.Fatalf("%q, %v", c.Password.Reveal(), err)
	}
}

func TestText_Equal(t *testing.T) {
	for _, c := range []struct {
		a, b Text
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "", false}, {"", "a", false}, {canary, canary, true},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%q equal %q: %v", c.a.Reveal(), c.b.Reveal(), got)
		}
	}
}
