package learn

import "math/bits"

// A key makes hashes that nobody without it can make, or aim at: SipHash-2-4
// (Aumasson and Bernstein, 2012), as every value of an answer is hashed, which
// HMAC would take a hundred microseconds for.
type key struct{ a, b uint64 }

func newKey(random [32]byte) key {
	return key{word(random[:], 0), word(random[:], 8)}
}

// word reads eight bytes, the lowest first.
func word[T string | []byte](s T, i int) uint64 {
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// sum is the hash of s.
func sum[T string | []byte](k key, s T) uint64 {
	h := sip{k.a ^ 0x736f6d6570736575, k.b ^ 0x646f72616e646f6d, k.a ^ 0x6c7967656e657261, k.b ^ 0x7465646279746573}
	i := 0
	for ; i+8 <= len(s); i += 8 {
		h.add(word(s, i))
	}
	last := uint64(len(s)) << 56
	for shift := 0; i < len(s); i, shift = i+1, shift+8 {
		last |= uint64(s[i]) << shift
	}
	h.add(last)
	return h.end()
}

// join is the hash of hashes in their order.
func (k key) join(hashes ...uint64) uint64 {
	h := sip{k.a ^ 0x736f6d6570736575, k.b ^ 0x646f72616e646f6d, k.a ^ 0x6c7967656e657261, k.b ^ 0x7465646279746573}
	for _, s := range hashes {
		h.add(s)
	}
	h.add(uint64(len(hashes)) << 59)
	return h.end()
}

type sip struct{ v0, v1, v2, v3 uint64 }

func (h *sip) add(m uint64) {
	h.v3 ^= m
	h.round()
	h.round()
	h.v0 ^= m
}

func (h *sip) end() uint64 {
	h.v2 ^= 0xff
	for range 4 {
		h.round()
	}
	// Zero is for nobody and nothing.
	return max(h.v0^h.v1^h.v2^h.v3, 1)
}

func (h *sip) round() {
	h.v0 += h.v1
	h.v1 = bits.RotateLeft64(h.v1, 13) ^ h.v0
	h.v0 = bits.RotateLeft64(h.v0, 32)
	h.v2 += h.v3
	h.v3 = bits.RotateLeft64(h.v3, 16) ^ h.v2
	h.v0 += h.v3
	h.v3 = bits.RotateLeft64(h.v3, 21) ^ h.v0
	h.v2 += h.v1
	h.v1 = bits.RotateLeft64(h.v1, 17) ^ h.v2
	h.v2 = bits.RotateLeft64(h.v2, 32)
}
