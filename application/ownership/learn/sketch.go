package learn

import "strings"

// A sketch tells whether two answers are about the same: the smallest hashes of
// their words (Broder's bottom-k), of which like answers share most. Names and
// tokens that differ with who asks make little difference to it.
type sketch [8]uint32

// sketch is that of an answer's body.
func (l *Learner) sketch(x *exchange) (s sketch) {
	seed := uint32(l.key.a) | 1
	for i := range s {
		s[i] = none
	}
	h, length := seed, 0
	for i := 0; i <= len(x.Body); i++ {
		if i < len(x.Body) && wordByte[x.Body[i]] {
			h = (h ^ uint32(x.Body[i])) * 16777619 // FNV-1a
			length++
			continue
		}
		// Long tokens are of one answer alone.
		if length > 0 && length < 24 {
			s.add(mix(h))
		}
		h, length = seed, 0
	}
	return s
}

var wordByte = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
	}
	return t
}()

func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// add keeps the smallest, in order.
func (s *sketch) add(h uint32) {
	last := len(s) - 1
	if h >= s[last] {
		return
	}
	i := last
	for i > 0 && s[i-1] > h {
		i--
	}
	if i > 0 && s[i-1] == h {
		return
	}
	copy(s[i+1:], s[i:last])
	s[i] = h
}

// like reports whether most of what two sketches have is the same.
func (s sketch) like(other sketch) bool {
	i, j, same := 0, 0, 0
	n, m := s.words(), other.words()
	for i < n && j < m {
		switch {
		case s[i] == other[j]:
			same, i, j = same+1, i+1, j+1
		case s[i] < other[j]:
			i++
		default:
			j++
		}
	}
	return same*8 >= max(n, m)*5
}

// words is how many a sketch has: fewer than there is room for, of a short answer.
func (s sketch) words() (n int) {
	for n < len(s) && s[n] != none {
		n++
	}
	return n
}

const none = ^uint32(0)

// lasting reports whether an answer may be kept by caches that many share.
func lasting(cacheControl string) bool {
	low := strings.ToLower(cacheControl)
	return strings.Contains(low, "public") && !strings.Contains(low, "no-store")
}
