// Package headers gives a backend's answers the security headers that they
// lack: a floor that breaks no working site, enforced; and a strict content
// security policy that only reports, until a person accepts the one that
// [Reports.Suggest] made of its reports.
//
// It trusts what the backend says where that is stricter, and where it lets
// others frame its pages on purpose. It takes banners away (versions, powered
// by). Strict-Transport-Security is sent over HTTPS alone, for names that are
// the site's own and not this machine's, and grows from five minutes to two
// years.
//
// It does not make an unsafe page safe: a policy that allows inline scripts
// stops none. It changes no body and never injects a nonce.
package headers
