package leaks

// databaseErrors are what database engines and their drivers say of a
// statement. Such a text in a page tells of an injection too: its event is
// worth a look.
var databaseErrors = []signature{
	{
		name: "MySQL's syntax error", rule: RuleDatabase, level: told,
		literals: []string{"error in your sql syntax"},
		expr:     re(`You have an error in your SQL syntax; check the manual that corresponds to your \w[^\n]* version for the right syntax to use near`),
	},
	{
		name: "an error of MySQL", rule: RuleDatabase, level: told,
		literals: []string{"unknown column '", "' doesn't exist", "duplicate entry '", "truncated incorrect "},
		expr:     re(`Unknown column '[^'\n]+' in '(?:field list|where clause|order clause|on clause|group statement|having clause)'|Table '[\w$-]+\.[\w$-]+' doesn't exist|Duplicate entry '[^'\n]+' for key '|Truncated incorrect (?:DOUBLE|INTEGER|DECIMAL) value: '`),
	},
	{
		name: "an error with its SQLSTATE", rule: RuleDatabase, level: told,
		literals: []string{"sqlstate[", "sqlstate: "},
		expr:     re(`SQLSTATE(?:\[[0-9A-Z]{5}\]|: [0-9A-Z]{5}\b)`),
	},
	{
		name: "PostgreSQL's syntax error", rule: RuleDatabase, level: told,
		literals: []string{"syntax error at or near", "unterminated quoted string at or near", "syntax error at end of input"},
		expr:     re(`syntax error at or near "[^\n]*"|unterminated quoted string at or near "|syntax error at end of input`),
	},
	{
		name: "an error of PostgreSQL", rule: RuleDatabase, level: told,
		literals: []string{`" does not exist`, "invalid input syntax for "},
		expr:     re(`(?:ERROR|error|PSQLException|UndefinedTable|UndefinedColumn|PG::\w+|pq)\b[^\n]*: ?(?:relation|column|function|type|schema) "?[^\n]+"? does not exist|invalid input syntax for (?:type )?(?:integer|uuid|numeric|bigint|double precision|timestamp|date|boolean)[^\n]*: "`),
	},
	{
		name: "a driver's exception", rule: RuleDatabase, level: told,
		literals: []string{
			"psycopg2.errors", "psycopg.errors", "psycopg2.programmingerror", "npgsql.postgresexception", "org.postgresql.util.psqlexception", "pg::syntaxerror",
			"pg::undefined", "com.mysql.jdbc", "com.mysql.cj.", "sqlite3::sqlexception", "sqlite3.operationalerror", "system.data.sqlclient.sqlexception",
			"microsoft.data.sqlclient.sqlexception", "microsoft ole db provider for", "[microsoft][odbc", "java.sql.sqlsyntax", "sqlalchemy.exc.",
		},
		expr: re(`psycopg2?\.(?:errors\.\w+|ProgrammingError)|Npgsql\.PostgresException|org\.postgresql\.util\.PSQLException|PG::(?:SyntaxError|Undefined\w+)|com\.mysql\.(?:jdbc|cj)\.[\w.]*Exception|SQLite3::SQLException|sqlite3\.OperationalError|(?:System\.Data|Microsoft\.Data)\.SqlClient\.SqlException|Microsoft OLE DB Provider for \w+|\[Microsoft\]\[ODBC |java\.sql\.SQLSyntax\w+|sqlalchemy\.exc\.\w+Error`),
	},
	{
		name: "an error of Oracle", rule: RuleDatabase, level: told,
		literals: []string{"ora-0", "ora-1", "ora-2"},
		expr:     re(`\bORA-\d{5}: [a-z"]`),
	},
	{
		name: "an error of SQL Server", rule: RuleDatabase, level: told,
		literals: []string{"unclosed quotation mark after the character string", "incorrect syntax near ", "conversion failed when converting the "},
		expr:     re(`Unclosed quotation mark after the character string '|Incorrect syntax near (?:'|the keyword ')|Conversion failed when converting the n?varchar value '`),
	},
	{
		name: "an error of SQLite", rule: RuleDatabase, level: told,
		literals: []string{`": syntax error`, `unrecognized token: "`, "sqlite_error", "sql logic error"},
		expr:     re(`near "[^\n]*": syntax error|unrecognized token: "|SQLITE_ERROR: |SQL logic error: `),
	},
}
