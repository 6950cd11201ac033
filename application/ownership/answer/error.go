package answer

import "fmt"

// A Fault is why an answer can't be read, in a person's words.
type Fault string

const (
	NotJSON        Fault = "it is not one JSON value"
	Truncated      Fault = "the text ends inside a value"
	TooDeep        Fault = "it is nested too deep"
	Twice          Fault = "a member stands there twice, and readers differ on which they take"
	UnexpectedType Fault = "a value on the way has another type than the path says"
	NotScalar      Fault = "the value is neither a string nor a number"
	InvalidText    Fault = "the text is not valid Unicode"
	TooLong        Fault = "the value is longer than any name"
	NoItems        Fault = "the list is not there"
	BadCount       Fault = "the count is no whole number, or lower than what was cut out"
	NoData         Fault = "it has neither data nor errors, as answers of GraphQL do"
	NotHTML        Fault = "it can't be read as HTML"
	NoCutting      Fault = "only lists in JSON are cut"
	NoHeader       Fault = "the plan reads the body, and no header"
	NotBody        Fault = "the plan reads a header, and not the body"
)

// An Error is why an answer could not be read. Nothing of the answer is in it.
type Error struct {
	Fault Fault
	// Path is what the plan looks for there, in the words of Options; empty
	// where it is about the whole.
	Path string
	// At is how many bytes of the body were read.
	At int
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s, at byte %d", e.Fault, e.At)
	}
	return fmt.Sprintf("%s: %s, at byte %d", e.Path, e.Fault, e.At)
}
