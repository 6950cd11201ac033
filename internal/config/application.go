package config

import "github.com/gatehousehq/gatehouse"

// Application is what may be asked, and what may be answered.
type Application struct {
	Protocol Protocol   `yaml:"protocol" doc:"What a request may look like on the wire."`
	CORS     []CORSRule `yaml:"cors" doc:"Which other origins may read answers. At a path with a rule the rule alone decides, whatever the backend says; elsewhere the backend's own answer stands, unless only an attack needs it." example:"[{path: /api/, origins: [\"https://app.example.com\"], credentials: true}]"`
	CSRF     CSRF       `yaml:"csrf" doc:"Requests that other sites make a person's browser send."`
	Headers  Headers    `yaml:"headers" doc:"The security headers of answers."`
	Cookies  Cookies    `yaml:"cookies" doc:"The attributes of the backend's cookies."`
	Markup   Markup     `yaml:"markup" doc:"Inputs in answers."`

	RateLimit RateLimit    `yaml:"ratelimit" doc:"How often clients may ask."`
	Access    []AccessRule `yaml:"access" doc:"Who may call which path; the first rule for a path and method decides." example:"[{path: /admin/, roles: [admin]}]"`
	Closed    []string     `yaml:"closed" doc:"Prefixes below which nothing passes but what a rule of access lets in." example:"[/admin/]"`
	Ownership Ownership    `yaml:"ownership" doc:"Whose the things are that requests ask for."`
}

// Protocol is what a request may look like on the wire.
type Protocol struct {
	Hosts  []string `yaml:"hosts" doc:"The site's host names and addresses, without port; requests for others are refused. Where not given any host is served, and with site those for another are recorded." example:"[shop.example.com, www.shop.example.com]"`
	Head   Size     `yaml:"head" restart:"true" default:"64KiB" doc:"How long a request's head may be."`
	URL    Size     `yaml:"url" default:"16KiB" doc:"How long its target may be."`
	Fields int      `yaml:"fields" default:"128" doc:"How many header fields it may have."`
	Body   Size     `yaml:"body" default:"0" doc:"How long its body may be; 0 for any length, since bodies stream."`
}

// A CORSRule says which origins may read answers at a path.
type CORSRule struct {
	Path        string           `yaml:"path" need:"true" doc:"A path as in routes." example:"/api/"`
	Origins     []string         `yaml:"origins" need:"true" doc:"Scheme, host and port, exactly; * is every origin, needs a reason, and goes without credentials." example:"[\"https://app.example.com\"]"`
	Credentials bool             `yaml:"credentials" default:"false" doc:"Whether scripts may send the visitor's cookies and read what comes back."`
	Methods     []string         `yaml:"methods" doc:"Methods that scripts may use; the common ones where not given." example:"[GET, POST]"`
	Headers     []string         `yaml:"headers" doc:"Header fields that scripts may send; those they ask for where not given." example:"[Authorization]"`
	Expose      []string         `yaml:"expose" doc:"Header fields of answers that scripts may read." example:"[X-Total-Count]"`
	MaxAge      Duration         `yaml:"max_age" default:"10m" doc:"How long browsers remember a preflight's answer."`
	Reason      gatehouse.Reason `yaml:"reason" doc:"Why every origin may read." example:"public exchange rates"`
}

// CSRF is the cross-site check.
type CSRF struct {
	TrustedOrigins []TrustedOrigin `yaml:"trusted_origins" doc:"Other sites whose requests count as the site's own." example:"[{origin: https://app.example.com, reason: our single-page application}]"`
}

// A TrustedOrigin is another site whose requests count as the site's own.
type TrustedOrigin struct {
	Origin string           `yaml:"origin" need:"true" doc:"Scheme, host and port as a browser sends them in Origin." example:"https://app.example.com"`
	Path   string           `yaml:"path" doc:"Where, as in routes; everywhere where not given." example:"/api/"`
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why it is trusted." example:"our single-page application"`
}

// Headers are the security headers of answers.
type Headers struct {
	CSP         string           `yaml:"csp" doc:"The content security policy of pages, enforced; gatehouse suggest csp prints one. Without it a strict one only reports." example:"default-src 'self'"`
	HSTS        HSTS             `yaml:"hsts" doc:"Strict-Transport-Security, which grows from 5 minutes to a day after a week, and to two years after four; never for this machine's names, or with certificates of the local authority."`
	KeepBanners gatehouse.Reason `yaml:"keep_banners" doc:"Leaves the header fields that name software and versions; say why." example:"our load balancer reads X-Powered-By"`
}

// HSTS is Strict-Transport-Security.
type HSTS struct {
	IncludeSubDomains bool             `yaml:"include_subdomains" default:"false" doc:"Says so of every subdomain too: one without HTTPS is gone for those who saw it."`
	Off               gatehouse.Reason `yaml:"off" doc:"Sends none; say why." example:"the proxy before the gate sends it"`
}

// Cookies are the attributes of the backend's cookies.
type Cookies struct {
	Readable []ReadableCookie `yaml:"readable" doc:"Cookies that scripts read although they look like sessions; they are not made HttpOnly." example:"[{name: player_token, reason: our player sends it in a header}]"`
}

// A ReadableCookie is not made HttpOnly.
type ReadableCookie struct {
	Name   string           `yaml:"name" need:"true" doc:"The cookie's name." example:"player_token"`
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why scripts read it." example:"our player sends it in a header"`
}

// Markup is about inputs in answers.
type Markup struct {
	Redirects []string `yaml:"redirects" doc:"Other hosts that an input may have an answer redirect to." example:"[app.example.com]"`
}
