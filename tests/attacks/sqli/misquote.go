package sqli

import (
	"net/url"
	"regexp"
	"strings"
)

// misquotes are ways of quoting that are wrong. Each makes a payload, or gives
// what was concatenated for the payload that it was sent.
var misquotes = [...]transformation{
	backslashed, firstOnly, doubledThenDecoded, entities, stripped, halved, doubledBare, doubledBare, backslashedEscape, unlessBackslashed,
}

func misquote(c *craft) (sent, bool) {
	c.noQuotes = c.hole.open != "'" || c.chance(70)
	return oneOf(c.dice, misquotes[:]...)(c)
}

func double(s string) string { return strings.ReplaceAll(s, "'", "''") }

// backslashed puts a backslash before quotes: no escape, since
// standard_conforming_strings.
func backslashed(c *craft) (sent, bool) {
	p := c.payload()
	effective := strings.NewReplacer("'", `\'`, `"`, `\"`, `\`, `\\`).Replace(p)
	return sent{values: []string{p}, effective: effective}, c.hole.open == "'" && !c.hole.escapes && effective != p
}

// firstOnly doubles the first quote alone, as a replacement without /g does.
func firstOnly(c *craft) (sent, bool) {
	p := c.letters(c.IntN(3)) + "'" + c.payload()
	return sent{values: []string{p}, effective: strings.Replace(p, "'", "''", 1)}, c.hole.open == "'"
}

// doubledThenDecoded decodes after it has looked for quotes.
func doubledThenDecoded(c *craft) (sent, bool) {
	p := c.payload()
	in := c.percent(p)
	effective, err := url.QueryUnescape(double(in))
	return sent{values: []string{in}, effective: effective}, err == nil && effective == p && !strings.Contains(in, "'") && in != p
}

// entities writes entities for <, > and ", and lets ' be.
func entities(c *craft) (sent, bool) {
	p := c.payload()
	effective := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(p)
	return sent{values: []string{p}, effective: effective}, true
}

var keywords = regexp.MustCompile(`(?i)union|select|or|and|--|sleep|drop`)

// stripped removes keywords, once.
func stripped(c *craft) (sent, bool) {
	p := c.payload()
	in := keywords.ReplaceAllStringFunc(p, func(word string) string {
		if len(word) < 3 && word != "--" || !c.chance(80) {
			return word[:1] + word + word[1:]
		}
		half := len(word) / 2
		return word[:half] + word + word[half:]
	})
	return sent{values: []string{in}, effective: keywords.ReplaceAllString(in, "")}, in != p
}

// halved doubles quotes and then cuts, through the middle of a pair: what was
// to close the literal escapes instead, and the next literal's value is code.
// Only statements with another literal behind can be attacked so; the second
// input is the payload.
func halved(c *craft) (sent, bool) {
	if c.hole.open != "'" || c.hole.escapes {
		return sent{}, false
	}
	tail := c.site.sql[c.site.holeAt()[1]:]
	at := holes.FindStringIndex(tail)
	if at == nil || at[0] == 0 || tail[at[0]-1] != '\'' {
		return sent{}, false
	}
	keep := oneOf(c.dice, 16, 24, 32, 40)
	first := c.letters(keep-1) + "'"
	c.noQuotes, c.left = true, expansions
	second := c.expand(strings.Repeat(")", c.hole.depth) + c.draw([]string{" {or} {bool} {cm}", " {union} {cm}", ";{stack}{cm}", " {or} {bool}; {stack}{cm}", "||{scalar}{cm}", " {cm}", " {clause} {cm}"}))
	return sent{
		values:    []string{first + c.letters(2), second},
		effective: double(first)[:keep] + tail[:at[0]] + double(second),
		consumed:  at[1],
	}, !strings.Contains(tail[:at[0]], "[[")
}

// doubledBare doubles quotes rightly, where none are needed to break out.
func doubledBare(c *craft) (sent, bool) {
	p := c.payload()
	return sent{values: []string{p}, effective: double(p)}, c.hole.open != "'"
}

// backslashedEscape escapes quotes in an E'…' literal, and forgets backslashes.
func backslashedEscape(c *craft) (sent, bool) {
	p := strings.Replace(c.payload(), "'", `\'`, 1)
	return sent{values: []string{p}, effective: strings.ReplaceAll(p, "'", `\'`)}, c.hole.escapes
}

// unlessBackslashed doubles quotes but those that follow a backslash.
func unlessBackslashed(c *craft) (sent, bool) {
	p := strings.ReplaceAll(c.payload(), "'", `\'`)
	return sent{values: []string{p}, effective: p}, c.hole.open == "'" && !c.hole.escapes
}
