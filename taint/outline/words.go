package outline

// A keyword is a word that means something to the reader; other words, and all
// quoted ones, are zero.
type keyword uint8

const (
	name keyword = iota
	kwSelect
	kwValues
	kwTable
	kwWith
	kwInsert
	kwReplace
	kwUpdate
	kwDelete
	kwMerge
	kwCopy
	kwTruncate
	kwLock
	kwExplain
	kwPrepare
	kwExecute
	kwDeclare
	kwSet
	kwReset
	kwDo
	kwCall
	kwCreate
	kwAlter
	kwDrop
	kwVacuum
	kwAttach
	kwPragma
	kwFrom
	kwJoin
	kwUsing
	kwInto
	kwOnly
	kwLateral
	kwWhere
	kwOn
	kwAs
	kwFor
	kwConflict
	kwReturning
	kwDistinct
	kwNot
	kwAnd
	kwOr
	kwRecursive
	kwThen
	kwReferences
	kwTablesample
	kwLanguage
	kwTo
	// kwClause ends a FROM list and begins no other.
	kwClause
	// kwReserved is any other reserved word: no table, no function, no alias.
	kwReserved
	// kwSide is LEFT and RIGHT, which are functions before a parenthesis.
	kwSide
	// kwCalled is a word before a parenthesis that is no function of the
	// catalogue: a construct of the grammar, or a type.
	kwCalled
	// kwBuilt is a construct with FROM inside its parentheses.
	kwBuilt
	// kwConstant is TRUE, FALSE, NULL.
	kwConstant
)

// keywords gives the words of each meaning; the reader takes SQLite's REPLACE,
// ATTACH and PRAGMA for such at the beginning of a statement alone.
var keywords = func() map[string]keyword {
	m := map[string]keyword{
		"select": kwSelect, "values": kwValues, "table": kwTable, "with": kwWith, "insert": kwInsert, "replace": kwReplace,
		"update": kwUpdate, "delete": kwDelete, "merge": kwMerge, "copy": kwCopy, "truncate": kwTruncate, "lock": kwLock,
		"explain": kwExplain, "prepare": kwPrepare, "execute": kwExecute, "declare": kwDeclare, "set": kwSet, "reset": kwReset,
		"do": kwDo, "call": kwCall, "create": kwCreate, "alter": kwAlter, "drop": kwDrop, "vacuum": kwVacuum,
		"attach": kwAttach, "pragma": kwPragma, "from": kwFrom, "join": kwJoin, "using": kwUsing, "into": kwInto,
		"only": kwOnly, "lateral": kwLateral, "where": kwWhere, "on": kwOn, "as": kwAs, "for": kwFor,
		"conflict": kwConflict, "returning": kwReturning, "distinct": kwDistinct, "not": kwNot, "and": kwAnd, "or": kwOr,
		"recursive": kwRecursive, "then": kwThen, "references": kwReferences, "tablesample": kwTablesample,
		"language": kwLanguage, "to": kwTo,
	}
	for meaning, words := range map[keyword][]string{
		kwClause: {"group", "having", "window", "order", "limit", "offset", "fetch", "union", "intersect", "except"},
		kwReserved: {
			"all", "analyse", "analyze", "any", "array", "asc", "asymmetric", "both", "case", "cast", "check", "collate",
			"column", "constraint", "current_catalog", "current_date", "current_role", "current_time", "current_timestamp",
			"current_user", "default", "deferrable", "desc", "else", "end", "foreign", "grant", "in", "initially", "leading",
			"localtime", "localtimestamp", "placing", "primary", "session_user", "some", "symmetric", "trailing", "unique",
			"user", "variadic", "when", "cross", "full", "ilike", "inner", "is", "isnull", "like", "natural", "notnull",
			"outer", "overlaps", "similar", "exists", "between",
		},
		kwSide: {"left", "right"},
		kwCalled: {
			"by", "over", "filter", "materialized", "sets", "cube", "rollup", "include", "key", "partition", "within",
			"coalesce", "greatest", "least", "grouping", "nullif", "row", "rows", "xmlattributes", "xmlconcat", "xmlelement",
			"xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable", "normalize",
			"bit", "char", "character", "varchar", "dec", "decimal", "numeric", "float", "interval", "time", "timestamp", "nchar",
			"varying", "precision", "setof", "columns", "nothing", "collation",
		},
		kwBuilt:    {"extract", "substring", "trim", "overlay", "position"},
		kwConstant: {"true", "false", "null"},
	} {
		for _, word := range words {
			m[word] = meaning
		}
	}
	return m
}()

const longestKeyword = len("current_timestamp") // of those in keywords

// keywordOf gives what an unquoted word means, in any case.
func keywordOf(word string) keyword {
	if len(word) > longestKeyword {
		return name
	}
	var folded [longestKeyword]byte
	for i := range len(word) {
		folded[i] = lower(word[i])
	}
	return keywords[string(folded[:len(word)])]
}

// isReserved reports whether a word can't be a name where one may stand.
func (k keyword) isReserved() bool {
	switch k {
	case name, kwCalled, kwBuilt, kwInsert, kwReplace, kwUpdate, kwDelete, kwMerge, kwCopy, kwTruncate, kwLock, kwExplain, kwPrepare,
		kwExecute, kwDeclare, kwSet, kwReset, kwCall, kwAlter, kwDrop, kwVacuum, kwAttach, kwPragma, kwConflict, kwRecursive,
		kwLanguage, kwValues:
		return false
	}
	return true
}

// isCalled reports whether a word before a parenthesis is a function.
func (k keyword) isCalled() bool {
	switch k {
	case kwCalled, kwBuilt, kwValues, kwSet, kwConflict:
		return false
	}
	return !k.isReserved() || k == kwSide
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold reports whether text, in any case of ASCII letters, is word, which
// is in lower case.
func equalFold(text, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i := range len(text) {
		if lower(text[i]) != word[i] {
			return false
		}
	}
	return true
}
