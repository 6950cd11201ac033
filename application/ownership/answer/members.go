package answer

import "slices"

const (
	// memberDepth and maxPath bound what Members looks at.
	memberDepth = 16
	maxPath     = 256
)

// Members are the paths of the members in JSON, each once, in the order in which
// they first come, most at the most: "id", "orders.[].id". Where body ends early,
// is no JSON or is nested deeper than 16, they are those before. Values that follow
// each other are read as one. What is below a path of more than 256 bytes is left
// out.
func Members(body []byte, most int) []string {
	r := memberReader{scanner: scanner{b: body}, most: most, places: make([]place, 1, 16)}
	for r.peek() != 0 && r.value(0) {
	}
	return r.all
}

// A memberReader goes through JSON and keeps the places where something stood, so
// that the elements of a list are told apart once.
type memberReader struct {
	scanner
	all     []string
	most    int
	places  []place
	scratch []byte
}

// A place is where values stand: the root, a member, the elements of an array.
// Others are named by their number; the root is the first.
type place struct {
	// name is the member's, path the whole of it.
	name, path string
	// members are those of the objects here, in the order in which they came, and
	// element stands for all elements of the arrays; 0: there was none.
	members []int
	element int
}

// nowhere is a place that is not told.
const nowhere = -1

// value goes behind a value, and reports whether to go on.
func (r *memberReader) value(at int) bool {
	switch c := r.peek(); c {
	case '{', '[':
		if r.depth == memberDepth {
			return false
		}
		r.depth++
		r.i++
		if c == '{' {
			return r.object(at)
		}
		return r.array(at)
	case '"':
		_, err := r.text()
		return err == nil
	default:
		return r.scalar(c) == nil
	}
}

func (r *memberReader) object(at int) bool {
	for n := 0; ; n++ {
		switch c := r.peek(); {
		case c == '}' && n == 0:
			return r.close()
		case c != '"':
			return false
		}
		start := r.i + 1
		found, err := r.text()
		if err != nil {
			return false
		}
		member := r.member(at, n, r.name(r.b[start:r.i-1], found))
		if len(r.all) >= r.most || r.colon() != nil || !r.value(member) {
			return false
		}
		if more, ok := r.next('}'); !more {
			return ok
		}
	}
}

func (r *memberReader) array(at int) bool {
	if r.peek() == ']' {
		return r.close()
	}
	element := nowhere
	if at != nowhere {
		element = r.element(at)
	}
	for {
		if !r.value(element) {
			return false
		}
		if more, ok := r.next(']'); !more {
			return ok
		}
	}
}

// next goes behind a comma, or behind what closes the object or array; it is not ok
// where neither stands there.
func (r *memberReader) next(closing byte) (more, ok bool) {
	switch r.peek() {
	case ',':
		r.i++
		return true, true
	case closing:
		return false, r.close()
	}
	return false, false
}

func (r *memberReader) close() bool {
	r.i++
	r.depth--
	return true
}

// name is what the inside of a string says; as it stands where that is no Unicode.
func (r *memberReader) name(inside []byte, found shape) []byte {
	if found&escaped == 0 {
		return inside
	}
	text, ok := unescape(r.scratch[:0], inside)
	if r.scratch = text; !ok {
		return inside
	}
	return text
}

// member is the place of a member; n says how many stood before it in its object:
// most objects of a list have theirs in one order.
func (r *memberReader) member(at, n int, name []byte) int {
	if at == nowhere {
		return nowhere
	}
	known := r.places[at].members
	if n < len(known) && r.places[known[n]].name == string(name) {
		return known[n]
	}
	for _, m := range known {
		if r.places[m].name == string(name) {
			return m
		}
	}
	of := r.places[at].path
	if len(of)+1+len(name) > maxPath || len(known) >= r.most {
		return nowhere
	}
	path := string(name)
	if of != "" {
		path = of + "." + path
	}
	made := r.place(place{name: path[len(path)-len(name):], path: path})
	r.places[at].members = append(r.places[at].members, made)
	r.tell(path)
	return made
}

// tell notes a path; two ways may lead to one, as names may have dots in them.
func (r *memberReader) tell(path string) {
	if !slices.Contains(r.all, path) {
		r.all = append(r.all, path)
	}
}

// element is the place of an array's elements.
func (r *memberReader) element(at int) int {
	if r.places[at].element == 0 {
		path := "[]"
		if of := r.places[at].path; of != "" {
			path = of + ".[]"
		}
		r.places[at].element = r.place(place{path: path})
	}
	return r.places[at].element
}

func (r *memberReader) place(p place) int {
	r.places = append(r.places, p)
	return len(r.places) - 1
}
