package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const wikiPassword = "Correct-horse 77"

// extensions that use the database, all in Debian's package.
const extensions = "CategoryTree,Cite,Gadgets,Interwiki,Nuke,PageImages,ParserFunctions,Renameuser,ReplaceText,TextExtracts,WikiEditor"

// unpackedAt is where scripts/setup.sh puts MediaWiki's packages.
func unpackedAt() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "gatehouse", "mediawiki"), err
}

// prepareMediawiki installs MediaWiki, as scripts/setup.sh has unpacked it, on
// PostgreSQL and PHP's own server.
func prepareMediawiki(ctx context.Context, s site) (*exec.Cmd, error) {
	root, err := unpackedAt()
	if err != nil {
		return nil, err
	}
	code := filepath.Join(root, "usr", "share", "mediawiki")
	if _, err := os.Stat(filepath.Join(code, "index.php")); err != nil {
		return nil, fmt.Errorf("mediawiki is not unpacked: ./scripts/setup.sh does it: %w", err)
	}
	uploads, own := filepath.Join(s.folder, "uploads"), filepath.Join(s.folder, "apps", "mediawiki")
	if err := os.Mkdir(uploads, 0o700); err != nil {
		return nil, err
	}
	install := exec.CommandContext(ctx, "php", filepath.Join(code, "maintenance", "install.php"), "--dbtype", "postgres", "--dbserver", s.host, "--dbport", s.port,
		"--dbname", s.db, "--dbuser", s.db, "--dbpass", "unused", "--installdbuser", s.db, "--installdbpass", "unused", "--pass", wikiPassword, "--server", s.origin, "--scriptpath", "",
		"--confpath", s.folder, "--lang", "en", "--skins", "Vector", "--extensions", extensions, "Gatewiki", "Editor")
	if err := s.run(install); err != nil {
		return nil, err
	}
	added, err := os.ReadFile(filepath.Join(own, "settings.php"))
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(s.folder, "LocalSettings.php")
	made, err := os.ReadFile(settings)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(settings, append(made, added...), 0o600); err != nil {
		return nil, err
	}
	serve := exec.Command("php", "-S", s.address, "-t", code, filepath.Join(own, "router.php"))
	serve.Env = []string{"WIKI_UPLOADS=" + uploads, "MW_CONFIG_FILE=" + settings}
	return serve, nil
}

var wikiPeople = []string{"O'Brien", "Siobhán O'Sullivan", "李小龍", "Select * from users", "Drop-table -- users", "Null", "Jean-Luc d'Arc", "Joe \"Bobby\" Tables", "Union select", "1' or '1'='1"}

var wikiTitles = []string{
	"SQL joins", "O'Reilly's SQL", "SELECT (SQL)", "Order by", "C++", "100% pure", "AT&T", "User's guide", "日本語", "Don't drop the table", "Null", "Category:SQL", "Category:It's a test", "Talk:SQL joins",
	"Template:Order", "Help:How to update; delete", "Injection -- an overview", "Café/Menü", "'Quoted'", "\"Double\"", "User", "Page", "Revision", "Select a plan", "Union", "WHERE 1=1", "Lighthouse", "Cable's end", "User talk:O'Brien", "Back\\slash", "A (1), (2)", "Group", "User:Null", "1", "E=mc^2", "Like%", "Under score",
}

// wikiText is what a page holds.
func (v *visitor) wikiText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "== %s ==\n%s\n", one(v, words), v.prose())
	for range 1 + v.IntN(4) {
		switch v.IntN(8) {
		case 0:
			fmt.Fprintf(&b, "<pre>\n%s\n%s\n</pre>\n", v.sql(), v.sql())
		case 1:
			fmt.Fprintf(&b, "See [[%s]] and [[%s|it's \"here\"]], [https://example.com/?q=%d'--;select sort].\n", one(v, wikiTitles), one(v, wikiTitles), v.IntN(99))
		case 2:
			fmt.Fprintf(&b, "[[Category:%s]] [[Category:It's a test|%s]]\n", one(v, []string{"SQL", "Order", "O'Reilly", "Select"}), one(v, words))
		case 3:
			fmt.Fprintf(&b, "{{Order|by=%s|'''%s'''}} {{DEFAULTSORT:%s}}\n", one(v, words), one(v, names), one(v, names))
		case 4:
			fmt.Fprintf(&b, "A claim.<ref name=\"%s\">%s</ref> <references/>\n", one(v, words), one(v, names))
		case 5:
			fmt.Fprintf(&b, "{| class='wikitable'\n! %s !! %s\n|-\n| %d || <nowiki>%s</nowiki>\n|}\n", one(v, words), one(v, words), v.IntN(99), v.sql())
		case 6:
			fmt.Fprintf(&b, "<nowiki>%s</nowiki>\n", v.pasted())
		case 7:
			fmt.Fprintf(&b, "[[File:%s]] ~~~~\n{{#if: %s | yes | no }}\n", one(v, wikiFiles), one(v, words))
		}
	}
	return b.String()
}

var wikiFiles = []string{"O'Brien's view.png", "Select -- all.png", "Lighthouse; drop.png", "日本.png"}

var (
	inputTag  = regexp.MustCompile(`<input[^>]*>`)
	nameAttr  = regexp.MustCompile(`\sname=["']([^"']*)["']`)
	valueAttr = regexp.MustCompile(`\svalue=(?:"([^"]*)"|'([^']*)')`)
)

// hidden gives the values that a page's forms carry along, as name and value.
func hidden(page string) (pairs []string) {
	seen := map[string]bool{}
	for _, tag := range inputTag.FindAllString(page, -1) {
		name, value := nameAttr.FindStringSubmatch(tag), valueAttr.FindStringSubmatch(tag)
		if name == nil || seen[name[1]] || !regexp.MustCompile(`type=["']hidden["']`).MatchString(tag) {
			continue
		}
		seen[name[1]] = true
		text := ""
		if value != nil {
			text = html.UnescapeString(value[1] + value[2])
		}
		pairs = append(pairs, html.UnescapeString(name[1]), text)
	}
	return pairs
}

// page is the address of one.
func page(title string, pairs ...string) string {
	return query("/index.php", append([]string{"title", title}, pairs...)...)
}

// wikiForm opens a page with a form, and sends it with what it carries along.
func (v *visitor) wikiForm(path string, pairs ...string) answer {
	a := v.get(path)
	return v.post(path, form(append(hidden(a.body), pairs...)...))
}

// join makes an account.
func (v *visitor) join(name string) {
	v.someone()
	v.wikiForm(page("Special:CreateAccount"), "wpName", name, "wpPassword", wikiPassword, "retype", wikiPassword, "email", "", "realname", name, "wpCreateaccount", "Create your account")
}

func (v *visitor) wikiSignIn() {
	v.someone()
	v.wikiForm(page("Special:UserLogin"), "wpName", one(v, wikiPeople), "wpPassword", wikiPassword, "wploginattempt", "Log in", "wpEditToken", "+\\")
}

func (v *visitor) wikiEdit() {
	title := one(v, wikiTitles)
	path := page(title, "action", "edit")
	carried := hidden(v.get(path).body)
	text, summary := v.wikiText(), v.title()
	send := func(button string) {
		v.post(page(title, "action", "submit"), v.multipart(nil, append(carried, "wpTextbox1", text, "wpSummary", summary, button, "Go", "wpUltimateParam", "1")...))
	}
	if v.chance(40) {
		send(one(v, []string{"wpPreview", "wpDiff"}))
	}
	send("wpSave")
}

func (v *visitor) wikiToken() string {
	var a struct {
		Query struct{ Tokens struct{ Csrftoken string } }
	}
	got := v.get("/api.php", "action", "query", "meta", "tokens", "format", "json")
	if v.err == nil {
		v.fail(json.Unmarshal([]byte(got.body), &a))
	}
	return a.Query.Tokens.Csrftoken
}

// wikiAct changes something by the interface for programs.
func (v *visitor) wikiAct() {
	token := v.wikiToken()
	title := one(v, wikiTitles)
	calls := [][]string{
		{"action", "edit", "title", title, "appendtext", "\n" + v.wikiText(), "summary", v.title()},
		{"action", "edit", "title", title, "section", "new", "sectiontitle", v.title(), "text", v.wikiText()},
		{"action", "watch", "titles", title + "|" + one(v, wikiTitles) + "|" + one(v, wikiTitles)},
		{"action", "move", "from", title, "to", title + " " + strconv.Itoa(v.IntN(99)), "reason", v.title(), "movetalk", "1"},
		{"action", "delete", "title", title + " " + strconv.Itoa(v.IntN(99)), "reason", v.title()},
		{"action", "protect", "title", title, "protections", "edit=autoconfirmed|move=sysop", "expiry", "1 day", "reason", v.title()},
		{"action", "options", "change", "gender=unknown|nickname=" + strings.ReplaceAll(one(v, names), "|", "") + "|rclimit=" + strconv.Itoa(20+v.IntN(50))},
		{"action", "purge", "titles", title + "|" + one(v, wikiTitles), "forcelinkupdate", "1"},
		{"action", "undelete", "title", title, "reason", v.title()},
		{"action", "setnotificationtimestamp", "titles", title},
		{"action", "rollback", "title", title, "user", one(v, wikiPeople)},
		{"action", "tag", "revid", v.numbers(3), "add", "mw-undo"},
	}
	v.post("/api.php", form(append(one(v, calls), "token", token, "format", "json")...))
}

func (v *visitor) wikiUpload() {
	var b bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, 24+v.IntN(20), 24))
	for i := range 24 {
		img.Set(i, i, color.RGBA{uint8(v.IntN(256)), uint8(v.IntN(256)), 99, 255})
	}
	v.fail(png.Encode(&b, img))
	path, name := page("Special:Upload"), one(v, wikiFiles)
	carried := hidden(v.get(path).body)
	v.post(path, v.multipart(&file{"wpUploadFile", name, b.String()}, append(carried, "wpDestFile", name, "wpUploadDescription", v.wikiText(), "wpIgnoreWarning", "1", "wpUpload", "Upload file")...))
}
