package leaks

import "regexp"

// A level is what a signature's match is worth.
type level uint8

const (
	// weak: it names what runs here. Refused in an error with another mark of
	// a server beside it, else observed.
	weak level = iota
	// told: text that is a leak where the application says it, and none where
	// somebody is quoted.
	told
	// certain: markup that only a debug page has.
	certain
)

// A signature is one row of the table of error signatures. Where one of its
// literals occurs, expr is compared with the text around.
type signature struct {
	// name is for a person: evidence shows it.
	name  string
	rule  string
	level level
	// literals are in lower case, at least five bytes, and rare in ordinary
	// pages: each occurrence costs a comparison.
	literals []string
	// expr is compared with what a person would see or, with raw, with the
	// bytes.
	expr *regexp.Regexp
	raw  bool
	// also must occur anywhere in what is held, where it is set.
	also string
}

func re(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// Frames as the runtimes print them: two of them, one below the other.
const (
	jvmFrame  = `[ \t]*at [\w.$/@<>-]+\((?:[\w$]+\.(?:java|kt|kts|scala|groovy|clj):\d+|Native Method|Unknown Source)\)[^\n]*`
	v8Frame   = `[ \t]*at (?:async )?(?:[^\n(]+ \()?(?:file://)?(?:/|[A-Za-z]:[\\/]|node:|webpack)[^\n()]+:\d+:\d+\)?[ \t]*`
	clrFrame  = `[ \t]*at [\w.<>+` + "`" + `\[\]|,]+\([^\n]*`
	rubyFrame = "[ \\t]*(?:from )?[^\\s:]+\\.rb:\\d+:in [`'\u2018\u201c][^\\n]+"
)

// signatures follow standards/error_signatures.tsv: the languages in its order.
var signatures = []signature{
	{
		name: "the frames of a Java stack trace", rule: RuleTrace, level: told,
		literals: []string{".java:", ".kt:", ".scala:", "(native method)", "(unknown source)"},
		expr:     re(`(?m)^` + jvmFrame + `\n+(?:` + jvmFrame + `|[ \t]*\.\.\. \d+ (?:more|common)|Caused by)`),
	},
	{
		name: "a Java exception and its cause", rule: RuleTrace, level: told,
		literals: []string{"caused by: ", `exception in thread "`},
		expr:     re(`(?m)^(?:Caused by: |Exception in thread "[^"\n]+" )(?:[a-z_][\w$]*\.)+[\w$]*(?:Exception|Error)\b`),
	},
	{
		name: "the exception page of a JSP engine", rule: RuleTrace, level: told,
		literals: []string{"exception occurred processing"},
		expr:     re(`exception occurred processing [^\n]+ at line`),
	},
	{
		name: "Tomcat and its version", rule: RuleBanner, level: weak, raw: true,
		literals: []string{"<h3>apache tomcat/"},
		expr:     re(`(?i)<h3>Apache Tomcat/\d`),
	},
	{
		name: "Spring Boot's own error page", rule: RuleBanner, level: weak, raw: true,
		literals: []string{"whitelabel error page"},
		expr:     re(`<h1>Whitelabel Error Page</h1>`),
	},
	{
		name: "Jetty and its version", rule: RuleBanner, level: weak, raw: true,
		literals: []string{"powered by jetty"},
		expr:     re(`(?i)Powered by Jetty:// ?\d`),
	},
	{
		name: "a Python traceback", rule: RuleTrace, level: told,
		literals: []string{"traceback (most recent call last)"},
		expr:     re(`Traceback \(most recent call last\):?\s*File "[^"\n]+", line \d+`),
	},
	{
		name: "Django's debug page", rule: RuleDebugPage, level: certain, raw: true, also: `content="NONE,NOARCHIVE"`,
		literals: []string{"debug = true</code>", "<th>django version:</th>", "<th scope=\"row\">django version:</th>"},
		expr:     re(`(?i)because you have <code>DEBUG = True</code>|<th[^>]*>Django Version:</th>`),
	},
	{
		name: "Werkzeug's debugger", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"evalex = "},
		expr:     re(`EVALEX = (?:true|false),\s*EVALEX_TRUSTED`),
	},
	{
		name: "the frames of a JavaScript stack trace", rule: RuleTrace, level: told,
		literals: []string{".js:", ".mjs:", ".cjs:", ".ts:", ".tsx:", "(node:internal/", "at node:internal/"},
		expr:     re(`(?m)^` + v8Frame + `\n+[ \t]*at `),
	},
	{
		name: "Next.js's development overlay", rule: RuleBanner, level: weak, raw: true,
		literals: []string{"__nextjs_original-stack-frame"},
		expr:     re(`__nextjs_original-stack-frame`),
	},
	{
		name: "an error that the PHP engine printed into the page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"</b> on line <b>", `<\/b> on line <b>`},
		expr:     re(`<b>(?:Warning|Notice|Deprecated|Parse error|Fatal error|Recoverable fatal error|Catchable fatal error|Strict Standards)<\\?/b>: {1,2}[\s\S]+? in <b>[^<\n]+<\\?/b> on line <b>\d+<\\?/b>`),
	},
	{
		name: "an error of the PHP engine", rule: RuleTrace, level: told,
		literals: []string{".php on line ", ".php:"},
		expr:     re(`(?m)^(?:PHP )?(?:Warning|Notice|Deprecated|Parse error|Fatal error|Recoverable fatal error): {1,2}[^\n]+ in (?:/|[A-Z]:\\)[^\n]+(?: on line |:)\d+`),
	},
	{
		name: "a PHP stack trace", rule: RuleTrace, level: told,
		literals: []string{"{main}"},
		expr:     re(`(?m)(?:^#\d+ (?:/|[A-Z]:\\|\[internal function\])[^\n]+\n+(?:#\d+ [^\n]+\n+)*|Stack trace:\s*)#\d+ \{main\}`),
	},
	{
		name: "Laravel's exception as JSON", rule: RuleTrace, level: told, raw: true,
		literals: []string{`"trace":`, `"trace": `},
		expr:     re(`"exception"\s*:\s*"[^"\n]+",\s*"file"\s*:\s*"[^"\n]+\.php",\s*"line"\s*:\s*\d+,\s*"trace"\s*:\s*\[`),
	},
	{
		name: "Laravel's or Whoops's debug page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"window.ignite(", "whoops container", "<title>whoops! there was an error"},
		expr:     re(`window\.ignite\(|<div class="Whoops container|<title>Whoops! There was an error`),
	},
	{
		name: "Symfony's exception page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"exception-message-wrapper", `<div class="exception-summary`},
		expr:     re(`<div class="exception-(?:message-wrapper|summary)`),
	},
	{
		name: "Symfony's dumps", rule: RuleBanner, level: weak, raw: true,
		literals: []string{"<pre class=sf-dump "},
		expr:     re(`<pre class=sf-dump `),
	},
	{
		name: "Xdebug's table", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"xdebug-error"},
		expr:     re(`<table class=['"]xdebug-error`),
	},
	{
		name: "the frames of a .NET stack trace", rule: RuleTrace, level: told,
		literals: []string{".cs:line ", ".vb:line ", ".fs:line ", "end of stack trace from previous location", " at system.", " at microsoft."},
		expr:     re(`(?m)^` + clrFrame + `\n+(?:` + clrFrame + `|-{3} End of)|^-{3} End of stack trace from previous location`),
	},
	{
		name: "ASP.NET's error page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"<h1>server error in '"},
		expr:     re(`(?i)<h1>Server Error in '[^'\n<]*' Application\.`),
	},
	{
		name: "ASP.NET Core's developer page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"occurred while processing the request.</h1>"},
		expr:     re(`(?i)<h1>An unhandled exception occurred while processing the request\.</h1>`),
	},
	{
		name: "Web API's exception as JSON", rule: RuleTrace, level: told, raw: true,
		literals: []string{`"exceptionmessage"`},
		expr:     re(`(?i)"ExceptionMessage"\s*:\s*"[^"\n]*",\s*"ExceptionType"\s*:`),
	},
	{
		name: "the frames of a Ruby backtrace", rule: RuleTrace, level: told,
		literals: []string{".rb:"},
		expr:     re(`(?m)^` + rubyFrame + `\n+` + rubyFrame),
	},
	{
		name: "Rails' exception page", rule: RuleDebugPage, level: certain, raw: true,
		literals: []string{"exception caught</title>", "<code>rails.root: "},
		expr:     re(`<title>Action Controller: Exception caught</title>|<code>Rails\.root: `),
	},
	{
		name: "an error class of Ruby's libraries", rule: RuleBanner, level: weak,
		literals: []string{"activerecord::", "actionview::template::error", "mysql2::error"},
		expr:     re(`\b(?:ActiveRecord::[A-Z]\w+(?:Error|Invalid|NotFound|NotUnique)|ActionView::Template::Error|Mysql2::Error)\b`),
	},
	{
		name: "a Go panic with its goroutine", rule: RuleTrace, level: told,
		literals: []string{" [running]:"},
		expr:     re(`(?m)^goroutine \d+ \[running\]:\s*\n[\s\S]+?\.go:\d+`),
	},
	{
		name: "an error text of Go's libraries", rule: RuleBanner, level: weak,
		literals: []string{"sql: no rows in result set", "sql: scan error", "dial tcp ", ": no such file or directory", "json: cannot unmarshal"},
		expr:     re(`(?m)^(?:[^\n]*: )?(?:sql: (?:no rows in result set|Scan error)|dial tcp [\d.\[\]:a-f]+: |open [^\n:]+: no such file or directory|json: cannot unmarshal \w+ into Go (?:struct field|value))`),
	},
	{
		name: "a Rust panic", rule: RuleTrace, level: told,
		literals: []string{"' panicked at "},
		expr:     re(`(?m)^thread '[^'\n]+' panicked at [^\n]+:\d+:\d+`),
	},
}
