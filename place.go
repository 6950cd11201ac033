package gatehouse

import (
	"fmt"
	"strings"
)

// A PlaceKind is where a value came from that a client chose, now or earlier: a
// part of the request, or a row of the database.
type PlaceKind uint8

const (
	// Whole is the request itself, not one input of it.
	Whole PlaceKind = iota
	// PathSegment is one decoded segment of the path; its name is the
	// segment's position, from 0.
	PathSegment
	// Query is a parameter of the URL's query.
	Query
	// Form is a field of an application/x-www-form-urlencoded body.
	Form
	// JSON is a string, number or boolean of a JSON body; its name is the
	// path to it with array positions left out, such as "items[].name".
	JSON
	// GraphQL is a value given to an argument; its name is the operation's
	// kind, the path of the fields by their names, whatever their aliases, and
	// the path to the value, such as "Mutation.updateOrder(input.lines[].sku)".
	GraphQL
	// Multipart is a field of a multipart/form-data body.
	Multipart
	// FileName is the declared name of an uploaded file.
	FileName
	// Cookie is the value of one cookie.
	Cookie
	// Header is the value of one header field.
	Header
	// Key is a name that the client chose itself: of a query parameter, a
	// form field, a JSON object's member. Its name says of which kind.
	Key
	// Body is a body that is passed on unparsed.
	Body
	// Row is a value that the exchange read from the database; its name is
	// the column, such as "body" or "comments.body".
	Row
)

var placeNames = [...]string{
	Whole: "request", PathSegment: "path", Query: "query", Form: "form", JSON: "json", GraphQL: "graphql",
	Multipart: "multipart", FileName: "filename", Cookie: "cookie", Header: "header", Key: "key", Body: "body", Row: "row",
}

func (k PlaceKind) String() string {
	if int(k) < len(placeNames) {
		return placeNames[k]
	}
	return fmt.Sprintf("PlaceKind(%d)", uint8(k))
}

// A Place is where an input stood. The zero value is the request as a whole.
type Place struct {
	Kind PlaceKind
	Name string
}

// String is "kind:name", such as "query:q"; the zero value is "request".
func (p Place) String() string {
	if p.Name == "" {
		return p.Kind.String()
	}
	return p.Kind.String() + ":" + p.Name
}

// ParsePlace reads what [Place.String] wrote.
func ParsePlace(s string) (Place, error) {
	kind, name, _ := strings.Cut(s, ":")
	for k, n := range placeNames {
		if n == kind {
			return Place{Kind: PlaceKind(k), Name: name}, nil
		}
	}
	return Place{}, fmt.Errorf("unknown place %q: want one of %s, then a colon and a name", s, strings.Join(placeNames[:], ", "))
}
