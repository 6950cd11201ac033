// Package throttle limits guessing at a backend's own accounts: passwords, codes,
// coupons, names.
//
// An account has two lanes. Devices that signed in to it before have the known
// one: they bring a signed cookie that the gate set after a success, and nothing
// that others do closes it. Everybody else shares the strangers' lane, in which a
// delay grows, an address (IPv6 by /64) and all together may fail only so often,
// and which is closed after 100 failures in a row (NIST SP 800-63B, section
// 5.2.2): until somebody recovers the account, or a month has passed. A password
// that was tried before is no new guess, so a program that goes on with an old one
// closes nothing.
//
// It stops guessing at one account from many addresses, stuffing (lists of many
// accounts), spraying (one password at many accounts), many guesses in one
// request, and tells where answers let strangers find out who has an account; an
// [Alike] has them leave at one time. While many accounts fail that are tried once
// each, each from an address at which nobody signed in, whoever is new there is asked
// to come again some seconds later. It trusts identity/signin's outcomes: what that
// can't tell counts as a failure. It does not stop one guess each at many accounts from
// many addresses that is slow, one a minute and less, or that comes again when it is
// told to, up to 1,200 an hour: that looks like people.
//
// Memory is fixed. Of accounts, addresses and secrets keyed hashes are held in
// tables of fixed size; where one is full, what has failed least is forgotten
// first, then what is oldest, so eviction errs towards letting a guess through and
// never refuses anybody, but that an address at which people sign in may be a
// stranger's again. To have an account with n failures forgotten, some n
// times as many failures are needed as the table has places, and the limits for
// all together stand before that. A lane that is closed is kept in the store.
package throttle
