package pgwire

import (
	"reflect"
	"strings"
	"testing"
)

// While the database has not said yet how it reads strings from now on, what
// differs by that is judged in both readings, and what does not in one.
func TestQuery_BehindAChangeOfReading_IsJudgedInBothWhereTheyDiffer(t *testing.T) {
	p := play(t)
	statements := []string{"SET standard_conforming_strings = off", `SELECT 'a\' -- b'`, `SELECT 'a\\b' -- c`}
	for _, sql := range statements {
		sends(t, p.client, "Q"+sql+"\x00")
	}
	for range statements {
		gets(t, p.server)
	}
	sends(t, p.server, "Sstandard_conforming_strings\x00off\x00", "CSET\x00", "ZI", "CSELECT 1\x00", "ZI", "CSELECT 1\x00", "ZI")
	for range 7 {
		gets(t, p.client)
	}
	sends(t, p.client, `QSELECT 'a\' -- d'`+"\x00")
	gets(t, p.server)
	readings := map[string][]bool{}
	p.judge.mu.Lock()
	defer p.judge.mu.Unlock()
	for _, st := range p.judge.asked {
		readings[strings.Clone(st.SQL)] = append(readings[strings.Clone(st.SQL)], st.Backslash)
	}
	want := map[string][]bool{statements[0]: {false}, statements[1]: {false, true}, statements[2]: {false}, `SELECT 'a\' -- d'`: {true}}
	if !reflect.DeepEqual(readings, want) {
		t.Errorf("judged %v, want %v", readings, want)
	}
}
