package pgwire

import "github.com/gatehousehq/gatehouse/data/sqlgate"

// enter puts a message into the queue, as the database will deal with it: it
// reports whether it will skip it. The caller holds mu.
func (s *session) enter(e *entry) (skipped bool) {
	switch e.kind {
	case copyEnd:
		switch {
		case s.copying:
			s.copying = false
		case !s.skipping && s.queue.n > 0:
			s.queue.push(*e)
		}
		return false
	case 'S':
		s.segment++
		if s.copying { // the database passes over it
			s.passedOver++
			return false
		}
		s.skipping = false
	default:
		if s.skipping {
			s.drop(e)
			return true
		}
	}
	switch e.kind {
	case 'Q', 'E', 'F', 'S':
		s.asked++
		e.at = s.asked
	}
	if e.token != "" {
		s.tokens++
	}
	s.owns.Add(int64(e.owns))
	if e.run != nil {
		e.run.refs++
		s.reading.doubt = s.reading.doubt || e.run.doubt
		if e.last {
			e.run.proof = asked
		}
	}
	s.queue.push(*e)
	return false
}

// drop forgets a message that the database skips, or has refused. The caller
// holds mu, and releases the entry's runs.
func (s *session) drop(e *entry) {
	if e.kind == 'P' && e.def != nil {
		s.statements.remove(e.def)
	}
	if e.run != nil {
		e.run.failed = true
		e.run.proof = unproven
	}
	if e.replaced != nil {
		s.portals.restore(e)
	}
}

// take removes the first entry, which was answered. The caller holds mu, and
// releases its run.
func (s *session) take() entry {
	e := s.queue.pop()
	if e.token != "" {
		s.tokens--
	}
	s.owns.Add(-int64(e.owns))
	s.room.Signal()
	return e
}

// answering is the message that is being answered; nil where there is none. The
// caller holds mu.
func (s *session) answering() *entry {
	for s.queue.n > 0 && s.queue.head().kind == copyEnd {
		s.queue.pop()
		s.room.Signal()
	}
	return s.queue.head()
}

// copyIn is told that the database reads what COPY carries. Sync that was sent
// before CopyDone is passed over.
func (s *session) copyIn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.answering(); h == nil || h.kind != 'Q' && h.kind != 'E' {
		return errServer
	}
	defer s.room.Signal()
	kept := s.queue.pop()
	s.copying = true
	for s.copying && s.queue.n > 0 {
		switch kind := s.queue.head().kind; kind {
		case copyEnd:
			s.copying = false
		case 'S':
			s.passedOver++
		default:
			// The database ends the session over such a message.
			s.queue.unshift(kept)
			return nil
		}
		s.queue.pop()
	}
	s.queue.unshift(kept)
	return nil
}

// skipTo drops what the database skips after an error, up to Sync. The caller
// holds mu.
func (s *session) skipTo(dropped []*run) []*run {
	for s.queue.n > 0 && s.queue.head().kind != 'S' {
		e := s.take()
		s.drop(&e)
		if e.run != nil {
			dropped = append(dropped, e.run)
		}
		if e.replaced != nil {
			dropped = append(dropped, e.replaced)
		}
	}
	s.skipping = s.queue.n == 0
	return dropped
}

// newRun is a run of one statement.
func (s *session) newRun(r sqlgate.Ruling, judged bool) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n *run
	if last := len(s.free) - 1; last >= 0 {
		n = s.free[last]
		s.free = s.free[:last]
	} else {
		n = new(run)
	}
	*n = run{ruling: r, judged: judged}
	return n
}

// release lets go of a run, and tells how it ended where nothing else has to do
// with it any more.
func (s *session) release(r *run) {
	if r == nil {
		return
	}
	const spare = 16
	s.mu.Lock()
	r.refs--
	unused := r.refs <= 0
	s.mu.Unlock()
	if !unused {
		return
	}
	s.tell(r, false)
	s.mu.Lock()
	s.ownHeld -= len(r.own)
	r.own = nil
	if len(s.free) < spare {
		s.free = append(s.free, r)
	}
	s.mu.Unlock()
}
