package privilege

import (
	"strings"
)

// plain reports whether a name is the same to the server without quotes. Words
// that mean something to it are quoted for it not to matter which do.
func plain(name string) bool {
	if name == "" || reserved[name] {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// reserved are PostgreSQL's words that are no names without quotes: those of
// pg_get_keywords() of version 18 that are reserved, in part or whole, or that
// only a column may be called.
var reserved = func() map[string]bool {
	m := make(map[string]bool)
	for word := range strings.FieldsSeq(`all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
		case cast char character check coalesce collate collation column concurrently constraint create cross current_catalog current_date
		current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do else end
		except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike in initially inner
		inout int integer intersect interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
		json_query json_scalar json_serialize json_table json_value lateral leading least left like limit localtime localtimestamp
		merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps
		overlay placing position precision primary real references returning right row select session_user setof similar smallint some
		substring symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
		varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
		xmlpi xmlroot xmlserialize xmltable`) {
		m[word] = true
	}
	return m
}()

// quoteIdent writes a name as an identifier. A NUL, which no name has, is left
// out.
func quoteIdent(name string) string {
	if plain(name) {
		return name
	}
	return `"` + strings.NewReplacer(`"`, `""`, "\x00", "").Replace(name) + `"`
}

// quoteName writes a qualified name.
func quoteName(schema, name string) string {
	if schema == "" {
		return quoteIdent(name)
	}
	return quoteIdent(schema) + "." + quoteIdent(name)
}

// quoteLiteral writes a string constant that means the same whatever
// standard_conforming_strings says.
func quoteLiteral(text string) string {
	text = strings.NewReplacer("'", "''", "\x00", "").Replace(text)
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
	}
	return "'" + text + "'"
}

// comment makes a text fit for the rest of a line of comment.
func comment(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F || c == 0x85 || c == 0x2028 || c == 0x2029 {
			return ' '
		}
		return c
	}, text)
}
