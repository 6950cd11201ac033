package pgwire

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// This file keeps what statements of the gate's own are answered from the client.

// maxShifted bounds an error, or a notice, of which all is read: it tells of a
// place in a text that had another before it.
const maxShifted = 1 << 20

// own deals with what answers a statement of the gate's own. its is false where
// the message is the client's, or is dealt with as its.
func (d *downward) own(kind byte, length int) (its, ok bool, err error) {
	d.mu.Lock()
	h := d.answering()
	if h == nil || h.owns == 0 || strings.IndexByte("ESAZ", kind) >= 0 {
		d.mu.Unlock()
		return false, false, nil
	}
	if h.kind == 'Q' {
		return d.ownOfQuery(h, kind, length)
	}
	var done bool
	switch {
	case kind == 'N':
	case h.kind == 'E' && kind == 'D':
	case h.kind == 'E' && kind == 'C', h.kind == 'P' && kind == '1', h.kind == 'B' && kind == '2', h.kind == 'C' && kind == '3':
		done = true
	default:
		d.mu.Unlock()
		return true, false, errServer
	}
	var r *run
	if done {
		e := d.take()
		if r = e.run; e.last {
			r.proof = proven
		}
	}
	d.mu.Unlock()
	d.release(r)
	return true, true, d.replace(length, nil)
}

// ownOfQuery is own where the statements are in one text with the client's. The
// caller holds mu, which is let go.
func (d *downward) ownOfQuery(h *entry, kind byte, length int) (its, ok bool, err error) {
	defer d.mu.Unlock()
	switch kind {
	case 'N': // what is said before they begin is of the whole text
		if !h.seen {
			return false, false, nil
		}
	case 'T', 'D':
	case 'C':
		h.owns--
		d.owns.Add(-1)
	default:
		return true, false, errServer
	}
	h.seen = true
	return true, true, d.replace(length, nil)
}

// notice is NoticeResponse.
func (d *downward) notice(length int) (bool, error) {
	prefix := d.prefix()
	if prefix == 0 || length > maxShifted {
		d.pass(length)
		return true, nil
	}
	body, ok := d.body(length)
	if !ok {
		return false, nil
	}
	if shifted := shift(body, prefix); shifted != nil {
		return true, d.replace(length, appendMessage(nil, 'N', shifted))
	}
	d.pass(length)
	return true, nil
}

// prefix is the length of what stands before the client's text.
func (d *downward) prefix() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.answering(); h != nil {
		return h.prefix
	}
	return 0
}

// errorLength is how much of an error is looked at.
func (d *downward) errorLength(length int) int {
	if d.prefix() > 0 {
		return min(length, maxShifted)
	}
	return min(length, maxError)
}

// shift gives the body of an error or a notice with the place that the client's
// text has it; nil where it tells of none in it.
func shift(body []byte, prefix int) []byte {
	at := position(body)
	if at <= prefix {
		return nil
	}
	mark := []byte("\x00P" + strconv.Itoa(at) + "\x00")
	i := bytes.Index(body, mark)
	if i < 0 {
		return nil
	}
	return slices.Concat(body[:i+2], []byte(strconv.Itoa(at-prefix)), body[i+len(mark)-1:])
}

// position is where an error stands in the text, from 1; 0 where it does not say.
func position(body []byte) int {
	at, err := strconv.Atoi(field(body, 'P'))
	if err != nil {
		return 0
	}
	return at
}

// ownFailure gives what the client is told of an error in place of it, where
// there is something of the gate's own in it; nil where there is not. The caller
// holds mu.
func (d *downward) ownFailure(body []byte) []byte {
	h := d.answering()
	switch {
	case h == nil || d.fatal:
		return nil
	case h.prefix > 0 && position(body) > h.prefix: // the client's own, which did not begin
		h.owns, h.run.failed = d.forgetOwns(h), true
		return appendMessage(nil, 'E', shift(body, h.prefix))
	case h.owns == 0:
		return nil
	}
	h.owns = d.forgetOwns(h)
	state := field(body, 'C')
	denies := strings.Contains(field(body, 'M'), sqlgate.Denies)
	if !denies && ordinary(state) {
		return appendMessage(nil, 'E', bareError(body))
	}
	d.g.stats.refused.Add(1)
	h.run.denied, h.run.judged = true, true // also where it was told that a run before was skipped
	if !denies {
		h.run.why = state
		d.g.log.Error("a statement of the gate's own failed: the client's is refused", "gate", d.g.o.Name, "state", oneLine(state))
	}
	return appendError(nil, severityError, stateRefused, refusedWords(h.run.ruling))
}

// bareError leaves of an error what does not tell of the statement that met it.
func bareError(body []byte) (b []byte) {
	for _, code := range []byte("SVCMFLR") {
		if text := field(body, code); text != "" {
			b = appendString(append(b, code), text)
		}
	}
	return append(b, 0)
}

// forgetOwns is told that nothing more of the gate's own will be answered. The
// caller holds mu.
func (d *downward) forgetOwns(h *entry) int {
	d.owns.Add(-int64(h.owns))
	return 0
}

// ordinary are errors that a client's statement itself would have met, such as
// one that waits: by their class, or as a whole (PostgreSQL, Appendix A).
func ordinary(state string) bool {
	if state == "55P03" { // lock_not_available
		return true
	}
	switch state[:min(len(state), 2)] {
	case "08", "22", "25", "40", "53", "57":
		return true
	}
	return false
}
