package signin

import (
	"hash/fnv"
	"hash/maphash"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// This file learns from what people do after an answer that does not tell: who
// tries another password for the same account was refused; whose last try had
// another answer than those before it, and who then stopped, was let in.

const (
	// maxTried bounds the attempts that are remembered for that.
	maxTried = 4096
	// again is how soon after a refusal people try again; and gone how long after
	// their last try they have stopped.
	again = 2 * time.Minute
	gone  = 10 * time.Minute
)

// recent are the last attempts by account.
type recent struct {
	last  map[uint64]*tried
	order []uint64
}

type tried struct {
	at     time.Time
	secret uint64
	own    int
	shape  *shape
	// before is the shape of the attempt before, where that was refused.
	before *shape
}

// watch notes an attempt, and what it says of the one before it. The caller
// holds mu.
func (m *Model) watch(a Attempt, p *profile, s *shape, own int) {
	if a.Account == "" || len(a.Secrets) == 0 {
		return
	}
	now := m.now()
	m.settle(now)
	key := maphash.String(m.seed, a.Route+"\x00"+a.Account)
	t := &tried{at: now, secret: maphash.String(m.seed, a.Secrets[0].Reveal()), own: own, shape: s}
	if was := m.recent.last[key]; was != nil {
		if was.secret != t.secret && now.Sub(was.at) <= again {
			if abs(was.own) < teaches {
				was.shape.vote(0, 1)
			}
			t.before = was.shape
			if own >= sure && was.own >= sure && was.shape == s {
				s.contradicted++
			}
		}
	} else {
		m.recent.order = append(m.recent.order, key)
	}
	m.recent.last[key] = t
}

// settle drops attempts that nobody followed up, and takes their word. The
// caller holds mu.
func (m *Model) settle(now time.Time) {
	n := 0
	for _, key := range m.recent.order {
		t := m.recent.last[key]
		if t != nil && now.Sub(t.at) <= gone && len(m.recent.order)-n < maxTried {
			break
		}
		n++
		delete(m.recent.last, key)
		if t != nil && t.before != nil && t.before != t.shape && abs(t.own) < teaches && now.Sub(t.at) > gone {
			t.shape.vote(1, 0)
		}
	}
	m.recent.order = slices.Delete(m.recent.order, 0, n)
}

// cookieNames is a hash of the names of the cookies that an answer sets, without
// digits: some have a hash in their name.
func cookieNames(h http.Header) uint64 {
	var sum uint64
	for _, c := range SetCookies(h, time.Time{}) {
		f := fnv.New64a()
		_, _ = f.Write([]byte(strings.Map(noDigit, c.Name))) // never fails
		if c.Deleted {
			_, _ = f.Write([]byte{0})
		}
		sum += f.Sum64() // whatever their order
	}
	return sum
}

func noDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

const (
	// maxShingles bounds the work on one text.
	maxShingles = 2048
	shingle     = 3
)

// similarity is a hash whose bits differ the less the more two texts have in
// common (Charikar's simhash over three words each). Numbers, long tokens and
// the account are left out: they are a person's own.
//
// exact is a hash of the same words that differs with each of them: one sentence
// of a page makes no difference to how similar it is.
func similarity(answer Answer, account string) (sum, exact uint64) {
	text := string(answer.Body[:min(len(answer.Body), MaxBody)])
	if strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "<") {
		text = scan(text).text
	}
	var weights [64]int
	var window [shingle]uint64
	n := 0
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !isDigit(r) && r != '@' && r != '.' }) {
		if n == maxShingles {
			break
		}
		word = strings.Trim(word, ".")
		if word == "" || len(word) > 24 || strings.ContainsAny(word, "0123456789@") || account != "" && strings.Contains(account, word) {
			continue
		}
		f := fnv.New64a()
		_, _ = f.Write([]byte(word)) // never fails
		window[n%shingle] = f.Sum64()
		exact = exact*0x9E3779B97F4A7C15 + f.Sum64()
		n++
		mixed := uint64(0)
		for k := range min(n, shingle) {
			mixed = mixed*0x9E3779B97F4A7C15 + window[(n-1-k)%shingle]
		}
		mixed ^= mixed >> 29
		mixed *= 0xBF58476D1CE4E5B9
		mixed ^= mixed >> 32
		for bit := range weights {
			if mixed>>bit&1 == 1 {
				weights[bit]++
			} else {
				weights[bit]--
			}
		}
	}
	for bit, w := range weights {
		if w > 0 {
			sum |= 1 << bit
		}
	}
	return sum, exact
}
