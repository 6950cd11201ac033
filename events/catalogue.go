package events

import "github.com/gatehousehq/gatehouse"

// An Entry describes one event for a reader of the log.
type Entry struct {
	Name string
	// Level is what the event is ordinarily written with; an event that can
	// be more or less urgent says so in Meaning.
	Level gatehouse.Level
	// Meaning is what happened, and what to do about it.
	Meaning string
	// short is Meaning's core, for the words of an event about a request.
	short string
}

// Catalogue is every event that the gate writes, in the order of the
// reference.
func Catalogue() []Entry {
	all := make([]Entry, len(catalogue))
	copy(all, catalogue[:])
	return all
}

var catalogue = [...]Entry{
	{
		Name: "authz_fail", Level: gatehouse.Warning, short: "the client may not have or do this",
		Meaning: "A client asked for what it may not have or do. Many of one client are somebody trying doors.",
	},
	{
		Name: "authz_admin", Level: gatehouse.Info, short: "an administrator had what is another's",
		Meaning: "An administrator asked for what may be another's, as a rule's admins let it. It is ordinary work; of a principal or at an hour for which it is not, ask.",
	},
	{
		Name: "gate_owner_proven", Level: gatehouse.Info, short: "it was shown to be the asker's own",
		Meaning: "A request for one thing of many passed, since it was shown whose the thing is. This stands in no log: `gatehouse explain` tells it of the last 4,096 such requests.",
	},
	{
		Name: "input_validation_fail", Level: gatehouse.Warning, short: "an input breaks a rule of form",
		Meaning: "An input breaks a rule of form: the framing of the request, a size, an encoding, a declared type. Field says which input.",
	},
	{
		Name: "malicious_csrf", Level: gatehouse.Warning, short: "a browser was made to send this by another site",
		Meaning: "Another site made a browser send a request that changes something. If the site is a partner of yours, `gatehouse allow` has the entry.",
	},
	{
		Name: "malicious_cors", Level: gatehouse.Warning, short: "another origin would read what is a visitor's",
		Meaning: "A preflight of an origin that no rule lets in, or an answer of the backend that lets scripts of other origins read with a visitor's cookies. Declare the origins in application.cors; an answer is mended, the request goes on.",
	},
	{
		Name: "gate_xss", Level: gatehouse.Critical, short: "an input became executable in the answer",
		Meaning: "An input became an element that runs, a handler, a script's code, or the host that a client is sent to: cross-site scripting or an open redirect. Field says which input; row: is a value that the database held, and who sees the page is the victim.",
	},
	{
		Name: "gate_leak", Level: gatehouse.Warning, short: "the answer says what is for the backend's makers",
		Meaning: "The backend's answer was an error page, or held a stack trace, a database's error, a secret or the listing of a folder. The client got a bare answer of the status; evidence has the beginning of what it said, redacted.",
	},
	{
		Name: "malicious_sqli", Level: gatehouse.Critical, short: "an input became part of a statement's structure",
		Meaning: "An input became structure of an SQL statement: SQL injection. Detail has the statement without its values, the input between « and ». Warning where it passed, because the rung observes or an `allow` entry lets it.",
	},
	{
		Name: "authn_login_fail", Level: gatehouse.Warning, short: "an account was named without proof",
		Meaning: "A client of an SQL gate named an account and did not prove to be it, or the backend refused an attempt to sign in (evidence says how that was told). Detail has the account. Many of them are somebody guessing; few, a person who mistypes, or an application with an old password.",
	},
	{
		Name: "excess_rate_limit_exceeded", Level: gatehouse.Warning, short: "more requests than the client may send",
		Meaning: "A client, a principal or a route had more requests than application.ratelimit lets it. The client was told 429 and when to come back. Rule says by what it was counted.",
	},
	{
		Name: "gate_credential_refused", Level: gatehouse.Warning, short: "a credential proves false",
		Meaning: "A token or a certificate proves false: forged, expired, for another audience. Rule and evidence say why; the credential itself is nowhere in the log.",
	},
	{
		Name: "authn_login_fail_max", Level: gatehouse.Warning, short: "one attempt too many",
		Meaning: "An attempt at one of the backend's accounts was not let through: too many failures at the account, from the address, or altogether, or a secret that was tried at many accounts. Rule says which. Devices that signed in to the account before are counted apart.",
	},
	{
		Name: "authn_login_success", Level: gatehouse.Info,
		Meaning: "Somebody signed in at the backend. Evidence says how that was told from its answer; detail has the account, and whether the device had signed in to it before.",
	},
	{
		Name: "session_logout", Level: gatehouse.Info,
		Meaning: "A session of the backend was ended by its owner.",
	},
	{
		Name: "gate_guessing", Level: gatehouse.Warning, short: "attempts to sign in look like guessing",
		Meaning: "What attempts at accounts say together: an address that tries many, one secret at many, a rise of failures, a success after many; or answers of the backend that tell which accounts there are, by words or by time. Rule says which.",
	},
	{
		Name: "gate_session_fixation", Level: gatehouse.Warning, short: "a session that its sign-in did not renew, on another device",
		Meaning: "The backend signed somebody in under a session cookie that was there before (CWE-384): whoever planted it is signed in too. With an outcome it is about a request that brought such a session and not the device that signed in. Have the backend renew the session at sign-in.",
	},
	{
		Name: "gate_mass_rows", Level: gatehouse.Warning, short: "more rows than the account is declared for",
		Meaning: "A statement returned or changed more rows than data.sql's rows say for its account. Refused: the session was ended with the row after the last, and the database undid its transaction. Otherwise it has happened. Detail has the number.",
	},
	{
		Name: "gate_database_failed", Level: gatehouse.Warning,
		Meaning: "The database of an SQL gate accepts no connections: it is down, or somewhere else. Looked at every half minute while no session is open. The gate runs on, and the application is told so in the database's own way.",
	},
	{
		Name: "gate_database_recovered", Level: gatehouse.Info,
		Meaning: "The database of an SQL gate accepts connections again.",
	},
	{
		Name: "gate_shape_quarantined", Level: gatehouse.Info, short: "the account is not known to send statements of this shape",
		Meaning: "A database account sent a statement of a shape that is not known yet. It passed, no input explains it, and it is learned once several clients have produced it. Told once for each shape; where the rung is strict it is refused each time, with level warning.",
	},
	{
		Name: "gate_template_learned", Level: gatehouse.Info,
		Meaning: "A shape of statement is known from now on for its database account. `gatehouse layers` counts them.",
	},
	{
		Name: "gate_guard_capped", Level: gatehouse.Warning, short: "the statement is beyond what is judged",
		Meaning: "A statement was not judged whole, as it is too large or too much work. It passed where no outcome is given: what was judged of it was in order. Find out what sends it.",
	},
	{
		Name: "gate_concatenation", Level: gatehouse.Warning,
		Meaning: "A finding about the application: an input stands in the text of a statement, inside a literal. Today that is a value; bind it as a parameter, and it can never be anything else. Told once a day for each statement and input; Count says how many there were since.",
	},
	{
		Name: "gate_password_stored", Level: gatehouse.Warning, short: "a password is stored in plain, or in a form that is quickly guessed",
		Meaning: "A finding about the application: it writes a password to the database as it came, or as a fast hash of it. Detail has table, column and form. Store argon2id, scrypt or bcrypt. Told once a day for each column; refused where data/guard/password-stored is in enforce.",
	},
	{
		Name: "gate_probing", Level: gatehouse.Warning, short: "the account tries routes of other roles",
		Meaning: "An account was refused several routes that only other roles may use, within Detail's window. Told once for each window. A page that asks for such routes in everybody's name is not counted, once five accounts were refused them within a day.",
	},
	{
		Name: "malicious_excess_404", Level: gatehouse.Warning,
		Meaning: "A client asked for many different routes that do not exist, most of its requests among them: a scanner. Links that many people follow into nowhere are not counted. docs/decisions/patterns.md has the thresholds and the known false alarms.",
	},
	{
		Name: "malicious_attack_tool", Level: gatehouse.Warning,
		Meaning: "A client asked for several things that scanners look for, such as settings files and consoles of products which this site does not run.",
	},
	{
		Name: "malicious_direct_reference", Level: gatehouse.Warning,
		Meaning: "A client asked for far more identifiers of one route than others do, one after the other, or mostly such as it may not have. If it is a program of yours, declare it. What is open to everybody, such as a catalogue, is not counted.",
	},
	{
		Name: "gate_failures_rise", Level: gatehouse.Warning,
		Meaning: "Requests of one client fail far above its own and the site's ordinary level, or attempts to sign in fail so at the whole site. Detail says what failed.",
	},
	{
		Name: "gate_new_device", Level: gatehouse.Info,
		Meaning: "An account signed in from a device that was not seen of it before. Ordinary when somebody has a new telephone; not when failures went before.",
	},
	{
		Name: "sys_startup", Level: gatehouse.Info,
		Meaning: "The gate started. Detail has its version and where it listens.",
	},
	{
		Name: "sys_shutdown", Level: gatehouse.Info,
		Meaning: "The gate stopped, for the reason given. A log that ends without this event was cut off or the process was killed.",
	},
	{
		Name: "sys_restart", Level: gatehouse.Info,
		Meaning: "A part of the gate was replaced while it ran, ordinarily the configuration.",
	},
	{
		Name: "sys_crash", Level: gatehouse.Critical,
		Meaning: "A panic in a rung or handler. The request was refused and the gate runs on. Please report it, with the stack of Detail.",
	},
	{
		Name: "sys_monitor_disabled", Level: gatehouse.Critical,
		Meaning: "A place that events are written to can't be reached. Detail says which and why. The other places go on.",
	},
	{
		Name: "sys_monitor_enabled", Level: gatehouse.Info,
		Meaning: "A place that events are written to is reached again. Detail says how many events it did not get.",
	},
	{
		Name: "gate_bypass", Level: gatehouse.Warning,
		Meaning: "Something that is ordinarily refused may pass, for the reason that the configuration gives. Written at start for each.",
	},
	{
		Name: "gate_config_refused", Level: gatehouse.Critical,
		Meaning: "A changed configuration has errors and was not taken; the one before goes on. `gatehouse check` lists the errors.",
	},
	{
		Name: "gate_upstream_failed", Level: gatehouse.Warning,
		Meaning: "The backend could not answer: it is down, took too long, sent what isn't HTTP, or ended in the middle. The client got a 502 or 504.",
	},
	{
		Name: "gate_upstream_recovered", Level: gatehouse.Info,
		Meaning: "The backend answers again.",
	},
	{
		Name: "gate_banned", Level: gatehouse.Warning,
		Meaning: "An address is refused until the time in Detail. `gatehouse bans remove` ends it.",
	},
	{
		Name: "gate_ban_spared", Level: gatehouse.Warning,
		Meaning: "Strikes would have banned an address that many good sessions share: an office, a school, a carrier. One of the people behind it attacks, and what each request does is judged as ever. `gatehouse bans add` bans it all the same.",
	},
	{
		Name: "gate_unbanned", Level: gatehouse.Info,
		Meaning: "A ban was taken back before its time.",
	},
	{
		Name: "gate_undeclared_proxy", Level: gatehouse.Warning,
		Meaning: "A private address sends forwarding headers and is not among network.trusted_proxies: behind it may stand everybody. Address limits and bans are suspended for it until it is declared.",
	},
	{
		Name: "gate_certificate", Level: gatehouse.Info,
		Meaning: "Something about a certificate: issued, renewed, reloaded. Warning or critical where it expires soon or can't be used.",
	},
	{
		Name: "gate_events_skipped", Level: gatehouse.Info,
		Meaning: "Shown by `events tail` alone: events came faster than they were read there. The log itself has them all.",
	},
}

// entryOf is the catalogue's entry. An event that isn't there is critical: it
// is a mistake in this package, which its test finds.
func entryOf(name string) Entry {
	for _, e := range catalogue {
		if e.Name == name {
			return e
		}
	}
	return Entry{Name: name, Level: gatehouse.Critical}
}
