package learn

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// The vectors of SipHash's reference implementation: the key 00 01 … 0f, and texts
// 00 01 02 … of each length.
func TestSum_ReferenceVectors(t *testing.T) {
	var random [32]byte
	for i := range random {
		random[i] = byte(i)
	}
	k := newKey(random)
	var text []byte
	for i, want := range []uint64{
		0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce,
		0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90,
		0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	} {
		if got := sum(k, text); got != want {
			t.Errorf("%d bytes: %#x, want %#x", i, got, want)
		}
		if got := sum(k, string(text)); got != want {
			t.Errorf("a string of %d bytes: %#x, want %#x", i, got, want)
		}
		text = append(text, byte(i))
	}
}

// What package answer reads as a path must be what path writes.
func TestPattern_Wildcards_HaveNamesOfTheirOwn(t *testing.T) {
	for template, want := range map[string]string{
		"/orders/{id}":                       "/orders/{id}",
		"/users/{id}/orders/{id}":            "/users/{user_id}/orders/{id}",
		"/companies/{id}/boxes/{id}/{id}":    "/companies/{company_id}/boxes/{box_id}/{id}",
		"/{id}/{id}/{id}":                    "/{other_id}/{other_id2}/{id}",
		"/files/{id}.json":                   "/files/{id}.json",
		"/users/{id}/users/{id}/orders/{id}": "/users/{user_id}/users/{user_id2}/orders/{id}",
	} {
		if got, _ := pattern(template); got != want {
			t.Errorf("%s: %s, want %s", template, got, want)
		}
	}
}

func FuzzWalk_AgainstTheStandardLibrary(f *testing.F) {
	for _, s := range []string{`{"user_id":"a\u0062\ud83d\ude00\n\/\ud800x"}`, `{"user_id":1e5}`, `{"user_id":"x","a":[1,{"b":[]}]} `, `{"user_id":"\u00zz"}`, `{"user_id":"\"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want struct {
			UserID any `json:"user_id"`
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		err := d.Decode(&want)
		w, root, nodes := walker{key: key{1, 2}}, node{}, 0
		if ok := w.walk([]byte(text), &root, &nodes); !ok || err != nil {
			if err == nil && json.Valid([]byte(text)) {
				t.Fatalf("the standard library reads %q", text)
			}
			return
		}
		at := root.members["user_id"]
		if said, ok := want.UserID.(string); ok && strings.Count(strings.ToLower(text), "user") == 1 && utf8.ValidString(text) && at != nil &&
			len(said) > 0 && len(said) <= maxText && !at.now.mixed && !strings.Contains(text, `"USER`) && at.now.value != sum(w.key, said) {
			t.Fatalf("%q: not the value that the standard library reads, %q", text, said)
		}
	})
}
