package pgwire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"time"
)

const (
	// maxError is how much of an error is looked at for what a refused statement
	// was replaced by.
	maxError = 8 << 10
	// maxTag is COMPLETION_TAG_BUFSIZE.
	maxTag = 64
	// maxStatus is how much of a ParameterStatus is looked at: names and values
	// that matter here are short.
	maxStatus = 128
)

var (
	errServer = errors.New("the database sent what does not belong there")
	errCut    = errors.New("more rows than are given")
)

// downward is the direction from the database to the client.
type downward struct {
	*stream
	*session
	// current is the run whose rows come.
	current *run
	noting  bool
	// fatal is set where the last error ended the session.
	fatal bool
	noter noter
	tell1 []*run // scratch
}

func (s *session) descend() {
	defer s.survive()
	d := &downward{stream: newStream(s.server, s.client), session: s}
	last := d.run()
	if last != nil && d.skip == 0 {
		_ = s.client.SetWriteDeadline(time.Now().Add(lastWords)) // it fails below then
		_, _ = s.client.Write(last)                              // the session is over either way
	}
}

// run carries messages until the session is over, and gives what the client is
// told then.
func (d *downward) run() (last []byte) {
	for {
		for d.passRest() {
			kind, length, ok, err := d.head()
			if ok {
				ok, err = d.message(kind, length)
			}
			if err != nil {
				return d.broken(err, kind)
			}
			if !ok {
				break
			}
		}
		if d.parting.Load() && d.quiet() {
			_ = d.flush() // it fails for the last words too
			return d.last
		}
		err := d.fill()
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if last, ends := d.over(); ends {
				return last
			}
		default:
			return d.lost(err)
		}
	}
}

// quiet reports whether nothing is to be answered any more.
func (d *downward) quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = d.ended || d.answering() == nil
	return d.ended
}

// broken ends the session over what the database sent.
func (d *downward) broken(err error, kind byte) []byte {
	_ = d.flush() // what came before is in order
	if errors.Is(err, errCut) {
		return faultf(stateRefused, "more rows than the gate gives: the session has ended").fatal()
	}
	if errors.Is(err, errServer) || errors.Is(err, errMalformed) {
		d.g.log.Error("the database broke the protocol: the session has ended", "gate", d.g.o.Name, "message", strconv.QuoteRune(rune(kind)), "error", err)
		return faultf(stateProtocol, "the database broke the protocol").fatal()
	}
	return nil
}

// lost is told that the database is gone.
func (d *downward) lost(err error) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return d.last
	}
	d.ended = true
	d.room.Broadcast()
	if d.leaving || d.fatal || d.partial() {
		return nil
	}
	if count, tell := d.g.drops.began(d.g.now()); tell {
		d.g.log.Warn("the database ended sessions", "gate", d.g.o.Name, "sessions", count, "error", plainEOF(err))
	}
	return faultf(stateLost, "the database has ended the session").fatal()
}

// partial reports whether part of a message is left, so that nothing can be said.
func (d *downward) partial() bool { return d.end != d.pos || d.skip > 0 }

func plainEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it closed the connection")
	}
	return err
}

// message looks at one message; false where more of it must be read first.
func (d *downward) message(kind byte, length int) (bool, error) {
	if d.owns.Load() > 0 {
		if its, ok, err := d.own(kind, length); its {
			return ok, err
		}
	}
	switch kind {
	case 'D', 'd':
		return d.row(kind, length)
	case 'C':
		return d.complete(length)
	case 'Z':
		return d.ready(length)
	case '1', '2', '3', 'I', 'n', 's', 'V', 't', 'T':
		return d.answer(kind, length)
	case 'E':
		return d.failure(length)
	case 'S':
		return d.parameter(length)
	case 'G':
		if err := d.copyIn(); err != nil {
			return false, err
		}
	case 'N':
		return d.notice(length)
	case 'A', 'H', 'c':
	default: // what begins a session, replication, what is no message at all
		return false, errServer
	}
	d.pass(length)
	return true, nil
}

// row counts rows, and has them noted.
func (d *downward) row(kind byte, length int) (bool, error) {
	r := d.current
	if r == nil {
		if r = d.find(); r == nil {
			return false, errServer
		}
	}
	if d.noting && kind == 'D' && r.columns != nil {
		body, ok := d.body(min(length, maxNoted))
		if !ok {
			return false, nil
		}
		d.noter.note(d.session, r, body)
	} else if d.noting && !r.unseen {
		r.unseen = true
		d.noter.unseen(d.session, r)
	}
	if r.passed++; r.passed > r.ruling.MaxRows && r.ruling.MaxRows > 0 {
		r.rows = r.passed - 1
		d.tell(r, true)
		d.mu.Lock()
		d.ended = true
		d.room.Broadcast()
		d.mu.Unlock()
		return false, errCut
	}
	d.pass(length)
	return true, nil
}

// find gives the run that is under way; nil where none is.
func (d *downward) find() *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.answering()
	if h == nil || h.kind != 'Q' && h.kind != 'E' {
		return nil
	}
	if h.run == nil { // a portal of which nothing is known
		h.run = &run{ruling: passed(), refs: 1}
	}
	d.current, d.noting = h.run, d.g.watching()
	return h.run
}

// complete is CommandComplete.
func (d *downward) complete(length int) (bool, error) {
	body, ok := d.body(min(length, maxTag))
	if !ok {
		return false, nil
	}
	tag, _, ok := cutString(body)
	r := d.find()
	if !ok || r == nil {
		return false, errServer
	}
	verb, rows := parseTag(tag)
	r.rows += rows
	if r.verb == "" || framing[r.verb] {
		r.verb = verb
	}
	if (verb == "DISCARD" || verb == "DEALLOCATE") && bytes.HasSuffix(tag, []byte(" ALL")) {
		d.mu.Lock()
		d.statements.clear()
		d.mu.Unlock()
	}
	d.finish(true)
	d.pass(length)
	return true, nil
}

// finish removes an Execute that was answered; a Query ends with ReadyForQuery.
func (d *downward) finish(told bool) {
	d.mu.Lock()
	h := d.answering()
	if h.kind != 'E' {
		d.mu.Unlock()
		return
	}
	e := d.take()
	d.mu.Unlock()
	d.current = nil
	if told && e.run != nil {
		d.tell(e.run, false)
	}
	d.release(e.run)
}

// answers are which message of the client's each of the database's belongs to.
var answers = [256]string{'1': "P", '2': "B", '3': "C", 'n': "D", 't': "D", 'T': "DQ", 'V': "F", 'I': "QE", 's': "E"}

// answer deals with what answers one message.
func (d *downward) answer(kind byte, length int) (bool, error) {
	d.mu.Lock()
	h := d.answering()
	if h == nil || bytes.IndexByte([]byte(answers[kind]), h.kind) < 0 {
		d.mu.Unlock()
		return false, errServer
	}
	def, r, of := h.def, h.run, h.kind
	d.mu.Unlock()
	switch kind {
	case 'I', 's':
		d.finish(kind == 'I')
	case 't', 'T':
		if ok := d.described(kind, length, def, r); !ok {
			return false, nil
		}
		if kind == 'T' && of == 'D' {
			d.drop1()
		}
	case '1', '2', '3', 'n':
		d.drop1()
	}
	d.pass(length)
	return true, nil
}

// drop1 removes the first entry, which was answered.
func (d *downward) drop1() {
	d.mu.Lock()
	e := d.take()
	if e.kind == 'B' && e.run != nil {
		e.run.answered = true
	}
	switch {
	case e.def == nil:
	case e.kind == 'P':
		d.statements.confirm(e.def)
	case e.kind == 'C':
		d.statements.cut(e.def, true)
	}
	d.mu.Unlock()
	d.release(e.run)
	d.release(e.replaced)
}

// failure is ErrorResponse.
func (d *downward) failure(length int) (bool, error) {
	body, ok := d.body(d.errorLength(length))
	if !ok {
		return false, nil
	}
	d.fatal = isFatal(body)
	d.mu.Lock()
	var instead []byte
	if state, words, replaced := d.refusedWords(body); replaced {
		instead = appendError(nil, severityError, state, words)
	} else {
		instead = d.ownFailure(body)
	}
	d.tell1 = d.tell1[:0]
	switch h := d.answering(); {
	case h == nil: // it ends the session, or is of nothing that was sent
	case h.kind == 'Q' || h.kind == 'F' || h.kind == 'S':
		d.copying = false
		if h.run != nil {
			h.run.failed = true
		}
	default:
		d.copying = false
		d.tell1 = d.skipTo(d.tell1)
	}
	d.mu.Unlock()
	d.current = nil
	d.releaseAll(true)
	if instead != nil {
		return true, d.replace(length, instead)
	}
	d.pass(length)
	return true, nil
}

// refusedWords finds the refused statement that an error is about. Statements
// before it were answered. The caller holds mu.
func (d *downward) refusedWords(body []byte) (state, words string, ok bool) {
	if d.tokens == 0 || !bytes.Contains(body, []byte(tokenPrefix)) {
		return "", "", false
	}
	for i := range d.queue.n {
		if e := d.queue.at(i); e.token != "" && bytes.Contains(body, []byte(e.token)) {
			return e.state, e.words, true
		}
	}
	return "", "", false
}

func isFatal(body []byte) bool {
	severity := field(body, 'V')
	return severity == severityFatal || severity == "PANIC"
}

func (d *downward) releaseAll(told bool) {
	for _, r := range d.tell1 {
		if told {
			d.tell(r, false)
		}
		d.release(r)
	}
	clear(d.tell1)
}

// ready is ReadyForQuery.
func (d *downward) ready(length int) (bool, error) {
	body, ok := d.body(min(length, 1))
	if !ok {
		return false, nil
	}
	if length != 1 {
		return false, errServer
	}
	d.mu.Lock()
	e, ok := d.readyFor()
	if !ok {
		d.mu.Unlock()
		return false, errServer
	}
	d.tx, d.copying = body[0], false
	d.settled = max(d.settled, e.at)
	d.reading.doubt = d.reading.doubt && d.settled != d.asked
	d.tell1 = d.tell1[:0]
	if d.tx == 'I' {
		d.tell1 = d.portals.closed(e.at, d.tell1)
	}
	idle := d.idle()
	if d.leaving && d.queue.n == 0 {
		_ = d.server.SetReadDeadline(time.Now().Add(lastAnswer)) // else it ends by the client
	}
	d.mu.Unlock()
	d.current = nil
	if e.run != nil {
		d.tell(e.run, false)
		d.release(e.run)
	}
	d.releaseAll(false)
	d.pass(length)
	if idle && d.g.draining.Load() {
		d.drain()
	}
	return true, nil
}

// readyFor removes the message that ReadyForQuery ends. The caller holds mu.
func (d *downward) readyFor() (entry, bool) {
	switch h := d.answering(); {
	case h != nil && (h.kind == 'Q' || h.kind == 'F' || h.kind == 'S'):
		return d.take(), true
	case h == nil && d.passedOver > 0: // COPY failed before it read that Sync
		d.passedOver--
		d.skipping = false
		return entry{at: d.settled}, true
	}
	return entry{}, false
}

// parameter is ParameterStatus.
func (d *downward) parameter(length int) (bool, error) {
	body, ok := d.body(min(length, maxStatus))
	if !ok {
		return false, nil
	}
	name, rest, ok := cutString(body)
	if value, _, ok2 := cutString(rest); ok && ok2 {
		d.mu.Lock()
		d.reading.note(string(name), string(value))
		d.mu.Unlock()
	}
	d.pass(length)
	return true, nil
}
