package owners

import "strings"

// steadyFunctions give the same answer twice in a transaction, for the same
// arguments and rows (pg_proc.dat: immutable or stable), or are words that stand
// before a parenthesis.
var steadyFunctions = wordsOf(`
	abs age array_agg array_append array_length array_position array_to_string ascii avg bool_and bool_or btrim cardinality
	ceil ceiling char_length character_length chr coalesce concat concat_ws convert_from convert_to count date_part
	date_trunc decode encode every extract floor format greatest initcap int4 int8 json_array_elements json_array_length
	json_build_array json_build_object json_extract_path json_extract_path_text jsonb_array_elements jsonb_array_elements_text
	jsonb_array_length jsonb_build_array jsonb_build_object jsonb_extract_path jsonb_extract_path_text jsonb_path_exists
	least left length lower lpad ltrim make_date max md5 min mod now nullif numeric octet_length overlay position
	power regexp_replace repeat replace reverse right round rpad rtrim sha256 sign split_part sqrt starts_with
	string_agg string_to_array strpos substr substring sum text to_char to_date to_json to_jsonb to_number to_timestamp
	to_tsquery plainto_tsquery to_tsvector translate trim trunc unnest upper date timestamp timestamptz
	current_date current_timestamp localtimestamp transaction_timestamp
	all and any array as between by case cast distinct else exists except filter from group having in interval intersect is join
	like ilike materialized not on or order over partition row select similar some then union using values when where with
	lateral only varchar char character bit decimal float time bpchar escape recursive symmetric asymmetric similar left
`)

// unsteady are words of what may choose other rows the second time.
var unsteady = wordsOf("limit offset fetch tablesample skip current nowait rownum")

func wordsOf(text string) map[string]bool {
	words := make(map[string]bool)
	for _, w := range strings.Fields(text) {
		words[w] = true
	}
	return words
}

// steady is an error where the i-th token may make the answer another one when
// it is asked twice, or changes something.
func (s *statement) steady(i int) error {
	if !s.identifier(i) {
		return nil
	}
	w := s.word(i)
	if !s.is(i+1, "(") {
		if unsteady[w] && !s.is(i-1, ".") {
			return unknown("%s may choose other rows the second time", w)
		}
		return nil
	}
	if w == "" || s.is(i-1, ".") && !s.is(i-2, "pg_catalog") || !steadyFunctions[w] {
		if s.alias(i) {
			return nil
		}
		return unknown("%s may give another answer the second time", s.text(i))
	}
	return nil
}

// alias reports whether a name that stands before a parenthesis names columns:
// of a WITH, as in x (a, b) AS (…), or of a table in FROM, as in (…) AS x (a, b).
func (s *statement) alias(i int) bool {
	if s.is(i-1, "as") && i > 1 {
		return s.is(i-2, ")")
	}
	end := s.closing(i + 1)
	begins := s.is(end+2, "(") || s.is(end+2, "materialized") && s.is(end+3, "(") || s.is(end+2, "not") && s.is(end+4, "(")
	return end > 0 && s.is(end+1, "as") && begins && (s.is(i-1, "with") || s.is(i-1, "recursive") || s.is(i-1, ","))
}
