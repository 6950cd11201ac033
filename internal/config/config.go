package config

import (
	"net/netip"
	"time"

	"github.com/gatehousehq/gatehouse"
	"github.com/gatehousehq/gatehouse/secret"
)

// Tags of the fields below:
//
//	yaml     the key
//	doc      one sentence for the reference page and the editor
//	default  the value without the key; "" means none (lists: comma-separated)
//	example  a value worth showing
//	enum     the words that a text may be
//	short    "true" on the one field that the section may be written as alone
//	need     "true" on a key without which its section is an error
//	path     "true" on a file's name, which is relative to the configuration
//	restart  "true" where a running gate can't apply a change; of a section, any

// Config is a whole configuration. The zero value is not one: see [Default].
type Config struct {
	Site        string                 `yaml:"site" restart:"true" doc:"The address that people type, used to tell the site's own requests from others and to name its certificate." example:"https://shop.example.com"`
	Upstream    string                 `yaml:"upstream" doc:"The backend's address: http://, https:// or unix:/path. Required, unless run is told --upstream." example:"http://127.0.0.1:3000"`
	Modes       map[string]ModeSetting `yaml:"modes" doc:"What becomes of a rung's refusals, by rung or rung/rule; off needs a reason. Without a line the shipped mode holds (gatehouse layers)." example:"{application/csrf: observe}"`
	Network     Network                `yaml:"network" doc:"Who may connect, and where."`
	Transport   Transport              `yaml:"transport" doc:"How connections are protected, from clients and to the backend."`
	Routes      []Route                `yaml:"routes" doc:"What is particular to a path." example:"[{path: /webhooks/, csrf: {exempt: webhook, reason: signed by the sender}}]"`
	Application Application            `yaml:"application" doc:"What may be asked, and what may be answered."`
	Input       Input                  `yaml:"input" doc:"How requests are read into inputs."`
	Identity    Identity               `yaml:"identity" doc:"Who requests are from."`
	Data        Data                   `yaml:"data" doc:"What reaches the database."`
	Events      Events                 `yaml:"events" doc:"Where the security log goes, besides the event store in the state folder, which is always kept."`
	Store       Store                  `yaml:"store" doc:"Where the gate keeps what it must remember."`
	Allow       []AllowEntry           `yaml:"allow" doc:"Refusals that a person has judged wrong; gatehouse allow prints an entry to paste." example:"[{id: comment-html, rung: application/csrf, rule: cross-site, path: POST /comments, reason: our own widget on the partner's site, expires: 2027-06-30}]"`

	// File is where this was read from; empty where it was not.
	File string `yaml:"-"`
	// SecretFiles are the files that ${file:…} named. [Watch] watches them too.
	SecretFiles []string `yaml:"-"`
	// Warnings are what is allowed and yet worth a line at start.
	Warnings []*Error `yaml:"-"`
}

// A ModeSetting is one line of modes.
type ModeSetting struct {
	Mode   gatehouse.Mode   `yaml:"mode" short:"true" need:"true" doc:"enforce refuses, observe records what would have been refused, off does not look (and needs a reason); strict enforces what enforce leaves to a line of its own (data/guard: statements of unknown shape)." example:"observe" enum:"enforce,observe,strict,off"`
	Reason gatehouse.Reason `yaml:"reason" doc:"Why the rung is off." example:"the backend sets its own"`
}

// Strict is a mode that only the configuration knows, of rungs in
// Options.Strict: the rung enforces, and so does the rule that is too sharp to
// do so wherever the rung does. Taken for a mode, it enforces.
const Strict gatehouse.Mode = 1<<8 - 1

// Network is who may connect, and where.
type Network struct {
	Listen         []string       `yaml:"listen" restart:"true" default:":8443" doc:"Where clients connect: host:port, :port, unix:/path, or systemd:0 or systemd:NAME for a socket that systemd hands over." example:"[\":443\"]"`
	Redirect       string         `yaml:"redirect" restart:"true" doc:"Where plain HTTP is answered: it redirects documents to HTTPS, refuses everything else, and answers ACME." example:":80"`
	Plaintext      Plaintext      `yaml:"plaintext" restart:"true" doc:"Makes listen speak plain HTTP with no proxy before it that ends TLS."`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" doc:"Proxies in front whose X-Forwarded-For and X-Forwarded-Proto are believed." example:"[10.0.0.0/8]"`
	ProxyProtocol  []netip.Prefix `yaml:"proxy_protocol" restart:"true" doc:"Load balancers in front that name the client in a PROXY header (HAProxy's protocol, version 1 or 2), on every connection to listen and redirect: one without it is refused, and so is a header from anybody else." example:"[10.0.0.5]"`
	Allow          []netip.Prefix `yaml:"allow" doc:"Where given, clients from elsewhere are refused." example:"[192.0.2.0/24]"`
	Deny           []netip.Prefix `yaml:"deny" doc:"Clients that are refused, also where allow names them." example:"[198.51.100.7]"`
	Private        Private        `yaml:"private" doc:"The listener for metrics and health."`
	RemoveHeaders  []string       `yaml:"remove_headers" doc:"Header fields of clients that the backend must not see, besides those the gate always removes." example:"[X-Internal-User]"`
	Timeouts       Timeouts       `yaml:"timeouts" doc:"How long a slow client is waited for."`
	Limits         NetworkLimits  `yaml:"limits" doc:"What is held at once. Loopback and trusted proxies have no bound of their own, as everybody may stand behind them."`
	Patterns       Patterns       `yaml:"patterns" doc:"What is unusual beyond a single request, such as scans and walks through identifiers: it is told, and never refused."`
}

// NetworkLimits bound what is held at once; zero is no bound.
type NetworkLimits struct {
	Connections           int `yaml:"connections" default:"32768" doc:"Connections of everybody; from three quarters of it on, each address has a fair share. 0 for any number."`
	ConnectionsPerAddress int `yaml:"connections_per_address" default:"1024" doc:"Connections of one address (IPv6 by /64). 0 for any number."`
	RequestsPerAddress    int `yaml:"requests_per_address" default:"512" doc:"Requests of one address under way at once; those beyond are told 429. 0 for any number."`
}

// Patterns is about what is watched for.
type Patterns struct {
	Exempt []PatternExemption `yaml:"exempt" doc:"Who is meant to go through every identifier of a route." example:"[{path: /api/orders/, principal: warehouse, reason: fetches all of them each night}]"`
}

// A PatternExemption leaves a route, or a principal, out of walks.
type PatternExemption struct {
	Path      string           `yaml:"path" doc:"A path as in routes; every one where not given." example:"/api/orders/"`
	Principal string           `yaml:"principal" doc:"Who is signed in; everybody where not given." example:"warehouse"`
	Reason    gatehouse.Reason `yaml:"reason" need:"true" doc:"Why that is ordinary." example:"fetches all of them each night"`
}

// Plaintext is the bypass of TLS towards clients. It is in force where Reason
// is given.
type Plaintext struct {
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why clients may speak plain HTTP to the gate." example:"only reachable inside the cluster"`
}

// Private is the listener for metrics and health. There is none where Listen
// is empty.
type Private struct {
	Listen string           `yaml:"listen" restart:"true" doc:"Where /healthz, /readyz and /metrics are served. Beyond loopback it needs a token or a reason." example:"127.0.0.1:9443"`
	Token  secret.Text      `yaml:"token" doc:"What a reader must send as a bearer token." example:"\"${file:/run/secrets/metrics_token}\""`
	Reason gatehouse.Reason `yaml:"reason" doc:"Why it may be read without a token from beyond loopback." example:"the pod's network policy admits Prometheus alone"`
}

// Timeouts is how long a slow client is waited for.
type Timeouts struct {
	Header      Duration `yaml:"header" restart:"true" default:"10s" doc:"For the whole head of a request."`
	BodyIdle    Duration `yaml:"body_idle" default:"30s" doc:"Without a byte of a request's body."`
	BodyMinRate Rate     `yaml:"body_min_rate" default:"240B/s" doc:"How fast a request's body must arrive, after its first body_idle; 0 for any speed."`
	Idle        Duration `yaml:"idle" restart:"true" default:"2m" doc:"Between two requests of one connection."`
	Backend     Duration `yaml:"backend" default:"2m" doc:"For the backend's answer to begin; 0s for as long as it takes."`
	Drain       Duration `yaml:"drain" default:"30s" doc:"For requests under way when the gate stops."`
}

// Transport is how connections are protected.
type Transport struct {
	Certificates Certificates      `yaml:"certificates" restart:"true" doc:"Where the site's certificate is from: exactly one of local, files and acme."`
	EndedBy      string            `yaml:"ended_by" restart:"true" enum:"trusted_proxy" doc:"Who ends TLS in the gate's place; listen then speaks plain HTTP and believes network.trusted_proxies." example:"trusted_proxy"`
	Upstream     TransportUpstream `yaml:"upstream" doc:"TLS to the backend, where upstream begins with https."`
}

// Certificates is where the site's certificate is from. After [Load] exactly
// one of the three is set, or none where TLS is not ended here.
type Certificates struct {
	Local bool              `yaml:"local" default:"true" doc:"From the gate's own local authority, for development; the default where no other way is given."`
	Files []CertificateFile `yaml:"files" doc:"From files, chosen by the name that the client asks for, and read again when they change." example:"[{certificate: site.pem, key: site.key}]"`
	ACME  *ACME             `yaml:"acme" doc:"From an ACME authority such as Let's Encrypt, by HTTP-01 over network.redirect."`
}

// A CertificateFile is one certificate with its key.
type CertificateFile struct {
	Certificate string `yaml:"certificate" need:"true" path:"true" doc:"A PEM file: the certificate, then its intermediates." example:"/etc/gatehouse/site.pem"`
	Key         string `yaml:"key" need:"true" path:"true" doc:"A PEM file: the certificate's private key." example:"/etc/gatehouse/site.key"`
}

// ACME is how certificates are had from an ACME authority (RFC 8555).
type ACME struct {
	Email     string      `yaml:"email" doc:"Whom the authority writes to about expiry." example:"ops@example.com"`
	Directory string      `yaml:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" doc:"The authority's directory."`
	CA        string      `yaml:"ca" path:"true" doc:"A PEM file with the authority's own roots, where the system does not trust them." example:"/etc/gatehouse/acme-ca.pem"`
	Hosts     []string    `yaml:"hosts" doc:"The names to ask for; the site's host where not given." example:"[shop.example.com, www.shop.example.com]"`
	EABKeyID  string      `yaml:"eab_key_id" doc:"The account's key identifier, where the authority wants external account binding." example:"kid-1"`
	EABKey    secret.Text `yaml:"eab_key" doc:"The key that belongs to eab_key_id." example:"\"${env:ACME_EAB_KEY}\""`
}

// TransportUpstream is TLS to the backend.
type TransportUpstream struct {
	CA                string            `yaml:"ca" path:"true" doc:"A PEM file with the roots that the backend's certificate must come from, in place of the system's." example:"/etc/gatehouse/backend-ca.pem"`
	ClientCertificate ClientCertificate `yaml:"client_certificate" doc:"What the gate shows to the backend."`
	ServerName        string            `yaml:"server_name" doc:"The name that the backend's certificate must have, where it is not upstream's host." example:"backend.internal"`
	Insecure          Insecure          `yaml:"insecure" doc:"Does not verify the backend's certificate."`
}

// ClientCertificate is what the gate shows to the backend; none where
// Certificate is empty.
type ClientCertificate struct {
	Certificate string `yaml:"certificate" need:"true" path:"true" doc:"A PEM file: the certificate, then its intermediates." example:"/etc/gatehouse/client.pem"`
	Key         string `yaml:"key" need:"true" path:"true" doc:"A PEM file: the certificate's private key." example:"/etc/gatehouse/client.key"`
}

// Insecure is the bypass of verifying the backend. It is in force where Reason
// is given.
type Insecure struct {
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why the backend's certificate need not be verified." example:"self-signed on the same machine until June"`
}

// A Route is what is particular to a path.
type Route struct {
	Path      string           `yaml:"path" need:"true" doc:"A path; one that ends in / stands for all below it, {name} for one segment, {name...} for the rest." example:"/webhooks/"`
	CSRF      RouteCSRF        `yaml:"csrf" doc:"Exempts the path from the cross-site check."`
	Open      Bypass           `yaml:"open" doc:"Lets everybody at a path that application/exposed closes, and leaves its answers as they are." example:"{reason: our status page is public}"`
	RichText  []string         `yaml:"rich_text" doc:"Fields that hold HTML: form and multipart fields by name, JSON values by their path such as post.body or items[].text. What could run is taken out of them before the backend sees it." example:"[body]"`
	Markup    Bypass           `yaml:"markup" doc:"Lets inputs be markup in the path's answers." example:"{reason: shows what is typed in a sandboxed frame}"`
	Serialise bool             `yaml:"serialise" default:"false" doc:"Has the path's requests alone at the backend, one after the other, so that the statements of an SQL account with background: none are known to be theirs. Every other request waits meanwhile, up to 2 seconds: for rare and important ones."`
	Body      string           `yaml:"body" enum:"pass" doc:"pass: the body goes to the backend byte by byte, unread by the gate. Needs a reason." example:"pass"`
	Reason    gatehouse.Reason `yaml:"reason" doc:"Why body is passed unread; csrf.reason holds for both where this is not given." example:"the sender's signature covers the bytes"`
}

// RouteCSRF exempts a path from the cross-site check; it does not where Exempt
// is empty.
type RouteCSRF struct {
	Exempt string           `yaml:"exempt" need:"true" enum:"webhook,saml,form_post,payment_return" doc:"What the path is for, that other sites must post to it." example:"webhook"`
	Reason gatehouse.Reason `yaml:"reason" need:"true" doc:"Why that is safe." example:"the backend verifies the sender's signature"`
}

// A Bypass of a check at a path is in force where Reason is given.
type Bypass struct {
	Reason gatehouse.Reason `yaml:"reason" short:"true" need:"true" doc:"Why that is safe." example:"read by our monitoring alone"`
}

// Input is how requests are read into inputs.
type Input struct {
	Limit Size `yaml:"limit" default:"1MiB" doc:"How much of a body is parsed; file contents do not count. A larger one passes with an event where input observes, and is refused where it enforces."`
}

// Events is where the security log goes.
type Events struct {
	File      string   `yaml:"file" restart:"true" path:"true" doc:"A file of JSON lines." example:"/var/log/gatehouse/events.jsonl"`
	Stdout    bool     `yaml:"stdout" restart:"true" default:"false" doc:"Writes JSON lines to standard output too."`
	Syslog    string   `yaml:"syslog" restart:"true" doc:"A syslog receiver (RFC 5424): udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log." example:"udp://127.0.0.1:514"`
	Keep      Duration `yaml:"keep" restart:"true" default:"30d" doc:"How long the event store keeps an event, and so how long explain knows it."`
	MaxSize   Size     `yaml:"max_size" restart:"true" default:"100MiB" doc:"How large file grows before it is rotated."`
	Files     int      `yaml:"files" restart:"true" default:"10" doc:"How many rotated files are kept."`
	OnFailure string   `yaml:"on_failure" default:"pass" enum:"pass,refuse" doc:"What becomes of a request that passes although a rung objected (observe, allow), where its event can't be written: pass, or refuse. Refusals stay refusals."`
}

// Store is where the gate keeps what it must remember.
type Store struct {
	Durable string `yaml:"durable" restart:"true" default:"sqlite" enum:"sqlite,memory" doc:"sqlite keeps bans and events in the state folder, memory forgets them when the gate stops."`
	Cache   string `yaml:"cache" restart:"true" doc:"A Redis (or Valkey) that several gates share, for limits: redis://host:port, rediss:// with TLS or unix:///path. While it is down each gate counts by itself. It holds a password only where all of it is from the environment or a file." example:"redis://127.0.0.1:6379"`
}

// An AllowEntry lets one refusal pass that a person has judged wrong.
type AllowEntry struct {
	ID      string           `yaml:"id" need:"true" doc:"A name for layers and events: letters, digits, dots, dashes and underscores." example:"comment-html"`
	Rung    string           `yaml:"rung" need:"true" doc:"The rung that refused." example:"application/csrf"`
	Rule    string           `yaml:"rule" need:"true" doc:"The rule that refused." example:"cross-site"`
	Path    string           `yaml:"path" need:"true" doc:"The route: a path as in routes, after a method where only that is meant; background for statements of no request." example:"POST /comments"`
	Field   string           `yaml:"field" doc:"The input it was about, such as form:body; any where not given." example:"form:body"`
	Reason  gatehouse.Reason `yaml:"reason" need:"true" doc:"Why it may pass." example:"our own widget on the partner's site"`
	Expires Expiry           `yaml:"expires" doc:"Until when, as a date (through its end, UTC) or a time (RFC 3339); for ever where not given." example:"2027-06-30"`
}

// Expired reports whether the entry has ended at now.
func (e AllowEntry) Expired(now time.Time) bool {
	return !e.Expires.IsZero() && !now.Before(e.Expires.Time)
}

// Plain reports whether the listeners speak plain HTTP: because a trusted
// proxy ends TLS, or by the bypass network.plaintext.
func (c *Config) Plain() bool {
	return c.Transport.EndedBy != "" || c.Network.Plaintext.Reason.Given()
}
