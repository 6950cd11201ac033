package main

import (
	"strconv"
	"strings"
)

// wikiRead is what a reader opens.
func (v *visitor) wikiRead() {
	title := one(v, wikiTitles)
	pages := [][]string{
		{title}, {title}, {title}, {title, "action", "history", "limit", "50", "offset", ""}, {title, "action", "info"}, {title, "action", "raw"}, {title, "diff", "prev", "oldid", strconv.Itoa(1 + v.IntN(60))},
		{"Special:WhatLinksHere/" + title, "limit", "50", "hideredirs", "1", "namespace", strconv.Itoa(v.IntN(4))},
		{"Special:RecentChangesLinked/" + title, "days", "14"}, {title, "action", "edit", "section", "1"}, {"Special:Diff/" + strconv.Itoa(1+v.IntN(80))},
	}
	chosen := one(v, pages)
	v.get("/index.php", append([]string{"title"}, chosen...)...)
}

// wikiSearch looks for words, in the text or among titles.
func (v *visitor) wikiSearch() {
	switch v.IntN(4) {
	case 0:
		v.get("/api.php", "action", "opensearch", "format", "json", "search", v.phrase(), "limit", "10", "namespace", "0")
	case 1:
		v.get("/api.php", "action", "query", "list", "search", "srsearch", v.phrase(), "srnamespace", one(v, []string{"0", "0|4|14", "*"}), "srsort", one(v, []string{"relevance", "none"}), "srlimit", strconv.Itoa(1+v.IntN(40)), "format", "json")
	case 2:
		v.get("/index.php", "title", "Special:Search", "search", v.phrase(), "fulltext", "1", "profile", one(v, []string{"default", "all", "images"}), "ns0", "1", "limit", "20", "offset", "0")
	case 3:
		v.get("/index.php", "search", v.phrase(), "title", "Special:Search", "go", "Go")
	}
}

// wikiSpecial opens a page that lists something.
func (v *visitor) wikiSpecial() {
	title, person, n := one(v, wikiTitles), one(v, wikiPeople), strconv.Itoa(5+v.IntN(90))
	lists := [][]string{
		{"Special:AllPages", "from", title, "to", "", "namespace", strconv.Itoa(v.IntN(4)), "hideredirects", "1"},
		{"Special:RecentChanges", "limit", n, "days", "7", "namespace", one(v, []string{"", "0", "2"}), "invert", strconv.Itoa(v.IntN(2)), "hideminor", strconv.Itoa(v.IntN(2)), "tagfilter", one(v, []string{"", "mw-undo", "it's"})},
		{"Special:Contributions", "target", person, "namespace", "0", "start", v.day(), "end", "", "limit", n, "topOnly", "1"},
		{"Special:Log", "type", one(v, []string{"", "delete", "move", "protect", "upload", "newusers"}), "user", person, "page", title, "pattern", strconv.Itoa(v.IntN(2))},
		{"Special:ListUsers", "username", person, "group", one(v, []string{"", "sysop"}), "limit", n, "desc", "1", "creationSort", "1", "editsOnly", "1"},
		{"Special:Categories", "from", v.phrase(), "limit", n}, {"Special:PrefixIndex", "prefix", title[:1], "namespace", "0", "stripprefix", "1"},
		{"Special:NewPages", "limit", n, "username", person, "hidebots", "1"}, {"Special:ListFiles", "sort", one(v, []string{"img_name", "img_timestamp", "img_size"}), "desc", "1", "ilsearch", v.phrase(), "limit", n},
		{"Special:LinkSearch", "target", "https://example.com/?q='", "limit", n}, {"Special:ProtectedPages", "namespace", "0", "type", "edit", "level", "sysop", "size", n},
		{"Special:MostLinked", "limit", n, "offset", "0"}, {"Special:WantedPages", "limit", n}, {"Special:LongPages", "limit", n}, {"Special:ShortPages", "limit", n}, {"Special:DoubleRedirects"}, {"Special:UncategorizedPages", "limit", n},
		{"Special:Watchlist", "days", "30", "hideown", "0"}, {"Special:Statistics"}, {"Special:Random"}, {"Special:Preferences"}, {"Special:FewestRevisions", "limit", n}, {"Special:FileDuplicateSearch", "filename", one(v, wikiFiles)},
		{"Special:BlockList", "wpTarget", person, "limit", n}, {"Special:Undelete", "prefix", title}, {"Special:CategoryTree", "target", "SQL", "mode", "pages"}, {"Special:Nuke"}, {"Special:MIMESearch", "mime", "image/png"}, {"Special:AncientPages", "limit", n},
		{"Special:EditWatchlist"}, {"Special:ActiveUsers", "username", person}, {"Special:Tags"}, {"Special:Export", "pages", title}, {"Special:ComparePages", "page1", title, "page2", one(v, wikiTitles)}, {"Special:PagesWithProp", "propname", "defaultsort"}, {"Special:WantedCategories"}, {"Special:MostCategories"},
	}
	v.get("/index.php", append([]string{"title"}, one(v, lists)...)...)
}

// apiLists are what a program asks for, with the order and the fields it chooses.
var apiLists = []struct {
	name, short string
	props       []string
	more        [][]string // each a parameter and its values
}{
	{"recentchanges", "rc", []string{"title", "timestamp", "user", "comment", "ids", "sizes", "flags", "tags", "redirect", "loginfo"}, [][]string{{"rcdir", "newer", "older"}, {"rcshow", "!minor", "!bot|minor", "!anon", "!redirect"}, {"rctype", "edit", "new|log", "edit|new|log|categorize"}, {"rcnamespace", "0", "0|2|4", "14"}, {"rctoponly", "1"}}},
	{"allpages", "ap", nil, [][]string{{"apdir", "ascending", "descending"}, {"apprefix", "S", "O'", "'"}, {"apfilterredir", "all", "nonredirects"}, {"apminsize", "10"}, {"apprtype", "edit"}}},
	{"logevents", "le", []string{"ids", "title", "type", "user", "timestamp", "comment", "details", "tags"}, [][]string{{"ledir", "newer", "older"}, {"letype", "delete", "move", "upload"}}},
	{"usercontribs", "uc", []string{"ids", "title", "timestamp", "comment", "size", "flags", "tags"}, [][]string{{"ucuser", "O'Brien", "O'Brien|Null|Select * from users", "李小龍|Union select"}, {"ucdir", "newer", "older"}, {"ucnamespace", "0", "0|1"}, {"ucshow", "top", "!minor|new"}}},
	{"categorymembers", "cm", []string{"ids", "title", "sortkey", "sortkeyprefix", "type", "timestamp"}, [][]string{{"cmtitle", "Category:SQL", "Category:It's a test", "Category:O'Reilly"}, {"cmsort", "sortkey", "timestamp"}, {"cmdir", "asc", "desc", "newer"}, {"cmtype", "page", "page|subcat|file"}}},
	{"allusers", "au", []string{"groups", "editcount", "registration", "blockinfo"}, [][]string{{"audir", "ascending", "descending"}, {"auprefix", "O", "S", "1'"}, {"augroup", "sysop", "bot|sysop"}, {"auwitheditsonly", "1"}}},
	{"backlinks", "bl", nil, [][]string{{"bltitle", "SQL joins", "O'Reilly's SQL", "Template:Order"}, {"bldir", "ascending", "descending"}, {"blfilterredir", "all", "redirects"}, {"blredirect", "1"}}},
	{"allrevisions", "arv", []string{"ids", "timestamp", "user", "comment", "size"}, [][]string{{"arvdir", "newer", "older"}, {"arvuser", "O'Brien", "Null"}, {"arvnamespace", "0", "0|2"}}},
	{"alllinks", "al", []string{"ids", "title"}, [][]string{{"aldir", "ascending", "descending"}, {"alprefix", "S", "O'"}, {"alnamespace", "0", "14"}}},
	{"allcategories", "ac", []string{"size", "hidden"}, [][]string{{"acdir", "ascending", "descending"}, {"acprefix", "It's", "S"}, {"acmin", "1"}}},
	{"allimages", "ai", []string{"timestamp", "user", "size", "sha1", "mime"}, [][]string{{"aisort", "name", "timestamp"}, {"aidir", "ascending", "descending"}, {"aimime", "image/png"}}},
	{"querypage", "qp", nil, [][]string{{"qppage", "Wantedpages", "Mostlinked", "Ancientpages", "Longpages", "Deadendpages"}}},
	{"exturlusage", "eu", []string{"ids", "title", "url"}, [][]string{{"euquery", "example.com", "example.com/?q='"}, {"euprotocol", "https"}}},
	{"prefixsearch", "ps", nil, [][]string{{"pssearch", "SQL", "O'", "' or", "select "}}},
	{"watchlist", "wl", []string{"ids", "title", "user", "timestamp", "comment", "sizes"}, [][]string{{"wldir", "newer", "older"}, {"wlshow", "!minor", "unread"}, {"wlallrev", "1"}}},
	{"protectedtitles", "pt", []string{"timestamp", "level", "expiry"}, [][]string{{"ptdir", "newer", "older"}, {"ptlevel", "sysop"}}},
	{"embeddedin", "ei", nil, [][]string{{"eititle", "Template:Order"}, {"eidir", "ascending", "descending"}}},
	{"blocks", "bk", []string{"id", "user", "by", "expiry", "reason"}, [][]string{{"bkdir", "newer", "older"}, {"bkusers", "O'Brien|Null"}}},
}

func (v *visitor) wikiQuery() {
	pairs := []string{"action", "query", "format", "json", "formatversion", "2"}
	if v.chance(35) {
		var titles []string
		for range 1 + v.IntN(8) {
			titles = append(titles, one(v, wikiTitles))
		}
		pairs = append(pairs, "titles", strings.Join(titles, "|"), "prop", strings.Join(some(v, []string{"info", "revisions", "links", "categories", "templates", "images", "extlinks", "linkshere", "pageprops", "transcludedin", "contributors", "redirects", "categoryinfo", "extracts", "pageimages", "imageinfo", "fileusage"}, 6), "|"), "redirects", "1")
		if v.chance(40) {
			pairs = append(pairs, "inprop", "protection|watched|talkid", "rvprop", "ids|user|comment|size", "clshow", "!hidden", "pllimit", strconv.Itoa(1+v.IntN(50)), "cldir", "descending", "pldir", one(v, []string{"ascending", "descending"}))
		}
		v.get("/api.php", pairs...)
		return
	}
	for _, l := range some(v, apiLists, 2) {
		pairs = append(pairs, "list", l.name, l.short+"limit", strconv.Itoa(1+v.IntN(60)))
		if len(l.props) > 0 {
			pairs = append(pairs, l.short+"prop", strings.Join(some(v, l.props, len(l.props)), "|"))
		}
		for i, m := range l.more {
			if i == 0 || v.chance(45) {
				pairs = append(pairs, m[0], one(v, m[1:]))
			}
		}
	}
	v.get("/api.php", joined(pairs)...)
}

// joined joins the values of "list", which the wiki takes once.
func joined(pairs []string) []string {
	var lists []string
	var others []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "list" {
			lists = append(lists, pairs[i+1])
		} else {
			others = append(others, pairs[i], pairs[i+1])
		}
	}
	return append(others, "list", strings.Join(lists, "|"))
}

// useMediawiki is what readers, editors and programs do with a wiki.
func useMediawiki(v *visitor, requests int) {
	v.forgiving = true // its search answers 500 where only quotes are looked for
	for _, name := range wikiPeople {
		v.join(name)
		v.wikiEdit()
	}
	for range 20 {
		v.wikiEdit()
	}
	acts := []func(){v.wikiRead, v.wikiRead, v.wikiRead, v.wikiSearch, v.wikiSearch, v.wikiSpecial, v.wikiSpecial, v.wikiSpecial, v.wikiQuery, v.wikiQuery, v.wikiQuery, v.wikiQuery, v.wikiEdit, v.wikiAct, v.wikiAct}
	for v.sent < requests && v.err == nil {
		switch {
		case v.chance(4):
			v.wikiSignIn()
		case v.chance(3):
			v.someone()
		case v.chance(2):
			v.wikiUpload()
		}
		one(v, acts)()
	}
}
