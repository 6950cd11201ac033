package sqli

import (
	"fmt"
	"strings"
)

// kinds are where an attack comes in, as often as they stand here.
var kinds = [...]string{"query", "query", "query", "query", "form", "form", "json", "json", "cookie", "header", "path"}

// noise are inputs that a request has and no statement. A request has some.
func (d *dice) noise() Input {
	return oneOf(d,
		Input{"query", "page", fmt.Sprint(1 + d.IntN(9))},
		Input{"query", "lang", oneOf(d, "en", "de", "nb-NO", "fr")},
		Input{"query", "utm_source", oneOf(d, "newsletter", "partner")},
		Input{"cookie", "sid", d.hexDigits(32)},
		Input{"cookie", "consent", "1"},
		Input{"form", "csrf_token", d.hexDigits(40)},
		Input{"form", "comment", d.ordinary("sentence")},
		Input{"header", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		Input{"header", "Accept-Language", "en-GB,en;q=0.8"},
		Input{"header", "Referer", "https://shop.example.com" + d.ordinary("path")},
		Input{"json", "filter.tags", d.ordinary("word")},
		Input{"json", "note", "it's " + d.ordinary("word") + ", isn't it?"},
		Input{"path", "1", d.ordinary("slug")},
		Input{"path", "0", oneOf(d, "shop", "blog", "admin", "reports")},
	)
}

// request is all that the client sends: the attacking values, the ordinary ones
// of the same statement, and noise.
func (c *craft) request(transform string, values, drawn []string) (inputs []Input, rows []string) {
	if transform == "second-order" {
		rows = append(rows, values...)
		for range c.IntN(4) {
			rows = append(rows, c.ordinary(oneOf(c.dice, "name", "email", "sentence", "id", "word")))
		}
		c.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	} else {
		inputs = c.attacking(transform, values)
	}
	ordinary := 2 + c.IntN(4)
	for i, value := range drawn {
		if i < ordinary && c.chance(80) {
			inputs = append(inputs, Input{oneOf(c.dice, "query", "form", "json"), fmt.Sprintf("p%d", i), value})
			ordinary--
		}
	}
	for range ordinary {
		inputs = append(inputs, c.noise())
	}
	c.Shuffle(len(inputs), func(i, j int) { inputs[i], inputs[j] = inputs[j], inputs[i] })
	return inputs, rows
}

func (c *craft) attacking(transform string, values []string) (inputs []Input) {
	kind := oneOf(c.dice, kinds[:]...)
	control := func(r rune) bool { return r < ' ' }
	for _, value := range values {
		if strings.ContainsFunc(value, control) && (kind == "header" || kind == "cookie") {
			kind = "form" // header fields have no line breaks
		}
	}
	for i, value := range values {
		name := c.hole.kind
		switch {
		case transform == "key":
			inputs = append(inputs, Input{"key", oneOf(c.dice, "query", "form", "json"), value})
			continue
		case kind == "header":
			name = oneOf(c.dice, "X-Filter", "Referer", "User-Agent", "X-Tenant")
		case kind == "path":
			name = fmt.Sprint(1 + i)
		case len(values) > 1:
			name += fmt.Sprint(i + 1)
		}
		inputs = append(inputs, Input{kind, name, value})
	}
	return inputs
}
