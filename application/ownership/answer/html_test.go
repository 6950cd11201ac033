package answer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const page = `<!doctype html><html lang=en><head><title>Order 1</title>
<meta name="owner" content="7"></head>
<body data-user="7" class="shop page">
<!-- <div data-owner-id="9"></div> -->
<script>var x = '<div data-owner-id="9">';</script>
<textarea><div data-owner-id="9"></div></textarea>
<main id="order"><div class="card wide" data-owner-id=" 7 ">
  <table><tr><td>Owner<td class="owner"><a href="/u/7"> Alice <b>Martin</b> </a></table>
  <p>one<p class="note">two</div>
  <div class="card" data-owner-id="&#x38;"></div><DIV CLASS="other" DATA-OWNER-ID></DIV>
<i x=1 x=2></i>
</main></body></html>`

func TestRead_Page_GivesTheOwnersThatTheSelectorMatches(t *testing.T) {
	for _, c := range []struct{ selector, attribute, want string }{
		{"body", "data-user", "7"},
		{"meta[name=owner]", "content", "7"},
		{`meta[name="owner"]`, "CONTENT", "7"},
		{"[data-user]", "data-user", "7"},
		{"body.page.shop", "data-user", "7"},
		{"#order > .card.wide", "data-owner-id", "7"},
		{".card", "data-owner-id", "7,8"},
		{"main .card", "data-owner-id", "7,8"},
		{"html > .card", "data-owner-id", "?"},
		{"html > body > main > div", "data-owner-id", "7,8?"},
		{"DIV[data-owner-id]", "data-owner-id", "7,8?"},
		{".owner", "", "Alice Martin"},
		{".owner a b", "", "Martin"},
		{"table > tbody > tr > td > a", "", "Alice Martin"}, // as browsers build it
		{"table > tr", "", "?"},
		{"body #order .owner", "", "Alice Martin"},
		{"p.note", "", "two"},
		{"p p", "", "?"},
		{"div .card", "data-owner-id", "?"},
		{"title", "", "Order 1"},
		{"i", "x", "1"}, // the first of two attributes of one name, as browsers take it
		{"nav", "", "?"},
	} {
		got, err := plan(t, Options{Selector: c.selector, Attribute: c.attribute}).Read([]byte(page))
		if err != nil || say(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.selector, say(got), err, c.want)
		}
	}
}

func TestRead_PageThatIsNotWhatTheRuleExpects_IsNotComplete(t *testing.T) {
	p := plan(t, Options{Selector: "[data-owner]", Attribute: "data-owner"})
	for _, body := range []string{
		"", "sorry", `{"data-owner":7}`, "<html", "<p data-owner", `<p data-owner="7`, `<!--<p data-owner=7>`, "\x00", "<p data-owner=''>",
		"<p data-owner=7><p data-owner>", "<\x00p data-owner=7>"[:3], "<\x00h\x00t\x00m\x00l\x00", "</p data-owner=7>",
	} {
		if got, err := p.Read([]byte(body)); err == nil && got.Complete {
			t.Errorf("%q: %q", body, say(got))
		}
	}
	for body, want := range map[string]Fault{
		"<p data-owner='7\xff'>":                          InvalidText,
		"<p data-owner=" + strings.Repeat("7", 513) + ">": TooLong,
	} {
		_, err := p.Read([]byte(body))
		var e *Error
		if !errors.As(err, &e) || e.Fault != want {
			t.Errorf("%.30q: %v; want %q", body, err, want)
		}
	}
	if _, err := plan(t, Options{Selector: "p"}).Read([]byte("<p>" + strings.Repeat("<b>7</b>", 1<<16))); err == nil {
		t.Error("a text without an end is an owner")
	}
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "<p data-owner=%d>", i)
	}
	if got, err := p.Read([]byte(b.String())); err != nil || got.Complete || !got.Overflow || len(got.Owner) != 64 {
		t.Errorf("100 owners: %v, %v", got, err)
	}
	if _, _, _, err := p.Cut(nil, []byte("<p data-owner=8>"), ownedBy("7")); err == nil {
		t.Error("a page was cut")
	}
}

func TestRead_HostileMebibyte_EndsSoon(t *testing.T) {
	const size = 1 << 20
	fill := func(s string) []byte { return []byte(strings.Repeat(s, size/len(s))) }
	object, list := plan(t, one("u", "a.u", "l[].u")), plan(t, Options{Owner: []string{"u", "l[].u"}, Items: "[]", Counts: nil})
	page := plan(t, Options{Selector: "div p > b .x [y=z] i", Attribute: "data-owner"})
	text := plan(t, Options{Selector: "b"})
	for name, c := range map[string]struct {
		p    *Plan
		body []byte
	}{
		"garbage":             {object, fill("\x00\xff{[\"\\")},
		"arrays":              {object, fill("[")},
		"objects":             {object, fill(`{"u":`)},
		"escapes":             {object, append(append([]byte(`{"u":"`), fill(`\u0037`)...), `"}`...)},
		"escaped names":       {object, append(append([]byte(`{"u":7`), fill(`,"\u0075":7`)...), '}')},
		"one member again":    {object, append(append([]byte(`{"u":7`), fill(`,"u":7`)...), '}')},
		"a long one again":    {object, append(append([]byte(`{"a":{"u":7}`), fill(`,"a":{"u":7}`)...), '}')},
		"spaces":              {object, append(fill(" "), '{', '}')},
		"elements":            {object, append(append([]byte(`{"l":[{"u":7}`), fill(`,{"u":8}`)...), `]}`...)},
		"items, every second": {list, append(append([]byte(`[{"u":7}`), fill(`,{},{"u":7}`)...), ']')},
		"items, empty":        {list, append(append([]byte(`[{}`), fill(`,{}`)...), ']')},
		"tags":                {page, fill("<div>")},
		"tags that nest":      {page, fill("<div><p><b>")},
		"formatting":          {page, fill("<a><b><i><u>")},
		"unclosed tables":     {page, fill("<table><tr><td>x")},
		"text in each":        {text, fill("<b>7")},
		"attributes":          {page, append([]byte("<p "), fill("a=b ")...)},
		"angle brackets":      {page, fill("<")},
	} {
		began := time.Now()
		got, err := c.p.Read(c.body)
		if c.p.items {
			_, _, _, err = c.p.Cut(nil, c.body, ownedBy("7"))
		}
		took := time.Since(began)
		t.Logf("%s: %v, %v, complete: %v", name, took, err, got.Complete)
		if took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestNew_OptionsThatMakeNoSense_AreRefusedByName(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "nothing says"},
		{Options{Items: "[]"}, "nothing says"},
		{Options{Owner: []string{"u"}, Header: "X"}, "give one"},
		{Options{Owner: []string{"u"}, Selector: "p"}, "give one"},
		{Options{Selector: "p", Items: "[]"}, "Items"},
		{Options{Header: "X", All: true}, "All"},
		{Options{Owner: []string{"u"}, Attribute: "x"}, "Attribute"},
		{Options{Owner: []string{"u"}, Counts: []string{"n"}}, "Counts"},
		{Options{Owner: []string{""}}, `Owner ""`},
		{Options{Owner: []string{".u"}}, "a name is missing"},
		{Options{Owner: []string{"a..u"}}, "a name is missing"},
		{Options{Owner: []string{"a."}}, "a name is missing"},
		{Options{Owner: []string{"$.u"}}, "quotes"},
		{Options{Owner: []string{"*.u"}}, "quotes"},
		{Options{Owner: []string{" u"}}, "quotes"},
		{Options{Owner: []string{"a[0].u"}}, "every element"},
		{Options{Owner: []string{"a[*].u"}}, "every element"},
		{Options{Owner: []string{"a[]u"}}, `"." is missing`},
		{Options{Owner: []string{`"a`}}, "no end"},
		{Options{Owner: []string{`"a\`}}, "no end"},
		{Options{Owner: []string{`"a"b`}}, "missing behind a quoted name"},
		{Options{Owner: []string{"a.\xff"}}, "UTF-8"},
		{Options{Owner: []string{strings.Repeat("x", 129)}}, "128"},
		{Options{Owner: []string{strings.Repeat("x.", 16) + "x"}}, "16 steps"},
		{Options{Owner: []string{"u", "u"}}, "twice"},
		{Options{Owner: make([]string, 33)}, "32 paths"},
		{Options{Tenant: []string{"a["}}, `Tenant "a["`},
		{Options{Owner: []string{"u"}, Items: "orders"}, "orders[]"},
		{Options{Owner: []string{"u"}, Items: "orders[].x"}, "orders[]"},
		{Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"x[].n"}}, "in no array"},
		{Options{Owner: []string{"u"}, Items: "a.b[]", Counts: []string{"a"}}, "inside it"},
		{Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"n", "n"}}, "twice"},
		{Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"n", "n.m"}}, "in another count"},
		{Options{Owner: []string{"u"}, Items: "a[]", Counts: []string{"n.m", "n"}}, "inside it"},
		{Options{Header: "X Y"}, "no name of a field"},
		{Options{Header: "set-cookie"}, "Set-Cookie"},
		{Options{Selector: " "}, "no element"},
		{Options{Selector: "> p"}, "can't be read"},
		{Options{Selector: "p >"}, "can't be read"},
		{Options{Selector: "p, b"}, "can't be read"},
		{Options{Selector: "p:first-child"}, "can't be read"},
		{Options{Selector: "p + b"}, "can't be read"},
		{Options{Selector: "*"}, "can't be read"},
		{Options{Selector: "p."}, "a name is missing"},
		{Options{Selector: "#a#b"}, "one id"},
		{Options{Selector: "[a~=b]"}, "another operator"},
		{Options{Selector: "[a='b]"}, "no end"},
		{Options{Selector: "a b c d e f g h i"}, "more than 8"},
		{Options{Selector: "p", Attribute: "a b"}, "Attribute"},
	} {
		if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want %q", c.o, err, c.want)
		}
	}
}

func BenchmarkReadHTML(b *testing.B) {
	body := []byte("<!doctype html><html><body><main data-owner-id=7>" + strings.Repeat(`<div class="card"><h2>Order 17</h2><p>Two jackets, <b>wool</b>, and <a href="/items/9">shoes</a>.</p></div>`, 95) + "</main></body></html>")
	p := plan(b, Options{Selector: "main[data-owner-id]", Attribute: "data-owner-id"})
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if o, err := p.Read(body); err != nil || !o.Complete {
			b.Fatal(o, err)
		}
	}
}

func FuzzHTML(f *testing.F) {
	f.Add(page, ".card > a [b=c]", "data-owner-id")
	f.Add("<table><p x=1><svg><p x=2>", "p[x]", "x")
	f.Add("<template><p x=1></template><frameset>", "template p", "")
	f.Fuzz(func(t *testing.T, body, selector, attribute string) {
		p, err := New(Options{Selector: selector, Attribute: attribute})
		if err != nil {
			return
		}
		got, err := p.Read([]byte(body))
		if err != nil && got.Complete || got.Complete && len(got.Owner) == 0 {
			t.Fatalf("%q: %v, %v", body, got, err)
		}
	})
}
