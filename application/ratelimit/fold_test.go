package ratelimit

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzFold(f *testing.F) {
	f.Add("/API//x/../Export;v=1/%2e/")
	f.Add(`/a%5cb\c/%zz/%C3%89/é`)
	f.Fuzz(func(t *testing.T, path string) {
		folded := fold(path)
		if again := fold(folded); again != folded {
			t.Fatalf("%q becomes %q, and that %q", path, folded, again)
		}
		for _, other := range []string{";", `\`, "//", "/./", "/../"} {
			if !strings.HasPrefix(folded, "/") || strings.Contains(folded+"/", other) && folded != "/" {
				t.Fatalf("%q becomes %q, which has other spellings", path, folded)
			}
		}
		if same, err := url.PathUnescape(folded); strings.HasPrefix(path, "/") && plain(path) && (err != nil || same != path) {
			t.Fatalf("%q has one spelling and becomes %q", path, folded)
		}
	})
}
