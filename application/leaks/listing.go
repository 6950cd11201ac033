package leaks

// listings are the pages that servers make of a folder without an index. Each
// is markup that the server writes itself.
var listings = []signature{
	{
		name: "Apache's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<h1>index of /"},
		expr:     re(`(?i)<h1>Index of /[^<\n]*</h1>\s*(?:<table|<ul|<pre)`),
	},
	{
		name: "nginx's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{`<a href="../">../</a>`},
		expr:     re(`(?i)<h1>Index of [^<\n]*</h1>\s*<hr>\s*<pre><a href="\.\./">\.\./</a>`),
	},
	{
		name: "lighttpd's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<h2>index of /"},
		expr:     re(`<h2>Index of /[^<\n]*</h2>\s*<div class="list"`),
	},
	{
		name: "Python's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<h1>directory listing for /"},
		expr:     re(`<h1>Directory listing for /[^<\n]*</h1>\s*<hr>\s*<ul>`),
	},
	{
		name: "serve-index's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<title>listing directory /"},
		expr:     re(`<title>listing directory /[^<\n]*</title>`),
	},
	{
		name: "serve's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<title>files within "},
		expr:     re(`<title>Files within [^<\n]*</title>`),
	},
	{
		name: "http-server's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<title>index of /"},
		expr:     re(`<h1>Index of /[^<\n]*</h1>\s*<table|/ <a href="https?://github\.com/http-party/http-server">`),
	},
	{
		name: "IIS's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"[to parent directory]</a>"},
		expr:     re(`(?i)<pre><a href="[^"\n]*">\[To Parent Directory\]</a>`),
	},
	{
		name: "Tomcat's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<h1>directory listing for ["},
		expr:     re(`<h1>Directory Listing For \[/[^<\n]*\]`),
	},
	{
		name: "Jetty's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<title>directory: /"},
		expr:     re(`(?i)<title>Directory: /[^<\n]*</title>[\s\S]*(?:jetty-dir|<h1[^>]*>Directory: /)`),
	},
	{
		name: "Caddy's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{`<div class="breadcrumbs">folder path</div>`},
		expr:     re(`(?i)<div class="breadcrumbs">Folder Path</div>`),
	},
	{
		name: "Go's listing of a folder", rule: RuleListing, level: certain, raw: true,
		literals: []string{"<pre>\n<a href=\""},
		expr:     re(`^(?:<!doctype html>\n<meta name="viewport" content="width=device-width">\n)?<pre>\n(?:<a href="[^"\n]+">[^<\n]+</a>\n)+`),
	},
}
