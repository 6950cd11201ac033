package attacks

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

const crossSiteScripting = "Cross-site scripting"

func scripts() []Case {
	markup := []string{"application/markup", "application/rules"}
	uploads := []string{"application/uploads"}
	return []Case{
		{ID: "xss-stored", Title: "A review with a script that every visitor runs", Class: crossSiteScripting, Stops: markup,
			Try: "{base}/products/12: sign in and write the review  <script>alert(document.cookie)</script>",
			Run: storedXSS(`Heavy. <script>MARK(document.cookie)</script>`)},
		{ID: "xss-stored-handler", Title: "A review with a picture that fails into a handler", Class: crossSiteScripting, Stops: markup,
			Try: "{base}/products/12: sign in and write the review  <img src=x onerror=alert(1)>",
			Run: storedXSS(`Shiny. <img src=x onerror="MARK(1)">`)},
		{ID: "xss-reflected", Title: "A link to a search that runs a script", Class: crossSiteScripting, Stops: markup,
			Try: "{base}/search?q=<script>alert(1)</script>",
			Run: reflectedXSS("/search", "q", `<script>MARK(1)</script>`)},
		{ID: "xss-reflected-attribute", Title: "A link to a category that leaves its attribute", Class: crossSiteScripting, Stops: markup,
			Try: `{base}/catalogue?category=Desk"><svg onload=alert(1)>`,
			Run: reflectedXSS("/catalogue", "category", `Desk"><svg onload="MARK(1)">`)},
		{ID: "upload-html", Title: "A profile picture that is a page with a script", Class: "Unrestricted upload", Stops: uploads,
			Try: "{base}/profile: upload a file face.html with a script in it, and open the picture's address",
			Run: uploadedScript("face.html", "text/html", `<!doctype html><title>me</title><script>MARK(1)</script>`)},
		{ID: "upload-svg", Title: "A profile picture, drawn as SVG, with a script", Class: "Unrestricted upload", Stops: uploads,
			Try: "{base}/profile: upload a file face.svg with a script in it, and open the picture's address",
			Run: uploadedScript("face.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>MARK(1)</script></svg>`)},
	}
}

func storedXSS(payload string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		v, err := signUp(ctx, t, "written in bold")
		if err != nil {
			return Result{}, err
		}
		mark := marker()
		body := strings.ReplaceAll(payload, "MARK", mark)
		if _, err := v.post(ctx, "/products/12/reviews", "stars", "5", "body", body); err != nil {
			return Result{}, err
		}
		r, err := newVisitor(t).get(ctx, "/products/12")
		if err != nil {
			return Result{}, err
		}
		return runs(r, mark)
	}
}

func reflectedXSS(path, field, payload string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		mark := marker()
		r, err := newVisitor(t).get(ctx, path+"?"+query(field, strings.ReplaceAll(payload, "MARK", mark)))
		if err != nil {
			return Result{}, err
		}
		return runs(r, mark)
	}
}

func uploadedScript(filename, kind, content string) func(context.Context, *Target) (Result, error) {
	return func(ctx context.Context, t *Target) (Result, error) {
		v, err := signUp(ctx, t, "a pretty face")
		if err != nil {
			return Result{}, err
		}
		mark := marker()
		a, err := upload(sender{}, "/profile/picture", filename, kind, []byte(strings.ReplaceAll(content, "MARK", mark)))
		if err != nil {
			return Result{}, err
		}
		if _, err := v.send(ctx, a); err != nil {
			return Result{}, err
		}
		r, err := v.picture(ctx)
		if err != nil {
			return Result{}, err
		}
		if strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment") {
			return failed(r, "the file is for saving, a browser does not run it")
		}
		return runs(r, mark)
	}
}

// picture opens the visitor's own picture.
func (v *visitor) picture(ctx context.Context) (*reply, error) {
	p, err := v.profile(ctx)
	if err != nil {
		return nil, err
	}
	if p.Picture == "" {
		return &reply{status: http.StatusNotFound}, nil
	}
	u, err := url.Parse(p.Picture)
	if err != nil {
		return nil, err
	}
	return v.get(ctx, u.EscapedPath())
}

// runs judges whether a browser would run the script with this mark: it has to
// be a script or a handler after parsing, in a document, with no policy
// against it.
func runs(r *reply, mark string) (Result, error) {
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if kind != "text/html" && kind != "image/svg+xml" {
		return failed(r, "the answer is %q, which runs no scripts", kind)
	}
	if stopsInline(r.header.Values("Content-Security-Policy")) {
		return failedBy("application/headers", r, "the answer's policy lets no inline script run")
	}
	document, err := html.Parse(bytes.NewReader(r.body))
	if err != nil {
		return Result{}, err
	}
	for node := range document.Descendants() {
		if active(node, mark) {
			return succeeded(r, "the script runs in <%s>", node.Data)
		}
	}
	return failed(r, "the script is not in the answer, or only as text")
}

func active(node *html.Node, mark string) bool {
	if node.Type == html.TextNode {
		return node.Parent != nil && node.Parent.Data == "script" && strings.Contains(node.Data, mark)
	}
	for _, a := range node.Attr {
		if strings.HasPrefix(a.Key, "on") && strings.Contains(a.Val, mark) {
			return true
		}
	}
	return false
}

// stopsInline reports whether one of the policies forbids inline scripts. Each
// policy of the answer has to allow a script (CSP level 3, section 4.2).
func stopsInline(policies []string) bool {
	for _, policy := range strings.Split(strings.Join(policies, ","), ",") {
		directives := map[string]string{}
		for _, d := range strings.Split(policy, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
			directives[strings.ToLower(name)] = value
		}
		sources, said := directives["script-src"]
		if !said {
			sources, said = directives["default-src"]
		}
		sandbox, boxed := directives["sandbox"]
		if said && !strings.Contains(sources, "'unsafe-inline'") || boxed && !strings.Contains(sandbox, "allow-scripts") {
			return true
		}
	}
	return false
}
