package jwt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/http/httpguts"
)

const (
	defaultMaxToken  = 16 << 10 // net/http servers elsewhere take 8 to 16 KiB of headers
	defaultMaxCached = 10_000
	defaultLeeway    = 30 * time.Second
	maxLeeway        = 5 * time.Minute
	defaultRefresh   = time.Hour
	defaultInterval  = 10 * time.Second
	defaultMaxStale  = 24 * time.Hour
)

// Options configure a Source.
type Options struct {
	// Issuers are whose tokens count. At least one is needed.
	Issuers []Issuer
	// Cookies and Headers are where tokens stand beside `Authorization: Bearer`.
	Cookies, Headers []string
	// LeaveOthers leaves what is no JWT, and JWTs of other issuers, to another
	// source: the outcome is None instead of Invalid. It is for backends that
	// issue tokens of their own, and check them.
	LeaveOthers bool
	// MaxToken is the longest token in bytes. Zero is 16 KiB.
	MaxToken int
	// MaxCached bounds the tokens whose verification is remembered. Zero is 10,000.
	MaxCached int
	// Key keys the hashes that name credentials. Zero is a random one, so that
	// names end with the process.
	Key [32]byte
	// Transport fetches key sets. Nil is one of its own, by the environment's
	// proxy.
	Transport http.RoundTripper
	// Logger is told when an issuer's keys can't be had, and when they can
	// again. Nil is silent.
	Logger *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// An Issuer is somebody whose tokens count.
type Issuer struct {
	// Issuer is the exact `iss`.
	Issuer string
	// JWKS is the https (or loopback) address of its keys, File a file of
	// them. One of the two is needed.
	JWKS, File string
	// Audiences are the values of `aud` that mean this site; one is needed.
	Audiences []string
	// Algorithms are those that its keys may be used with, of RFC 7518 and
	// 8037: RS256 to PS512, ES256 to ES512, EdDSA. Nil are all of these; an
	// RSA key that names none is then for RS256 alone.
	Algorithms []string
	// Types are the values of the header's `typ` that are taken, such as
	// "at+jwt". Nil takes any.
	Types []string
	// MaxAge, where not zero, caps how long a token counts from its `iat`,
	// which it then must have.
	MaxAge time.Duration
	// MaxSignIn, where not zero, caps the time since the person signed in,
	// `auth_time`, which a token then must have.
	MaxSignIn time.Duration
	// Leeway is how far the issuer's clock may be off. Zero is 30 s, the most
	// is 5 minutes; negative is none.
	Leeway time.Duration
	// Claims say where in the token what of the principal stands.
	Claims Claims
	// SecondFactor are the values of `acr` that mean two factors. `amr` is
	// understood by itself (RFC 8176).
	SecondFactor []string
	// Refresh is how often the keys are fetched again (an hour for JWKS, a
	// minute for File), Interval the least time between two attempts
	// (10 s): so long a key that has just been added may be unknown. MaxStale
	// is how long keys go on being used that can't be fetched again (a day).
	Refresh, Interval, MaxStale time.Duration
}

// Claims name members of a token: the name of one, or, where it begins with a
// slash, the path to one inside others as a JSON pointer (RFC 6901), such as
// "/realm_access/roles".
type Claims struct {
	// Subject is what names the principal. Empty is "sub".
	Subject string
	// Tenant is whose customer it is. Empty is none.
	Tenant string
	// Roles is a list, or one role. Empty is "roles".
	Roles string
	// Scopes is a list, or one text with spaces. Empty is "scope".
	Scopes string
}

// algorithms are all that a public key can be used with.
var algorithms = [...]jose.SignatureAlgorithm{
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Issuers) == 0 {
		return o, errors.New("jwt: Options.Issuers is empty: whose tokens count?")
	}
	for _, name := range o.Headers {
		canonical := http.CanonicalHeaderKey(name)
		if !httpguts.ValidHeaderFieldName(name) || canonical == "Authorization" || canonical == "Cookie" {
			return o, fmt.Errorf("jwt: Options.Headers: %q can't be a header with a token of its own", name)
		}
	}
	for _, name := range o.Cookies {
		if !httpguts.ValidHeaderFieldName(name) { // both are tokens of RFC 9110
			return o, fmt.Errorf("jwt: Options.Cookies: %q is no cookie's name", name)
		}
	}
	if o.MaxToken < 0 || o.MaxCached < 0 {
		return o, errors.New("jwt: Options.MaxToken and MaxCached can't be negative")
	}
	if o.MaxToken == 0 {
		o.MaxToken = defaultMaxToken
	}
	if o.MaxCached == 0 {
		o.MaxCached = defaultMaxCached
	}
	if o.Key == [32]byte{} {
		rand.Read(o.Key[:])
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func (i Issuer) withDefaults() (Issuer, error) {
	switch {
	case i.Issuer == "":
		return i, errors.New("it has no Issuer")
	case len(i.Audiences) == 0 || slices.Contains(i.Audiences, ""):
		return i, errors.New("it needs Audiences: a token for somebody else must not count here")
	case (i.JWKS == "") == (i.File == ""):
		return i, errors.New("it needs either JWKS or File")
	case i.Leeway > maxLeeway:
		return i, fmt.Errorf("its Leeway is %v, %v at most", i.Leeway, maxLeeway)
	case i.MaxAge < 0 || i.MaxSignIn < 0 || i.Refresh < 0 || i.Interval < 0 || i.MaxStale < 0:
		return i, errors.New("a duration is negative")
	}
	if i.JWKS != "" {
		if err := checkAddress(i.JWKS); err != nil {
			return i, fmt.Errorf("its JWKS: %w", err)
		}
	}
	for _, name := range i.Algorithms {
		if !slices.Contains(algorithms[:], jose.SignatureAlgorithm(name)) {
			return i, fmt.Errorf("its Algorithms: %q is none for a public key: want some of %v", name, algorithms)
		}
	}
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	set(&i.Leeway, defaultLeeway)
	i.Leeway = max(i.Leeway, 0)
	if i.File != "" {
		set(&i.Refresh, time.Minute)
	}
	set(&i.Refresh, defaultRefresh)
	set(&i.Interval, defaultInterval)
	set(&i.MaxStale, max(defaultMaxStale, 2*i.Refresh))
	if i.MaxStale < i.Refresh || i.Refresh < i.Interval {
		return i, errors.New("of Interval, Refresh and MaxStale, none may be longer than the next")
	}
	return i, nil
}

// checkAddress takes https, and http where no network is between.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("it is no plain address such as https://issuer.example/jwks.json")
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	loopback := strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return errors.New("it must be https: whoever can change keys on their way can sign as anybody")
	}
	return nil
}
