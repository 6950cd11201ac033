package leaks

import (
	"html"
	"regexp"
	"strings"
)

// lineBreaks are the tags that begin a new line where they are shown.
var lineBreaks = regexp.MustCompile(`(?i)^</?(?:br|li|p|div|tr|td|pre|ol|ul|h[1-6]|table|dd|dt)\b`)

// plainText is what a person would see of a piece of HTML, JSON or text, near
// enough for the signatures to be compared: tags are gone, those that begin a
// line are a line's end, entities and the escapes of JSON are undone.
func plainText(s string, k kind) string {
	switch k {
	case jsonKind:
		s = jsonEscapes.Replace(s)
	case htmlKind:
		s = withoutTags(s)
	}
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	if strings.Contains(s, "\u00a0") || strings.Contains(s, "\r") {
		s = spaces.Replace(s)
	}
	return s
}

var (
	jsonEscapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "", `\t`, "\t", `\"`, `"`, `\/`, `/`, `\u003c`, "<", `\u003e`, ">", `\u003C`, "<", `\u003E`, ">",
		`\u0026`, "&", `\u0027`, "'", `\u0022`, `"`, `\u00a0`, " ", `","`, "\n")
	spaces = strings.NewReplacer("\u00a0", " ", "\r", "")
)

// withoutTags drops the tags, and what stands in scripts, styles and comments.
func withoutTags(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	for {
		at := strings.IndexByte(s, '<')
		if at < 0 {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:at])
		s = s[at:]
		if !isTag(s) {
			out.WriteByte('<')
			s = s[1:]
			continue
		}
		end := strings.IndexByte(s, '>')
		if end < 0 {
			return out.String()
		}
		if lineBreaks.MatchString(s[:end+1]) {
			out.WriteByte('\n')
		}
		s = s[skipped(s, end+1):]
	}
}

// isTag reports whether a tag, a comment or a declaration begins here, and not
// a "<" in a text such as "<module>".
func isTag(s string) bool {
	if len(s) < 2 {
		return false
	}
	c := s[1] | 0x20
	return c >= 'a' && c <= 'z' || s[1] == '/' || s[1] == '!' || s[1] == '?'
}

// skipped is where the element ends that begins here and that nobody sees,
// or n.
func skipped(s string, n int) int {
	for _, e := range [...]struct{ begin, end string }{
		{"<script", "</script>"}, {"<style", "</style>"}, {"<head>", "</head>"}, {"<title", "</title>"}, {"<!--", "-->"}, {"<template", "</template>"},
	} {
		if len(s) < len(e.begin) || !strings.EqualFold(s[:len(e.begin)], e.begin) {
			continue
		}
		if at := indexFold(s, e.end); at >= 0 {
			return at + len(e.end)
		}
	}
	return n
}

// indexFold is strings.Index for ASCII in either case.
func indexFold(s, lowerCase string) int {
	for at := 0; ; {
		n := strings.IndexByte(s[at:], lowerCase[0])
		if n < 0 || at+n+len(lowerCase) > len(s) {
			return -1
		}
		at += n
		if strings.EqualFold(s[at:at+len(lowerCase)], lowerCase) {
			return at
		}
		at++
	}
}

// visible counts the bytes of s that are not white space.
func visible(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] > ' ' {
			n++
		}
	}
	return n
}
