package taint

import "strings"

// breaks finds where a value, or a part of it, ends the string that it stands in:
// its quote is the string's, and what stands before both is the same. A quote
// among the first bytes of the value is look's.
func (h *hunt) breaks(v, decoded string) {
	const most = 32 // quotes of one value
	for _, q := range [...]byte{'\'', '$'} {
		k := gramSize - 1
		for range most {
			next := strings.IndexByte(v[k+1:], q)
			if next < 0 || !h.spend(next>>6) {
				break
			}
			k += 1 + next
			for _, before := range [...]string{v[k-2 : k], v[k-1:k] + "\\", v[k-1 : k+1]} {
				if h.breaksAt(v, k, before, decoded); h.done() {
					return
				}
			}
			if k+1 >= len(v) {
				break
			}
		}
	}
}

// breaksAt finds where the quote at v[k] ends a string whose last two bytes are
// as given: they may have an escape for the quote among them.
func (h *hunt) breaksAt(v string, k int, before, decoded string) {
	const (
		cut = 32 // bytes before the quote that are enough where v was cut at its beginning
		few = 8  // bytes before the quote that are compared at once
	)
	x := &h.scratch.index
	var head [gramSize]byte
	copy(head[:], before)
	head[2] = v[k]
	for place := x.places(string(head[:]), 0); place >= 0 && !x.isInside(place); place = x.after(place) {
		at, up := place+len(before), place+len(before)
		if before != v[k-2:k] {
			up-- // the escape is none of v's
		}
		if !h.spend(5) {
			return
		}
		if m := extended(v[:k], h.text.sql[:up], few); m < min(k, few) {
			if _, parted := separatorBefore(v, k-m); !parted && !isDoubled(v[k-m-1]) && !isSpace(v[k-m-1]) {
				continue // neither v nor a part of it is there
			}
		}
		if !h.spend(32) {
			return
		}
		from, ok := h.text.closes(at)
		if !ok {
			continue
		}
		matched := alignBack(v[:k], h.text.sql[from:max(from, up)])
		start := max(from, up) - matched // but for escapes, which change nothing: it is inside
		n, end := align(v[k:], h.text.sql, at, true)
		if !h.spend((matched + n) / 2) {
			return
		}
		full := n == len(v)-k
		separator, parted := separatorBefore(v, k-matched)
		switch {
		case matched == k, matched >= cut && start > from && len(h.text.sql) > maxIndexed:
			h.weigh(max(start, from), end, matched == k && full, decoded)
		case full && parted:
			h.weighPart(max(start, from), end, separator, join(decoded, "part"))
		}
		if h.done() {
			return
		}
	}
}

// separatorBefore gives the separator that stands before v[i], perhaps with white
// space between them.
func separatorBefore(v string, i int) (separator byte, ok bool) {
	for i > 0 && isSpace(v[i-1]) && v[i-1] != '\n' {
		i--
	}
	if i == 0 || strings.IndexByte(separators, v[i-1]) < 0 {
		return 0, false
	}
	return v[i-1], true
}
