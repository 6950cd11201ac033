package ratelimit

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gatehousehq/gatehouse/limit"
)

// Who asks for assets is not counted, as a page loads hundreds of them. The request
// only claims to be for one: its path ends as theirs do, it is safe, and it is not
// what a browser asks for to show a page. Any request can be made to look so, and
// some backends answer /report.css as /report; so the answer is looked at. A claim
// that its answer does not bear out (no asset's type, or nothing that lets a browser
// keep it, or no success) is a false one, and who makes more of them than falseRate
// is counted like anybody else until they stop. Pretending gains that much.

const (
	// maxClaimants bounds who is remembered for false claims: about 5 MB.
	maxClaimants = 100_000
)

// falseRate is far above what a site with broken links does to its visitors, and a
// tenth of the default rate.
func falseRate() limit.Rate { return limit.Rate{Count: 60, Per: time.Minute} }

// extensions are of what pages load: a path that ends so may be an asset's.
var extensions = map[string]bool{
	"css": true, "js": true, "mjs": true, "map": true, "wasm": true, "webmanifest": true,
	"png": true, "jpg": true, "jpeg": true, "gif": true, "webp": true, "avif": true, "svg": true, "ico": true, "bmp": true, "apng": true,
	"woff": true, "woff2": true, "ttf": true, "otf": true, "eot": true,
	"mp3": true, "ogg": true, "oga": true, "opus": true, "wav": true, "m4a": true, "flac": true,
	"mp4": true, "webm": true, "ogv": true, "m4v": true, "mov": true, "vtt": true,
}

// pages are what a browser shows: values of Sec-Fetch-Dest that no asset has.
var pages = map[string]bool{"document": true, "iframe": true, "frame": true, "fencedframe": true, "report": true, "webidentity": true}

// longestExtension is that of webmanifest.
const longestExtension = 11

// claimsAsset reports whether a request says that it is for an asset.
func claimsAsset(q Request) bool {
	if q.Method != http.MethodGet && q.Method != http.MethodHead || pages[q.Dest] {
		return false
	}
	dot := strings.LastIndexByte(q.Path, '.')
	if dot < 0 || len(q.Path)-dot-1 > longestExtension || strings.Contains(q.Path, ";") {
		return false
	}
	extension := q.Path[dot+1:]
	return extensions[extension] || extensions[strings.ToLower(extension)]
}

// claimant is the key of who is asked to account for claims: the address, or where
// that is nobody's the principal; "" for nobody, who is not limited either.
func (l *Limits) claimant(q Request) string {
	c := l.calls.Get().(*call)
	defer l.release(c)
	c.begin(keyClaim)
	switch {
	case !l.exempt(q):
		c.where(q.Addr, true)
	case q.Principal.Known():
		c.principal(&q.Principal)
	default:
		return ""
	}
	return string(c.keys)
}

// believed reports whether somebody's claims are taken for true.
func (l *Limits) believed(ctx context.Context, claimant string) bool {
	return claimant == "" || l.claim(ctx, claimant, true)
}

func (l *Limits) claim(ctx context.Context, claimant string, look bool) bool {
	takes := [...]limit.Take{{Key: claimant, Rate: falseRate(), Look: look}}
	return l.claims.Take(ctx, takes[:]) == nil && limit.Allowed(takes[:])
}

// Answered is told the answer to a request, whatever it was, and notes a claim to be
// an asset that proves false. s is what the checks gave.
func (l *Limits) Answered(ctx context.Context, q Request, s Standing, status int, h http.Header) {
	if !s.asset || isAsset(status, h) {
		return
	}
	if claimant := l.claimant(q); claimant != "" {
		l.claim(ctx, claimant, false)
	}
}

// isAsset reports whether an answer is an asset's: there, of a type that pages load,
// and kept by browsers.
func isAsset(status int, h http.Header) bool {
	switch status {
	case http.StatusNotModified:
		return true
	case http.StatusOK, http.StatusPartialContent:
		return assetType(h.Get("Content-Type")) && kept(h)
	}
	return false
}

func assetType(field string) bool {
	media, _, err := mime.ParseMediaType(field)
	if err != nil {
		return false
	}
	switch group, _, named := strings.Cut(media, "/"); group {
	case "image", "font", "audio", "video":
		return named
	}
	switch media {
	case "text/css", "text/javascript", "application/javascript", "application/x-javascript", "application/ecmascript", "text/ecmascript",
		"application/wasm", "application/manifest+json", "text/vtt", "application/octet-stream", "binary/octet-stream",
		"application/font-woff", "application/font-woff2", "application/x-font-ttf", "application/x-font-woff", "application/vnd.ms-fontobject", "application/ogg":
		return true
	}
	return false
}

// kept reports whether the answer has what lets a browser keep it or ask whether it
// changed, as every server of files sends.
func kept(h http.Header) bool {
	control := strings.ToLower(strings.Join(h["Cache-Control"], ","))
	if strings.Contains(control, "no-store") {
		return false
	}
	return h.Get("Etag") != "" || h.Get("Last-Modified") != "" || h.Get("Expires") != "" || strings.Contains(control, "max-age")
}
