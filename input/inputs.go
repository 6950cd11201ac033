package input

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gatehousehq/gatehouse"
)

// An Input is one value that the client put into a request. Value may share
// memory with the whole body: clone what is kept beyond the exchange.
type Input struct {
	Place gatehouse.Place
	Value string
}

// Inputs are the inputs of one request. Those of the URL, the cookies and the
// headers are built when first asked for; those of a streamed body appear as
// it passes. Its methods may be called concurrently.
type Inputs struct {
	path, query string
	host        string
	headers     []headerLine
	max, depth  int

	mu        sync.Mutex
	built     [headGroups]bool
	head      [headGroups][]Input
	body      []Input
	streamed  bool
	err       *Error
	hooks     []func(Input) error
	ends      []func(*Error) error
	completes []func() error

	// url is what the query asks of GraphQL, and operations what it and the
	// body were found to; nil where nothing was.
	url        *asked
	operations atomic.Pointer[operations]
}

type headerLine struct {
	name   string
	values []string
}

// The parts of the head, in the order that Each gives them.
const (
	pathGroup = iota
	queryGroup
	cookieGroup
	headerGroup
	headGroups
)

// Each gives every input known so far: path, query, cookies, headers, body. It
// stops when yield returns false. yield may call other methods.
func (in *Inputs) Each(yield func(Input) bool) {
	for group := range headGroups {
		for _, i := range in.group(group) {
			if !yield(i) {
				return
			}
		}
	}
	for _, i := range in.Body() {
		if !yield(i) {
			return
		}
	}
}

// Path gives the inputs of the path. The slice is not to be changed.
func (in *Inputs) Path() []Input { return in.group(pathGroup) }

// Query gives the inputs of the query, keys included. The slice is not to be
// changed.
func (in *Inputs) Query() []Input { return in.group(queryGroup) }

// Cookies gives the inputs of the cookies. The slice is not to be changed.
func (in *Inputs) Cookies() []Input { return in.group(cookieGroup) }

// Headers gives the inputs of the header fields, Host included and Cookie not.
// The slice is not to be changed. See [Structural].
func (in *Inputs) Headers() []Input { return in.group(headerGroup) }

// Body gives the inputs of the body so far. The slice is not to be changed.
func (in *Inputs) Body() []Input {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.body[:len(in.body):len(in.body)]
}

// Snapshot is a copy of what Each gives.
func (in *Inputs) Snapshot() []Input {
	var all []Input
	for group := range headGroups {
		all = append(all, in.group(group)...)
	}
	return append(all, in.Body()...)
}

// Streamed reports whether the body is parsed as it passes, so that more
// inputs may come.
func (in *Inputs) Streamed() bool { return in.streamed }

// Err is what Parse returned, or the error found in a streamed body so far;
// nil where there is none.
func (in *Inputs) Err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		return nil
	}
	return in.err
}

// OnInput has hook called for each further input of a streamed body, on the
// goroutine that reads the body. An error from it ends the reading of the body
// with that error. Bodies that were held never call it: their inputs are all
// there when Parse returns.
func (in *Inputs) OnInput(hook func(Input) error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.hooks = append(in.hooks, hook)
}

// OnEnd has hook called once when a streamed body has been parsed to its end
// (nil) or can't be parsed further. An error from it ends the reading of the
// body with that error; without one the body passes on unparsed.
func (in *Inputs) OnEnd(hook func(*Error) error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ends = append(in.ends, hook)
}

// OnComplete has hook called once when the last input of a streamed body was read, or
// the body can't be parsed further: before anybody has the piece in which its closing
// boundary stands, or all of a body that has none. An error from it ends the reading
// of the body with that error.
func (in *Inputs) OnComplete(hook func() error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.completes = append(in.completes, hook)
}

func (in *Inputs) group(group int) []Input {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.built[group] {
		in.build(group)
	}
	return in.head[group]
}

// build fills one part of the head. The caller holds mu.
func (in *Inputs) build(group int) *Error {
	b := builder{max: in.max}
	var err *Error
	switch group {
	case pathGroup:
		err = pathInputs(in.path, &b)
	case queryGroup:
		err = in.queryInputs(&b)
	case cookieGroup:
		err = cookieInputs(in.headers, &b)
	case headerGroup:
		sortLines(in.headers)
		b.grow(len(in.headers) + 2)
		err = headerInputs(in.host, in.headers, &b)
	}
	in.head[group], in.built[group] = b.inputs, true
	return err
}

// A builder collects inputs up to a bound.
type builder struct {
	inputs []Input
	n, max int
	// emit, where set, is given each input instead of inputs.
	emit func(Input) error
	// aborted is what emit returned.
	aborted error
	// asks is set where JSON has a member that a request of GraphQL has, and
	// wants where any object may hold the variables of one.
	asks, wants bool
	// asking is nil where nothing of GraphQL was found: most builders.
	asking *asking
}

// add records value as it is and, where it is not UTF-8, with U+FFFD for what
// is not. It reports an error when the bound is reached.
func (b *builder) add(kind gatehouse.PlaceKind, name, value string) *Error {
	if !b.put(Input{gatehouse.Place{Kind: kind, Name: name}, value}) {
		return fail(RuleTooManyInputs, kind, "more than %d inputs in one request", b.max)
	}
	if !utf8.ValidString(value) {
		b.put(Input{gatehouse.Place{Kind: kind, Name: name}, strings.ToValidUTF8(value, "\uFFFD")})
	}
	return nil
}

// grow makes room for about n inputs, so that a few allocations serve most
// requests and a hostile count takes none beforehand.
func (b *builder) grow(n int) {
	const most = 256
	b.inputs = slices.Grow(b.inputs, min(n, most))
}

func (b *builder) put(i Input) bool {
	if b.n >= b.max {
		return false
	}
	b.n++
	switch {
	case b.emit == nil:
		b.inputs = append(b.inputs, i)
	case b.aborted == nil:
		b.aborted = b.emit(i)
	}
	return true
}

// maxPlaceName bounds a place's name, in bytes: it is shown, logged, and made
// by the client.
const maxPlaceName = 128

// placeName is a client's name made fit to be shown: bounded, in valid UTF-8,
// without control characters.
func placeName(s string) string {
	if len(s) <= maxPlaceName && printable(s) {
		return s
	}
	return string(appendName(nil, s))
}

// appendName appends s to a place's name within the bound.
func appendName(dst []byte, s string) []byte {
	for _, c := range s {
		if len(dst)+utf8.RuneLen(max(c, 0)) > maxPlaceName {
			return cut(dst)
		}
		if c < ' ' || c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029 {
			c = utf8.RuneError
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}

const ellipsis = "…"

// cut marks a name as shortened, once.
func cut(dst []byte) []byte {
	if strings.HasSuffix(string(dst), ellipsis) {
		return dst
	}
	for len(dst)+len(ellipsis) > maxPlaceName {
		_, n := utf8.DecodeLastRune(dst)
		dst = dst[:len(dst)-n]
	}
	return append(dst, ellipsis...)
}

// printable reports whether s is printable ASCII throughout.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// plain reports whether s is made of letters, digits and marks that mean
// nothing in any language that a value could break into.
func plain(s string) bool {
	for i := range len(s) {
		if !plainByte[s[i]] {
			return false
		}
	}
	return true
}

var plainByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == ' ' || c == ','
	}
	return t
}()
