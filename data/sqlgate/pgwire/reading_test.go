package pgwire

import "testing"

func TestReadings_Differ_OnlyWhereABackslashEscapesAQuotationMark(t *testing.T) {
	for text, want := range map[string]bool{
		`select '\'`: true, `select 'a\\\'`: true, `E'it\'s'`: true,
		`select 'C:\temp'`: false, `select 'a\\'`: false, `select 1`: false, `\`: false, `select '\x' || ''`: false,
	} {
		if got := readingsDiffer([]byte(text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestMayChangeEncoding_HoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]bool{
		"SET client_encoding TO 'SJIS'":                                                    true,
		"set names 'big5'":                                                                 true,
		"SET NAMES GB18030":                                                                true,
		"SET client_encoding = 'S-J I_S'":                                                  true,
		"SET client_encoding = E'\\x53JIS'":                                                true,
		"SET client_encoding = U&'\\0053JIS'":                                              true,
		`SET U&"client\005fencoding" = 'SJIS'`:                                             true,
		"select set_config('client_encoding', 'SJ'||'IS', false)":                          true,
		"select set_config('client_' || 'encoding', $1, false)":                            true,
		"select set_config($1, $2, false)":                                                 true,
		"select set_config(x, 'SJIS', false) from t":                                       true,
		"select pg_catalog . \"set_config\"('client_encoding','UHC',true)":                 true,
		"set client_encoding to 'WIN949'":                                                  true,
		"SET client_encoding TO 'UTF8'":                                                    false,
		"SET NAMES 'LATIN1'":                                                               false,
		"select set_config('app.user', $1, true)":                                          false,
		"select set_config('search_path', 'x', true), set_config('request.jwt', $1, true)": false,
		"select names from people":                                                         false,
		"select 1":                                                                         false,
	} {
		if got := mayChangeEncoding([]byte(text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestReading_Risky_OnlyForLettersInEncodingsThatHideASCII(t *testing.T) {
	for encoding, want := range map[string]bool{"SJIS": true, "BIG5": true, "GBK": true, "UHC": true, "GB18030": true, "JOHAB": true, "SHIFT_JIS_2004": true,
		"UTF8": false, "SQL_ASCII": false, "LATIN1": false, "EUC_JP": false, "EUC_KR": false, "WIN1252": false} {
		var r reading
		r.note("client_encoding", encoding)
		if r.risky([]byte("select 'x'"), false) || r.risky([]byte("select '\x83\\'"), false) != want {
			t.Errorf("%s: letters are risky: %v", encoding, !want)
		}
	}
}

func FuzzReading(f *testing.F) {
	f.Add([]byte(`SET U&"client\005fencoding" = 'SJIS'; select '\'`))
	f.Fuzz(func(t *testing.T, text []byte) {
		mayChangeEncoding(text)
		readingsDiffer(text)
	})
}
