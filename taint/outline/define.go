package outline

import (
	"strings"

	"github.com/gatehousehq/gatehouse/taint"
)

// plainVerbs are statements whose first word says all that matters of them.
var plainVerbs = map[string]Verb{
	"begin": Transaction, "start": Transaction, "commit": Transaction, "end": Transaction, "rollback": Transaction,
	"abort": Transaction, "savepoint": Transaction, "release": Transaction,
	"show": Session, "listen": Session, "unlisten": Session, "notify": Session, "discard": Session, "fetch": Session,
	"move": Session, "close": Session, "deallocate": Session, "detach": Session,
	"analyze": Maintain, "analyse": Maintain, "refresh": Maintain, "checkpoint": Maintain,
	"create": Define, "alter": Define, "drop": Define, "comment": Define, "security": Define, "grant": Define,
	"revoke": Define, "reassign": Define, "import": Define, "reindex": Define, "cluster": Define,
	"load": System, "attach": Attach, "pragma": Pragma,
}

// plain reads a statement by its first word.
func (r *reader) plain(sc *scope) {
	word := strings.Clone(strings.ToLower(r.text(r.i))) // nothing of the text
	verb := plainVerbs[word]
	lite := verb == Attach || verb == Pragma || word == "detach"
	if r.class(r.i) != taint.Word || verb == Unknown || lite && r.lexer.Dialect != taint.SQLite {
		r.unsure("it begins with no word that is known")
		return
	}
	if verb == Define {
		r.define(sc, word)
		return
	}
	r.begin(verb, word)
	r.i++
	if verb == Attach || verb == Pragma {
		r.level(sc, level{})
		return
	}
	r.toEnd() // nothing in it is called
}

// define reads a definition. What it defines by a query is looked at as a
// query is: CREATE TABLE AS executes it.
func (r *reader) define(sc *scope, word string) {
	r.begin(Define, word)
	r.i++
	switch word {
	case "create", "alter", "drop":
	default: // REINDEX has nothing that is called; GRANT SELECT ON … has words that elsewhere begin a query
		r.toEnd()
		return
	}
	r.skip("or", "replace", "global", "local", "unlogged", "unique", "materialized", "recursive", "trusted", "procedural", "constraint", "foreign")
	if r.is(r.i, "temp") || r.is(r.i, "temporary") {
		r.st.Temporary = word == "create"
		r.i++
	}
	r.skip("recursive")
	object := strings.ToLower(r.text(r.i))
	r.st.Object = word + " " + object
	r.i++
	switch object {
	case "system":
		if word == "alter" {
			r.st.Verb = System
		}
	case "table", "view", "sequence":
		r.defined(word == "drop")
	case "index":
		r.indexed(word)
	case "function", "procedure", "routine":
		for ; r.i < len(r.tokens) && !r.punct(';'); r.i++ {
			if r.kw(r.i) == kwLanguage {
				r.language()
			}
		}
	case "policy", "role", "user", "group", "database", "publication", "subscription", "rule", "trigger":
		r.toEnd()
	}
	r.level(sc, level{defines: true})
}

// defined reads the names of what is defined; of a list where several may be.
func (r *reader) defined(several bool) {
	own := true
	for {
		r.skip("concurrently", "if", "not", "exists", "only")
		if !r.isName(r.i) {
			return
		}
		schema, table := r.chain()
		r.table(schema, table, Defines)
		own = own && schema == "pg_temp"
		if !several || !r.punct(',') {
			break
		}
		r.i++
	}
	r.st.Temporary = r.st.Temporary || own
}

// indexed reads CREATE INDEX up to its table, and the names of other
// statements about indexes.
func (r *reader) indexed(word string) {
	if word != "create" {
		r.defined(word == "drop")
		return
	}
	for r.i < len(r.tokens) && r.kw(r.i) != kwOn && !r.punct(';') {
		r.i++
	}
	if r.kw(r.i) == kwOn {
		r.i++
		r.defined(false)
	}
}

// set reads SET and RESET.
func (r *reader) set(k keyword) {
	r.i++
	value := Text{Value: "default", Known: true}
	if k == kwSet && (r.is(r.i, "local") || r.is(r.i, "session") && !r.isAuthorization(r.i)) {
		r.i++
	}
	switch {
	case r.is(r.i, "transaction"), r.is(r.i, "characteristics"), r.is(r.i, "constraints"):
		r.begin(Transaction, "set transaction")
		r.toEnd()
		return
	case !r.isName(r.i) && k == kwReset: // ALL
		r.begin(Set, "reset")
		r.toEnd()
		return
	}
	r.begin(Set, "set")
	setting := r.settingName()
	if r.kw(r.i) == kwTo || r.text(r.i) == "=" {
		r.i++
	}
	if k == kwSet {
		value.Value = r.values()
	}
	r.setting(Setting{Name: Text{Value: setting, Known: true}, Value: value})
	r.toEnd()
}

func (r *reader) isAuthorization(i int) bool {
	return r.is(i+1, "authorization")
}

// settingName reads the setting's name, and gives the one that the words of
// the standard stand for.
func (r *reader) settingName() string {
	switch {
	case r.is(r.i, "session") && r.isAuthorization(r.i):
		r.i += 2
		return "session_authorization"
	case r.is(r.i, "time") && r.is(r.i+1, "zone"):
		r.i += 2
		return "timezone"
	case r.is(r.i, "names"):
		r.i++
		return "client_encoding"
	case r.is(r.i, "schema") && r.class(r.i+1) == taint.String:
		r.i++
		return "search_path"
	case !r.isName(r.i):
		r.unsure("the setting that it sets can't be read")
		return ""
	}
	space, setting := r.chain()
	if space != "" {
		setting = space + "." + setting
	}
	return strings.ToLower(setting)
}

// values reads what a setting is set to, up to the statement's end.
func (r *reader) values() string {
	var b strings.Builder
	for ; r.i < len(r.tokens) && !r.punct(';'); r.i++ {
		switch {
		case r.class(r.i) == taint.String:
			b.WriteString(r.literal(r.i))
		case r.isName(r.i):
			b.WriteString(r.ident(r.i))
		case r.class(r.i) == taint.Number:
			r.out.Literal = true
			b.WriteString(r.text(r.i))
		default:
			b.WriteString(strings.ToLower(r.text(r.i)))
		}
	}
	return b.String()
}

// vacuum reads VACUUM, and SQLite's VACUUM INTO, which writes a file.
func (r *reader) vacuum() {
	verb := Maintain
	for ; r.i < len(r.tokens) && !r.punct(';'); r.i++ {
		if r.kw(r.i) == kwInto {
			verb = Attach
		}
	}
	r.begin(verb, "vacuum")
}
