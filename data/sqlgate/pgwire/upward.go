package pgwire

import (
	"encoding/binary"
	"errors"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
)

// maxName bounds names of statements and portals, of which the database tells
// 63 bytes apart.
const maxName = 1024

// errLeft is that the client sent Terminate.
var errLeft = errors.New("the client has ended the session")

// upward is the direction from the client to the database.
type upward struct {
	*stream
	*session
	text   []byte // what is sent in place of a message
	values []string
}

func (u *upward) run() error {
	for {
		for u.passRest() {
			kind, length, ok, err := u.head()
			if err != nil {
				return faultf(stateProtocol, "invalid message length")
			}
			if ok {
				ok, err = u.message(kind, length)
			}
			if err != nil {
				_ = u.flush() // what came before is in order
				return err
			}
			if !ok {
				break
			}
		}
		if err := u.fill(); err != nil {
			return err
		}
	}
}

// message looks at one message; false where more of it must be read first.
func (u *upward) message(kind byte, length int) (bool, error) {
	switch kind {
	case 'Q':
		return u.query(length)
	case 'P':
		return u.parse(length)
	case 'B':
		return u.bind(length)
	case 'E':
		return u.execute(length)
	case 'D', 'C':
		return u.named(kind, length)
	case 'F':
		return u.functionCall(length)
	case 'S':
		return true, u.send(entry{kind: 'S'}, length)
	case 'c', 'f':
		return true, u.send(entry{kind: copyEnd}, length)
	case 'd', 'H':
		u.pass(length)
		return true, nil
	case 'X':
		u.mu.Lock()
		u.leaving = true // before the database knows, and closes
		u.mu.Unlock()
		u.pass(length)
		if err := u.flush(); err != nil {
			return false, err
		}
		return false, errLeft
	}
	return false, faultf(stateProtocol, "invalid frontend message type %d", kind)
}

// send lets a message go on, and expects its answer.
func (u *upward) send(e entry, length int) error {
	if err := u.expect(e); err != nil {
		return err
	}
	u.pass(length)
	return nil
}

// substitute sends text in place of a message.
func (u *upward) substitute(e entry, length int, text []byte) error {
	if err := u.expect(e); err != nil {
		return err
	}
	return u.replace(length, text)
}

// expect enters a message that will be answered, before it is sent.
func (u *upward) expect(e entry) error {
	skipped, err := u.queueUp(&e)
	if skipped {
		if e.kind == 'Q' {
			u.release(e.run)
		}
		u.release(e.replaced)
	}
	return err
}

func (u *upward) queueUp(e *entry) (skipped bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.queue.n >= maxPending && !u.ended {
		u.mu.Unlock()
		err := u.ask()
		u.mu.Lock()
		if err != nil {
			return false, err
		}
		if u.queue.n >= maxPending && !u.ended {
			u.room.Wait()
		}
	}
	if u.ended {
		return false, errEnded
	}
	return u.enter(e), nil
}

// ask sends on what waits, and has the database send what it holds back.
func (u *upward) ask() error {
	if err := u.flush(); err != nil {
		return err
	}
	_, err := u.to.Write([]byte{'H', 0, 0, 0, 4}) // Flush
	return err
}

// malformed replaces a message that cannot be read by one that fails in its
// place: what the database would make of it need not be guessed.
func (u *upward) malformed(kind byte, length int, ends bool) error {
	words := "invalid message format"
	if !ends {
		words = "invalid string in message"
	}
	e := u.refusedEntry(kind, words)
	e.state = stateProtocol
	switch kind {
	case 'Q', 'F':
		u.text = appendQuery(u.text[:0], e.token)
	default:
		u.text = appendBind(u.text[:0], e.token)
	}
	return u.substitute(e, length, u.text)
}

func (u *upward) query(length int) (bool, error) {
	if length > u.g.o.MaxStatement {
		return u.tooLong(entry{kind: 'Q'}, length, nil)
	}
	body, ok := u.body(length)
	if !ok {
		return false, nil
	}
	text, rest, ok := cutString(body)
	if !ok || len(rest) > 0 {
		return true, u.malformed('Q', length, ok)
	}
	d := u.decide(text, false)
	if d.refused {
		e := u.refusedEntry('Q', d.words)
		u.text = appendQuery(u.text[:0], e.token)
		return true, u.substitute(e, length, u.text)
	}
	if d.ruling.Again {
		u.remember(text, d)
	}
	r := u.newRun(d.ruling, d.judged)
	r.doubt = d.doubt
	u.limitRows(d.ruling)
	if len(d.ruling.Before) > 0 {
		return true, u.queryAfter(r, length, text)
	}
	return true, u.send(entry{kind: 'Q', run: r}, length)
}

func appendQuery(b []byte, sql string) []byte {
	b, at := begin(b, 'Q')
	return finish(appendString(b, sql), at)
}

// appendParse prepares sql under the name of the message that it stands for.
func appendParse(b []byte, name []byte, sql string) []byte {
	b, at := begin(b, 'P')
	b = append(append(b, name...), 0)
	return finish(append(appendString(b, sql), 0, 0), at)
}

// appendBind binds to a statement that there is not.
func appendBind(b []byte, statement string) []byte {
	b, at := begin(b, 'B')
	b = appendString(append(b, 0), statement)
	return finish(append(b, 0, 0, 0, 0, 0, 0), at)
}

// tooLong deals with a statement that is longer than what is held: nothing of
// it is read, or where the rung observes, it passes so. The name is a Parse's.
func (u *upward) tooLong(e entry, length int, name []byte) (bool, error) {
	if !u.g.refused(u.ctx, u.a.Account, u.addr, sqlgate.RuleTooLong, "a statement is longer than what is held to be judged") {
		if e.kind == 'P' {
			e.def = u.define(name, &definition{})
		} else {
			e.run = u.newRun(passed(), false)
		}
		return true, u.send(e, length)
	}
	u.g.stats.refused.Add(1)
	e = u.refusedEntry(e.kind, tooLongWords)
	switch e.kind {
	case 'P':
		u.text = appendParse(u.text[:0], name, e.token)
	case 'B', 'E':
		u.text = appendBind(u.text[:0], e.token)
	default:
		u.text = appendQuery(u.text[:0], e.token)
	}
	return true, u.substitute(e, length, u.text)
}

func (u *upward) parse(length int) (bool, error) {
	if length > u.g.o.MaxStatement {
		head, ok := u.body(min(length, maxName+1))
		if !ok {
			return false, nil
		}
		name, _, ok := cutString(head)
		if !ok {
			return true, u.malformed('P', length, false)
		}
		return u.tooLong(entry{kind: 'P'}, length, name)
	}
	body, ok := u.body(length)
	if !ok {
		return false, nil
	}
	name, rest, ok := cutString(body)
	text, rest, ok2 := cutString(rest)
	if !ok || !ok2 || len(name) > maxName || len(rest) < 2 || len(rest) != 2+4*int(binary.BigEndian.Uint16(rest)) {
		return true, u.malformed('P', length, ok && ok2)
	}
	d := u.decide(text, true)
	d.ruling.Again = d.ruling.Again || len(d.ruling.Before) > 0
	if !d.refused && d.ruling.Again && !u.keeps(text) {
		return u.tooLong(entry{kind: 'P'}, length, name)
	}
	if d.refused {
		e := u.refusedEntry('P', d.words)
		u.text = appendParse(u.text[:0], name, e.token)
		return true, u.substitute(e, length, u.text)
	}
	if len(name) > 0 { // it may be run long after
		d.ruling.By = d.ruling.By.Lasting()
	}
	def := &definition{ruling: d.ruling, judged: d.judged, backslash: d.backslash, unclear: d.unclear, doubt: d.doubt, types: oids(rest[2:])}
	if d.ruling.Again {
		def.sql = string(text)
		u.remember(text, d)
	}
	return true, u.send(entry{kind: 'P', def: u.define(name, def)}, length)
}

func oids(b []byte) []uint32 {
	if len(b) == 0 {
		return nil
	}
	types := make([]uint32, len(b)/4)
	for i := range types {
		types[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return types
}

func (u *upward) execute(length int) (bool, error) {
	name, read, ok := u.name(0, length)
	switch {
	case !read:
		return false, nil
	case !ok:
		return true, u.malformed('E', length, false)
	}
	r, lost, err := u.meantPortal(name)
	switch {
	case err != nil:
		return false, err
	case lost:
		return u.tooLong(entry{kind: 'E'}, length, nil)
	}
	if r != nil {
		if err := u.prove(r); err != nil {
			return false, err
		}
	}
	return true, u.send(entry{kind: 'E', run: r}, length)
}

// name reads the name that stands skip bytes into the body, once that much was
// read. ok is set where it ends.
func (u *upward) name(skip, length int) (name []byte, read, ok bool) {
	head, read := u.body(min(length, skip+maxName+1))
	if !read || len(head) < skip {
		return nil, read, false
	}
	name, _, ok = cutString(head[skip:])
	return name, true, ok
}

// named is Describe and Close, of a statement or a portal.
func (u *upward) named(kind byte, length int) (bool, error) {
	name, read, ok := u.name(1, length)
	switch {
	case !read:
		return false, nil
	case !ok:
		return true, u.malformed(kind, length, false)
	}
	e := entry{kind: kind}
	switch what, _ := u.body(1); {
	case what[0] == 'S':
		e.def = u.latest(name)
	case kind == 'D':
		e.run = u.portal(name)
	default:
		u.closePortal(name)
	}
	return true, u.send(e, length)
}

// large are the functions of large objects that work inside the database alone
// (pg_proc.dat). Those that read or write files of its machine are not.
var large = map[uint32]bool{
	952: true, 953: true, 954: true, 955: true, // lo_open, lo_close, loread, lowrite
	956: true, 3170: true, 958: true, 3171: true, // lo_lseek, lo_lseek64, lo_tell, lo_tell64
	957: true, 715: true, 964: true, // lo_creat, lo_create, lo_unlink
	1004: true, 3172: true, // lo_truncate, lo_truncate64
}

func (u *upward) functionCall(length int) (bool, error) {
	oid, ok := u.body(min(length, 4))
	switch {
	case length < 4:
		return true, u.malformed('F', length, true)
	case !ok:
		return false, nil
	}
	if !large[binary.BigEndian.Uint32(oid)] &&
		u.g.refused(u.ctx, u.a.Account, u.addr, sqlgate.RuleFunctionCall, "a function was called by its number") {
		u.g.stats.refused.Add(1)
		e := u.refusedEntry('F', "function call refused by the gate: only those of large objects pass")
		u.text = appendQuery(u.text[:0], e.token) // it is answered in the same way
		return true, u.substitute(e, length, u.text)
	}
	return true, u.send(entry{kind: 'F'}, length)
}
