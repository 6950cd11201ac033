package config

import "strings"

// replace puts in what references in text lead to: ${env:NAME} a variable of
// the environment, ${file:/path} a file's text without the line's end. "$${"
// is "${" itself. The second result is false where the value can't be had;
// that is reported, or marked as missing.
func (r *reader) replace(key, text string, secret bool) (string, bool) {
	var out strings.Builder
	ok, rest := true, text
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			return out.String(), ok
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			r.fail(key, "has a ${ without its }", "write ${env:NAME} or ${file:/path}, or $${ for ${ itself")
			return "", false
		}
		value, found := r.lookup(key, rest[i+2:i+end], secret)
		ok = ok && found
		out.WriteString(value)
		rest = rest[i+end+1:]
	}
}

// lookup finds what one reference leads to.
func (r *reader) lookup(key, reference string, secret bool) (string, bool) {
	m := r.marks[key]
	m.replaced = true
	r.marks[key] = m
	kind, name, _ := strings.Cut(reference, ":")
	shown := "${" + shorten(reference, 60) + "}"
	switch {
	case kind == "env" && name != "":
		if value, ok := r.options.LookupEnv(name); ok && value != "" {
			return value, true
		}
		r.missing(key, shown+": the environment has no "+shorten(name, 60), "set it before the gate starts")
	case kind == "file" && name != "":
		return r.lookupFile(key, shown, r.beside(name), secret)
	default:
		r.fail(key, shown+" is not a reference", "write ${env:NAME} or ${file:/path}, or $${ for ${ itself")
	}
	return "", false
}

func (r *reader) lookupFile(key, shown, path string, secret bool) (string, bool) {
	r.secretFiles = append(r.secretFiles, path)
	data, err := r.options.ReadFile(path)
	switch {
	case err != nil:
		r.missing(key, shown+" cannot be read: "+reason(err), "")
		return "", false
	case len(data) > maxSecret:
		r.fail(key, shown+" is larger than "+Size(maxSecret).String(), "is it the right file?")
		return "", false
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		r.missing(key, shown+" is empty", "")
		return "", false
	}
	if secret && r.options.stat != nil {
		if info, err := r.options.stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
			r.warn(key, shown+" may be read by every user of this machine", "chmod o-r "+path)
		}
	}
	return value, true
}

// missing reports a reference that led nowhere, unless that is allowed.
func (r *reader) missing(key, words, hint string) {
	if !r.options.AllowMissingSecrets {
		r.fail(key, words, hint)
		return
	}
	m := r.marks[key]
	m.missing = true
	r.marks[key] = m
}
