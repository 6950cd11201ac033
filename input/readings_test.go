package input

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func readingsOf(path string) (all []string, whole bool) {
	whole = Readings(path, func(r Reading) bool {
		all = append(all, r.Path)
		return true
	})
	return all, whole
}

func TestReadings_SpellingsOfOnePath_AreAllThere(t *testing.T) {
	for path, want := range map[string][]string{
		"/orders/42":     {"/orders/42"},
		"/Orders/":       {"/orders/"},
		"/caf%C3%89/42":  {"/café/42"},
		"/a%20b/c%2Bd":   {"/a b/c+d"},
		"/a//b/":         {"/a/b"},
		"/%61dmin":       {"/admin"},
		"/%2561dmin":     {"/%2561dmin", "/admin"},
		"/x/../admin":    {"/x/~dots/admin", "/admin"},
		"/x%2f..%2fa":    {"/x/~dots/a", "/a"},
		"/a;v=1/b":       {"/a/b"},
		"/admin.%20":     {"/admin"},
		"/web.c::$DATA":  {"/web.c"},
		"/.git%00.png":   {"/.git"},
		`/a\b`:           {"/a/b"},
		"/%uff41dmin":    {"/admin"},
		"/a%ef%bc%8fb":   {"/a/b"},
		"/%c0%ae%c0%ae/": {"/~dots", "/"},
		"/a%3fb":         {"/a"},
		"/%zz":           {"/%25zz"},
	} {
		got, whole := readingsOf(path)
		for _, w := range want {
			if !whole || !slices.Contains(got, w) {
				t.Errorf("%s is read as %q, and not as %s", path, got, w)
			}
		}
	}
	if _, whole := readingsOf(strings.Repeat("/a%2e", 200)); whole {
		t.Error("a path of 200 segments is read whole")
	}
}

func TestReading_Segments_GivesNamesAsTheyAre(t *testing.T) {
	for lower, want := range map[string][]string{"/": {}, "/a/b/": {"a", "b"}, "/a%2fb/%25c": {"a/b", "%c"}} {
		if got := (Reading{Path: lower}).Segments(); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", lower, got, want)
		}
	}
}

// FuzzReadings holds the quick ways to the long one, and each reading to what whoever
// matches it relies on.
func FuzzReadings(f *testing.F) {
	for _, path := range []string{
		"/API//x/../Export;v=1/%2e/", `/a%5cb\c/%zz/%C3%89/é`, "/caf%C3%A9/42", "/a%20b", "/a%20/b", "/%e2%80%83a", "/A:b/c.d", "/:a", "/a.%2e", "/%2525", "/a%2F%2e%2e",
		"/a::%24data", "/%C4%B0", "/%ef%bc%8e%ef%bc%8e/x", "/!$&'()*+,=", "/a%c0%af", "/%E2%84%AA", "/a%5B%5D%7B%7D", "/x%00", "//", "/a%0a",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, whole := readingsOf(path)
		if !whole {
			return
		}
		var long []string
		if !readAll(path, func(r Reading) bool {
			long = append(long, r.Path)
			return true
		}) {
			return
		}
		if lower, ok := decodedPath(path); ok && (len(long) != 1 || long[0] != lower) {
			t.Fatalf("%q is read as %q, in the long way as %q", path, lower, long)
		}
		if onePath(path) && (len(long) != 1 || strings.TrimSuffix(got[0], "/") != strings.TrimSuffix(long[0], "/")) {
			t.Fatalf("%q is read as %q, in the long way as %q", path, got, long)
		}
		for _, lower := range got {
			if !strings.HasPrefix(lower, "/") || lower != FoldPath(lower) && !strings.Contains(lower, "\uFFFD") {
				t.Errorf("%q becomes %q", path, lower)
			}
			if strings.Contains(lower, "//") || strings.Contains(lower+"/", "/./") || strings.Contains(lower+"/", "/../") {
				t.Errorf("%q becomes %q, which has other spellings", path, lower)
			}
			if _, err := url.PathUnescape(lower); err != nil {
				t.Errorf("%q becomes %q: %v", path, lower, err)
			}
		}
	})
}

func BenchmarkReadings(b *testing.B) {
	for name, path := range map[string]string{"Plain": "/orders/42", "Escaped": "/caf%C3%A9/42", "Doubtful": "/a/%2e%2e/admin;x/42"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Readings(path, func(Reading) bool { return true })
			}
		})
	}
}
