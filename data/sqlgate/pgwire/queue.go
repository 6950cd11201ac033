package pgwire

import "github.com/gatehousehq/gatehouse/data/sqlgate"

// An entry is a message of the client's that the database has not answered yet.
type entry struct {
	// kind is the message's type; copyEnd stands for CopyDone and CopyFail.
	kind byte
	// token is in the error that will come where the message was replaced.
	token string
	// state and words are what the client is told in place of that error.
	state, words string
	run          *run
	def          *definition
	// owns counts the statements of the gate's own that are to be answered first,
	// each of the gate's own messages for one. last is set on that which proves.
	owns int
	last bool
	// seen is set once one of those put before a Query has begun to answer.
	seen bool
	// prefix is how long the text is that was put before a Query's.
	prefix int
	// replaced is the portal that comes back if this Bind fails.
	replaced *run
	// at numbers the messages that may change settings.
	at uint64
}

const copyEnd = 'c'

// A run is one execution: of all statements of a Query, or of a portal.
type run struct {
	ruling sqlgate.Ruling
	// judged is set where the judge wants to be told how it ended.
	judged bool
	rows   int64 // that the database says it returned or changed
	passed int64 // that went by
	verb   string
	failed bool
	// columns are what is known of the result; formats how they come.
	columns *columns
	formats formats
	// unseen is set once it was told that nothing is known of its rows.
	unseen bool
	// doubt is set where it may change the encoding.
	doubt bool
	// bound is how many messages that may change settings came before a portal.
	bound uint64
	// segment is how many Syncs came before it was bound; answered is set once the
	// database has bound it.
	segment  uint64
	answered bool
	// own are the messages that are sent before it is executed; proof, what has
	// come of them.
	own    []byte
	owns   int
	proof  proof
	denied bool
	why    string // the SQLSTATE, of the gate's own statement
	// portal is its name, where it has replaced one.
	portal string
	refs   int
}

// A queue is first in, first out. It keeps its array.
type queue struct {
	ring  []entry
	first int
	n     int
}

func (q *queue) push(e entry) {
	if q.n == len(q.ring) {
		bigger := make([]entry, max(16, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = *q.at(i)
		}
		q.ring, q.first = bigger, 0
	}
	*q.at(q.n) = e
	q.n++
}

// at is the entry i places behind the first.
func (q *queue) at(i int) *entry { return &q.ring[(q.first+i)&(len(q.ring)-1)] }

// head is the first entry; nil where there is none. It is valid until the next
// push.
func (q *queue) head() *entry {
	if q.n == 0 {
		return nil
	}
	return q.at(0)
}

func (q *queue) pop() entry {
	e := *q.at(0)
	*q.at(0) = entry{}
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.n--
	return e
}

// unshift puts back what was popped last.
func (q *queue) unshift(e entry) {
	q.first = (q.first - 1) & (len(q.ring) - 1)
	q.n++
	*q.at(0) = e
}
