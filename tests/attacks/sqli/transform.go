package sqli

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// contexts and transforms are the rows and columns of the table in
// docs/reference/sqli-corpus.md.
var (
	contexts   = [...]string{"string", "numeric", "like", "in", "order-by", "limit", "identifier", "json", "insert", "update", "comment"}
	transforms = [...]string{"none", "trim", "upper", "truncate", "urldecode", "base64", "hex", "misquote", "concat", "key", "second-order"}
)

// sent is what a client sends, and what the application makes of it.
type sent struct {
	values    []string // as the HTTP server hands them to the application
	effective string   // as concatenated
	// consumed is how much of the template behind the hole effective holds too.
	consumed int
}

// A transformation sends a payload through what the application does to its
// input. ok is false where this payload can't be sent so.
type transformation func(c *craft) (s sent, ok bool)

var transformations = map[string]transformation{
	"none": plain, "key": plain, "second-order": plain, "trim": trim, "upper": upper, "truncate": truncate,
	"urldecode": urldecode, "base64": encodeBase64, "hex": encodeHex, "misquote": misquote, "concat": concat,
}

func plain(c *craft) (sent, bool) {
	p := c.payload()
	return sent{values: []string{p}, effective: p}, true
}

func trim(c *craft) (sent, bool) {
	p := strings.TrimSpace(c.payload())
	pad := func() string {
		return strings.Repeat(oneOf(c.dice, " ", " ", "\t", "\n", "\r\n", "\u00a0"), c.IntN(4))
	}
	in := pad() + p + pad()
	return sent{values: []string{in}, effective: p}, in != p
}

func upper(c *craft) (sent, bool) {
	p := c.payload()
	up := strings.ToUpper(p)
	return sent{values: []string{p}, effective: up}, up != p
}

// truncate lets the application keep the first bytes. What it cuts off is junk,
// or the end of a longer attack.
func truncate(c *craft) (sent, bool) {
	keep := oneOf(c.dice, 40, 40, 40, 40, 40, 24, 32, 50, 64, 64, 100)
	c.short = keep <= 40 || c.chance(30)
	p := c.payload()
	if len(p) <= keep {
		junk := oneOf(c.dice, c.letters, c.hexDigits, func(n int) string { return strings.Repeat(" ", n) }, func(n int) string { return strings.Repeat(oneOf(c.dice, "a", "-", "1", "x"), n) })
		if c.hole.open == "" && !strings.Contains(p, "--") {
			p += strings.Repeat(" ", keep-len(p))
		} else {
			p += junk(keep - len(p))
		}
		p += junk(1 + c.IntN(40))
		p += c.letters(1 + c.IntN(8))
	}
	return sent{values: []string{p}, effective: p[:keep]}, true
}

// urldecode lets the application decode what the HTTP server has already
// decoded, once or twice.
func urldecode(c *craft) (sent, bool) {
	p := c.payload()
	in := c.percent(p)
	if c.chance(30) {
		in = oneOf(c.dice, url.QueryEscape(in), c.percent(in))
	}
	return sent{values: []string{in}, effective: p}, in != p
}

func (c *craft) percent(p string) string {
	way := c.IntN(4)
	switch way {
	case 0:
		return url.QueryEscape(p)
	case 1:
		return url.PathEscape(p)
	}
	var b strings.Builder
	for i := range len(p) {
		special := !('a' <= p[i] && p[i] <= 'z' || 'A' <= p[i] && p[i] <= 'Z' || '0' <= p[i] && p[i] <= '9')
		switch {
		case way == 2 && (special || c.chance(40)):
			fmt.Fprintf(&b, "%%%02x", p[i])
		case way == 3:
			fmt.Fprintf(&b, "%%%02X", p[i])
		default:
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

func encodeBase64(c *craft) (sent, bool) {
	p := c.payload()
	in := oneOf(c.dice, base64.StdEncoding, base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding).EncodeToString([]byte(p))
	if len(in) > 76 && c.chance(15) { // as MIME does, and many decoders take
		in = in[:76] + "\r\n" + in[76:]
	}
	return sent{values: []string{in}, effective: p}, true
}

func encodeHex(c *craft) (sent, bool) {
	p := c.payload()
	in := hex.EncodeToString([]byte(p))
	switch c.IntN(6) {
	case 0, 1:
		in = strings.ToUpper(in)
	case 2:
		in = "0x" + in
	case 3:
		in = `\x` + in
	}
	return sent{values: []string{in}, effective: p}, true
}

// concat lets the application join two inputs, and splits the payload between
// them.
func concat(c *craft) (sent, bool) {
	p := c.payload()
	separator := oneOf(c.dice, "", "", " ", " ", " ", ",", "-", ":", "=")
	var at []int
	for i := 1; i+len(separator) < len(p); i++ {
		if strings.HasPrefix(p[i:], separator) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return sent{}, false
	}
	i := oneOf(c.dice, at...)
	return sent{values: []string{p[:i], p[i+len(separator):]}, effective: p}, true
}
