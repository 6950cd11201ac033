package learn

import (
	"net/url"
	"strings"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/input"
)

// named is what a path names.
type named struct {
	template string // as input.Route has it
	thing    string // its beginning, up to the last identifier
	ids      []uint64
}

const wildcard = "{id}"

// named finds the identifiers in a path, those that input.Route takes for such.
func (l *Learner) named(escapedPath string) named {
	_, template, _ := strings.Cut(input.Route("", escapedPath), " ")
	n := named{template: template}
	rest, path := template, escapedPath
	at := 0
	for rest != "" {
		segment, after, more := strings.Cut(rest, "/")
		raw, pathAfter, _ := strings.Cut(path, "/")
		at += len(segment)
		if strings.Contains(segment, wildcard) {
			if strings.Contains(raw, "%") {
				if text, err := url.PathUnescape(raw); err == nil {
					raw = text
				}
			}
			before, behind, _ := strings.Cut(segment, wildcard)
			raw = strings.TrimSuffix(strings.TrimPrefix(raw, before), behind)
			n.ids = append(n.ids, sum(l.key, raw))
			n.thing = template[:at]
		}
		if !more {
			break
		}
		at++
		rest, path = after, pathAfter
	}
	return n
}

// pattern is a template whose wildcards have names of their own: "id" the last,
// and those before it after what they are of, such as "user_id".
func pattern(template string) (text string, wild []string) {
	total := strings.Count(template, wildcard)
	segments := strings.Split(template, "/")
	for i, s := range segments {
		before, after, ok := strings.Cut(s, wildcard)
		if !ok {
			continue
		}
		name := "id"
		if len(wild) < total-1 {
			name = "other_id"
			if i > 0 && ordinary(segments[i-1]) {
				name = singular(segments[i-1]) + "_id"
			}
			for base, n := name, 2; has(wild, name); n++ {
				name = base + string(rune('0'+n%10))
			}
		}
		wild = append(wild, name)
		segments[i] = before + "{" + name + "}" + after
	}
	return strings.Join(segments, "/"), wild
}

func has(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// ordinary reports whether a segment is a word that a wildcard can be named after.
func ordinary(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != "" && len(s) <= 24
}

func singular(s string) string {
	s = strings.ToLower(s)
	switch {
	case strings.HasSuffix(s, "ies") && len(s) > 4:
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"):
		return s[:len(s)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && len(s) > 3:
		return s[:len(s)-1]
	}
	return s
}

// fieldID is the field of the query, or of the body, that names a thing.
func fieldID(in *input.Inputs, body bool) (name, value string, ok bool) {
	for _, i := range in.Query() {
		if i.Place.Kind == gatehouse.Query && idName(i.Place.Name) && i.Value != "" && len(i.Value) <= maxText {
			return i.Place.Name, i.Value, true
		}
	}
	if !body {
		return "", "", false
	}
	for _, i := range in.Body() {
		switch i.Place.Kind {
		case gatehouse.Form, gatehouse.JSON, gatehouse.Multipart:
			if idName(i.Place.Name) && i.Value != "" && len(i.Value) <= maxText && !strings.Contains(i.Place.Name, "[]") {
				return i.Place.Name, i.Value, true
			}
		}
	}
	return "", "", false
}

// idName reports whether a member or parameter of that name holds an identifier of
// a thing: "id", "order_id", "orderId", "uuid".
func idName(name string) bool {
	if i := strings.LastIndexAny(name, ".["); i >= 0 { // "order[id]", "order.id"
		name = strings.TrimSuffix(name[i+1:], "]")
	}
	low := strings.ToLower(name)
	switch low {
	case "id", "_id", "uid", "uuid", "guid", "pk":
		return true
	}
	stem := ""
	switch {
	case strings.HasSuffix(low, "_id"), strings.HasSuffix(low, "-id"):
		stem = low[:len(low)-3]
	case strings.HasSuffix(name, "Id"), strings.HasSuffix(name, "ID"):
		stem = low[:len(low)-2]
	case strings.HasSuffix(low, "_uuid"):
		stem = low[:len(low)-5]
	}
	return stem != "" && !technical[stem]
}

// technical are identifiers of what no person owns.
var technical = map[string]bool{
	"session": true, "request": true, "trace": true, "client": true, "device": true, "correlation": true, "tracking": true,
	"visitor": true, "campaign": true, "transaction_trace": true, "span": true, "build": true, "app": true, "state": true,
}

// personal ranks names of members by how surely they say whose a thing is; 0 for
// those that say nothing of it.
func personal(name string) int {
	low := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
	for _, suffix := range [...]string{"uuid", "guid", "id"} {
		if t, ok := strings.CutSuffix(low, suffix); ok && t != "" {
			low = t
			break
		}
	}
	switch low {
	case "owner", "ownedby":
		return 5
	case "user", "account", "customer", "member", "person", "holder", "uid":
		return 4
	case "buyer", "patient", "client", "subscriber", "employee", "student", "driver", "guest", "author", "creator", "createdby", "profile":
		return 3
	}
	return 0
}

// asking are members that say who asks, not whose the thing is.
var asking = map[string]bool{
	"me": true, "viewer": true, "currentuser": true, "current_user": true, "current-user": true, "session": true, "auth": true,
	"loggedinuser": true, "logged_in_user": true, "whoami": true, "identity": true, "requestedby": true, "requested_by": true, "sub": true,
}

// privileged reports whether a role, by its name, is of those who run the place.
func privileged(role string) bool {
	low := strings.ToLower(role)
	for _, word := range [...]string{"admin", "staff", "support", "manager", "operator", "superuser", "root", "moderator", "auditor", "owner", "office"} {
		if strings.Contains(low, word) {
			return true
		}
	}
	return false
}
