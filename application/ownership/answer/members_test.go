package ownership

import (
	"slices"
	"testing"
)

func TestMembersOf_GivesThePathsOfMembers(t *testing.T) {
	for body, want := range map[string][]string{
		`{"id":1,"owner":{"name":"x","tags":["a","b"]},"n":null}`: {"id", "owner", "owner.name", "owner.tags", "n"},
		`[{"a":1},{"a":2,"b":"c"}]`:                               {"[].a", "[].b"},
		`{"rows":[{"a":{"b":[]}}],"z":"end"}`:                     {"rows", "rows.[].a", "rows.[].a.b", "z"},
		`{"a":"b","c`:                                             {"a"},
		`"text"`:                                                  nil,
		``:                                                        nil,
		`{"a":{"b":`:                                              {"a", "a.b"},
	} {
		if got := membersOf([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
