package ledger

import "time"

// held is what is known of one thing and one principal.
type held struct {
	who   who
	until uint32 // seconds since 1970: it is over when they are reached
	how   How
}

func (h held) live(now uint32) bool { return now < h.until }

func (h held) standing() Standing {
	if h.how == Shared {
		return Lent
	}
	return Own
}

// seconds is when a time is over, never later than it, nor before 1970.
func seconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), 1<<32-1)) }

// stronger are the ways of owning: a list shows a thing, an answer's field says
// whose it is, who created it had it first.
func stronger(a, b How) How {
	rank := func(h How) int {
		switch h {
		case Created:
			return 3
		case Answered:
			return 2
		case Listed:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// join gives what holds once note is added to what this principal has.
//
// A list that shows a thing makes nobody its owner to whom it was lent: it
// would outlive the time that it was lent for. An owner stays one where the
// thing is lent to him. Of two loans the last holds, else of two times the later;
// but one that is later by less than a sixteenth of what is left is not worth a
// write at each list.
func join(has, note held, now uint32) held {
	switch {
	case has.how == Shared && note.how == Shared:
		return note
	case has.how == Shared && note.how == Listed, note.how == Shared:
		return has
	}
	joined := held{who: has.who, how: stronger(has.how, note.how), until: has.until}
	if note.until > has.until && (note.until-has.until) >= (note.until-now)/16 {
		joined.until = note.until
	}
	return joined
}

// crowd counts the others that a thing is known of.
type crowd struct {
	all, owners int
}

func (c *crowd) add(how How) {
	c.all++
	if how != Shared {
		c.owners++
	}
}

// admit says whether one more principal may be noted for a thing. What
// somebody has can't be created by another: that is an identifier the client
// chose, or one that was given again with nobody telling the ledger.
func (c crowd) admit(how How, most int) error {
	switch {
	case how == Created && c.owners > 0:
		return ErrTaken
	case c.all >= most:
		return ErrCrowded
	}
	return nil
}
