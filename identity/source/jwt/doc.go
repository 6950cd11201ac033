// Package jwt says who a request is from by a token that somebody else issued:
// a signed JWT (RFC 7519) as bearer token, or in a declared cookie or header.
//
// It stops forged tokens (no signature, another key's, an algorithm that the
// key is not for, a key that the token itself brings or points to), tokens of
// other issuers, for other audiences, of other types, and those that are too
// old. A token is read in one way only: compact form, canonical base64url, no
// member twice; so no backend behind reads another one out of the same bytes.
//
// It trusts the issuer's key set, over HTTPS or from a file, and what a token
// of these keys says. While the issuer can't be reached the keys that are there
// go on for a day; a key that the issuer takes back is refused, with all that
// it signed, once the set is fetched again, within an hour at the latest.
//
// It does not see that an issuer took back a single token: MaxAge bounds how
// long that matters. It decrypts nothing (JWE), and follows no address.
package jwt
