package sink

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

const (
	// maxExact is up to how many clients are told apart exactly.
	maxExact = 4096
	// precision gives 4096 registers: a standard error of 1.6 percent
	// (Flajolet et al., HyperLogLog, 2007: 1.04/sqrt(registers)).
	precision = 12
	registers = 1 << precision
)

// distinct counts different hashes: exactly up to maxExact, then by
// HyperLogLog. The zero value is empty.
type distinct struct {
	exact map[uint64]struct{}
	// sketch is nil while exact counts.
	sketch *[registers]uint8
}

func (d *distinct) add(hash uint64) {
	if d.sketch != nil {
		sketchAdd(d.sketch, hash)
		return
	}
	if d.exact == nil {
		d.exact = map[uint64]struct{}{}
	}
	d.exact[hash] = struct{}{}
	if len(d.exact) > maxExact {
		d.toSketch()
	}
}

func (d *distinct) toSketch() {
	d.sketch = new([registers]uint8)
	for hash := range d.exact {
		sketchAdd(d.sketch, hash)
	}
	d.exact = nil
}

func sketchAdd(sketch *[registers]uint8, hash uint64) {
	at := hash >> (64 - precision)
	rank := uint8(bits.LeadingZeros64(hash<<precision|1<<(precision-1))) + 1
	sketch[at] = max(sketch[at], rank)
}

// merge adds what other has seen.
func (d *distinct) merge(other *distinct) {
	if other.sketch != nil {
		if d.sketch == nil {
			d.toSketch()
		}
		for i, rank := range other.sketch {
			d.sketch[i] = max(d.sketch[i], rank)
		}
		return
	}
	for hash := range other.exact {
		d.add(hash)
	}
}

// count is how many were seen, and whether that is exact.
func (d *distinct) count() (n uint64, exact bool) {
	if d.sketch == nil {
		return uint64(len(d.exact)), true
	}
	sum, zero := 0.0, 0
	for _, rank := range d.sketch {
		sum += math.Ldexp(1, -int(rank))
		if rank == 0 {
			zero++
		}
	}
	const alpha = 0.7213 / (1 + 1.079/registers)
	estimate := alpha * registers * registers / sum
	if estimate <= 2.5*registers && zero > 0 {
		// Linear counting, for few.
		estimate = registers * math.Log(float64(registers)/float64(zero))
	}
	return max(uint64(math.Round(estimate)), maxExact+1), false
}

const (
	exactForm  = 'e'
	sketchForm = 's'
)

// encode is one byte for the form, then hashes or registers.
func (d *distinct) encode() []byte {
	if d.sketch != nil {
		return append([]byte{sketchForm}, d.sketch[:]...)
	}
	b := append(make([]byte, 0, 1+8*len(d.exact)), exactForm)
	for hash := range d.exact {
		b = binary.BigEndian.AppendUint64(b, hash)
	}
	return b
}

var errDistinct = errors.New("a set of clients that can't be read")

func (d *distinct) decode(b []byte) error {
	*d = distinct{}
	switch {
	case len(b) == 1+registers && b[0] == sketchForm:
		d.sketch = (*[registers]uint8)(append([]uint8(nil), b[1:]...))
	case len(b) > 0 && b[0] == exactForm && len(b)%8 == 1 && len(b) <= 1+8*maxExact:
		for b = b[1:]; len(b) > 0; b = b[8:] {
			d.add(binary.BigEndian.Uint64(b))
		}
	default:
		return errDistinct
	}
	return nil
}
