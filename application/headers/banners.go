package headers

import "net/http"

// banners are the fields that tell strangers what runs here, in their canonical
// form: OWASP Secure Headers Project, headers_remove.json of 2026-07-19, less
// those that clients read (X-Nextjs-*, SourceMap).
var banners = map[string]struct{}{
	"$wsep":                             {},
	"Host-Header":                       {},
	"K-Proxy-Request":                   {},
	"Liferay-Portal":                    {},
	"Oraclecommercecloud-Version":       {},
	"Pega-Host":                         {},
	"Powered-By":                        {},
	"Product":                           {},
	"Server":                            {},
	"X-Aspnet-Version":                  {},
	"X-Aspnetmvc-Version":               {},
	"X-Atmosphere-Error":                {},
	"X-Atmosphere-First-Request":        {},
	"X-Atmosphere-Tracking-Id":          {},
	"X-B3-Parentspanid":                 {},
	"X-B3-Sampled":                      {},
	"X-B3-Spanid":                       {},
	"X-B3-Traceid":                      {},
	"X-Backside-Transport":              {},
	"X-Beserver":                        {},
	"X-Calculatedbetarget":              {},
	"X-Cf-Powered-By":                   {},
	"X-Cms":                             {},
	"X-Cocoon-Version":                  {},
	"X-Content-Encoded-By":              {},
	"X-Datadog-Origin":                  {},
	"X-Datadog-Parent-Id":               {},
	"X-Datadog-Sampling-Priority":       {},
	"X-Datadog-Tags":                    {},
	"X-Datadog-Trace-Id":                {},
	"X-Diaginfo":                        {},
	"X-Dtagentid":                       {},
	"X-Dthealthcheck":                   {},
	"X-Dtinjectedservlet":               {},
	"X-Envoy-Attempt-Count":             {},
	"X-Envoy-External-Address":          {},
	"X-Envoy-Internal":                  {},
	"X-Envoy-Original-Dst-Host":         {},
	"X-Envoy-Upstream-Service-Time":     {},
	"X-Feserver":                        {},
	"X-Framework":                       {},
	"X-Generated-By":                    {},
	"X-Generator":                       {},
	"X-Gitlab-Meta":                     {},
	"X-Jitsi-Release":                   {},
	"X-Joomla-Version":                  {},
	"X-Kong-Admin-Latency":              {},
	"X-Kong-Client-Latency":             {},
	"X-Kong-Proxy-Latency":              {},
	"X-Kong-Request-Id":                 {},
	"X-Kong-Response-Latency":           {},
	"X-Kong-Third-Party-Latency":        {},
	"X-Kong-Total-Latency":              {},
	"X-Kong-Upstream-Latency":           {},
	"X-Kong-Upstream-Status":            {},
	"X-Kubernetes-Pf-Flowschema-Ui":     {},
	"X-Kubernetes-Pf-Prioritylevel-Uid": {},
	"X-Litespeed-Cache":                 {},
	"X-Litespeed-Cache-Control":         {},
	"X-Litespeed-Purge":                 {},
	"X-Litespeed-Tag":                   {},
	"X-Litespeed-Vary":                  {},
	"X-Mod-Pagespeed":                   {},
	"X-Old-Content-Length":              {},
	"X-Oneagent-Js-Injection":           {},
	"X-Owa-Version":                     {},
	"X-Page-Speed":                      {},
	"X-Php-Version":                     {},
	"X-Powered-By":                      {},
	"X-Powered-By-Plesk":                {},
	"X-Powered-Cms":                     {},
	"X-Redirect-By":                     {},
	"X-Ruxit-Js-Agent":                  {},
	"X-Server-Powered-By":               {},
	"X-Sourcefiles":                     {},
	"X-Turbo-Charged-By":                {},
	"X-Tyk-Trace-Id":                    {},
	"X-Umbraco-Version":                 {},
	"X-Varnish-Backend":                 {},
	"X-Varnish-Server":                  {},
	"X-Woodpecker-Version":              {},
}

// removeBanners takes them away and gives the name of one that was there.
func removeBanners(h http.Header) (name string) {
	for n := range h {
		if _, ok := banners[n]; ok {
			if name == "" || n < name {
				name = n
			}
			delete(h, n)
		}
	}
	return name
}
