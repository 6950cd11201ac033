package pgwire

import (
	"bytes"
	"strconv"
)

// verbs are the first words of most command tags: they are not made anew.
var verbs = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT", "ROLLBACK", "SET", "FETCH", "COPY", "MERGE", "DISCARD", "DEALLOCATE", "SHOW", "START", "SAVEPOINT", "RELEASE"}

// framing verbs stand around what a Query does: its outcome is told by another
// of its verbs.
var framing = map[string]bool{"BEGIN": true, "START": true, "COMMIT": true, "ROLLBACK": true, "SET": true, "SAVEPOINT": true, "RELEASE": true}

// parseTag gives a command tag's first word, and the number at its end.
func parseTag(tag []byte) (verb string, rows int64) {
	word, _, _ := bytes.Cut(tag, []byte{' '})
	verb = known(word)
	if i := bytes.LastIndexByte(tag, ' '); i >= 0 {
		rows, _ = strconv.ParseInt(view(tag[i+1:]), 10, 64) // a word is no number of rows
	}
	return verb, rows
}

func known(word []byte) string {
	for _, v := range verbs {
		if string(word) == v {
			return v
		}
	}
	return string(word)
}
