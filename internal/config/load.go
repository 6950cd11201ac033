package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"
)

// Bounds on what is read. A configuration of a thousand routes has 100 KiB.
const (
	maxFile   = 1 << 20
	maxSecret = 64 << 10
	maxErrors = 200
)

// Options is what reading a configuration depends on. The zero value reads the
// process's environment and the file system, and accepts any rung's name.
type Options struct {
	// LookupEnv finds ${env:NAME}; nil means os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// ReadFile reads the configuration, ${file:…} and the files that keys
	// name; nil means the file system, bounded, regular files alone.
	ReadFile func(string) ([]byte, error)
	// AllowMissingSecrets accepts references to the environment and to files
	// that are not there, as in CI. Such a configuration must not be run.
	AllowMissingSecrets bool
	// Now says which allow entries have expired; nil means time.Now.
	Now func() time.Time
	// Rungs are the names that modes and allow may use; nil means any.
	Rungs []string
	// Strict are those of Rungs that have the mode strict.
	Strict []string
	// Needed says, of those of Rungs that others rely on, what is missed without
	// them: a warning where one is off.
	Needed map[string]string
	// Upstream stands in for the key (run --upstream), and wins over it.
	Upstream string

	// stat tells who may read a file; nil where ReadFile is not ours.
	stat func(string) (fs.FileInfo, error)
}

// Load reads the configuration at path. What is wrong with it is an [Errors].
func Load(path string, o Options) (*Config, error) {
	o = o.withDefaults()
	data, err := o.ReadFile(path)
	if err != nil {
		return nil, Errors{{File: path, Words: "cannot be read: " + reason(err), Hint: "gatehouse init writes one"}}
	}
	return Parse(path, data, o)
}

// Parse reads a configuration from data. Name is what errors call it, and its
// folder is where relative paths begin. What is wrong with it is an [Errors],
// everything at once, in the file's order.
func Parse(name string, data []byte, o Options) (*Config, error) {
	r := &reader{name: name, options: o.withDefaults(), marks: map[string]mark{}}
	c := Default()
	c.File = name
	if root := r.source(data); root != nil {
		r.config(c, root)
	}
	r.upstreamOption(c)
	if !r.broken {
		r.check(c)
	}
	if err := r.failure(); err != nil {
		return nil, err
	}
	sortByPlace(r.warnings)
	c.SecretFiles, c.Warnings = r.secretFiles, r.warnings
	return c, nil
}

// Validate checks a configuration that was not read from a file, or was
// changed after, such as by a command's flags. Its errors have no line.
func (c *Config) Validate(o Options) error {
	r := &reader{options: o.withDefaults(), marks: map[string]mark{}}
	r.neededValues("", reflect.ValueOf(c).Elem())
	r.check(c)
	for _, w := range r.warnings {
		// What Parse warned of has its line.
		if !slices.ContainsFunc(c.Warnings, func(old *Error) bool { return old.Key == w.Key && old.Words == w.Words }) {
			c.Warnings = append(c.Warnings, w)
		}
	}
	return r.failure()
}

// failure is all errors, or nil.
func (r *reader) failure() error {
	if len(r.errs) == 0 {
		return nil
	}
	sortByPlace(r.errs)
	if more := len(r.errs) - maxErrors; more > 0 {
		r.errs = append(r.errs[:maxErrors], &Error{File: r.name, Words: fmt.Sprintf("and %d errors more", more)})
	}
	return Errors(r.errs)
}

func (o Options) withDefaults() Options {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile, o.stat = readRegular, os.Stat
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// readRegular reads a file of bounded size. Anything but a regular file is
// refused: a pipe could block, a device never end.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	// One byte more, so that the reader sees that it is too large.
	if _, err := io.Copy(&b, io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// reason is what went wrong with a file, without its name.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// beside is path as seen from the configuration's folder.
func (r *reader) beside(path string) string {
	if path == "" || r.name == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.name), path)
}

// A mark is where a key or list item stood.
type mark struct {
	line, column int
	// raw is a scalar as written, before references were replaced.
	raw string
	// replaced is set where raw held a reference, so its value may be secret.
	replaced bool
	// missing is set where the reference led nowhere and that was allowed.
	missing bool
	// bad is set where an error was already reported here.
	bad bool
}

// A reader collects what is wrong with one configuration.
type reader struct {
	name        string
	options     Options
	marks       map[string]mark
	errs        []*Error
	warnings    []*Error
	secretFiles []string
	// broken is set where so little could be read that checking the meaning
	// would only add noise.
	broken bool
}

func (r *reader) given(key string) bool {
	_, ok := r.marks[key]
	return ok
}

// at is an error about key, placed at it or at the nearest section above it.
func (r *reader) at(key, words, hint string) *Error {
	if key == "upstream" && r.options.Upstream != "" {
		return &Error{Key: "--upstream", Words: words, Hint: hint}
	}
	e := &Error{File: r.name, Key: shorten(key, 120), Words: words, Hint: hint}
	for k := key; k != ""; k = parent(k) {
		if m, ok := r.marks[k]; ok && m.line > 0 {
			e.Line, e.Column = m.line, m.column
			return e
		}
	}
	if r.name != "" {
		e.Line, e.Column = 1, 1
	}
	return e
}

func (r *reader) fail(key, words, hint string) {
	if m := r.marks[key]; m.missing || m.bad {
		return
	}
	r.errs = append(r.errs, r.at(key, words, hint))
	if m, ok := r.marks[key]; ok {
		m.bad = true
		r.marks[key] = m
	}
}

func (r *reader) warn(key, words, hint string) {
	r.warnings = append(r.warnings, r.at(key, words, hint))
}

// quote is value for an error: as written in the file, since what a reference
// led to may be secret.
func (r *reader) quote(key, value string) string {
	if m, ok := r.marks[key]; ok && m.raw != "" {
		value = m.raw
	}
	return fmt.Sprintf("%q", shorten(value, 60))
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}

// parent is the key of the section that key stands in; "" is the whole file.
func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == '[' {
			return key[:i]
		}
	}
	return ""
}

// under is the path of a key in a section; "" is the whole file.
func under(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}

func item(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
