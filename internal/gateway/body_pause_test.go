package gateway

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// pieces is a body that comes in pieces, each after a wait.
type pieces struct {
	all  [][]byte
	wait []time.Duration
	end  error
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.all) == 0 {
		return 0, p.end
	}
	if p.n < len(p.wait) {
		time.Sleep(p.wait[p.n])
	}
	p.n++
	n := copy(b, p.all[0])
	if p.all[0] = p.all[0][n:]; len(p.all[0]) == 0 {
		p.all = p.all[1:]
	}
	return n, nil
}

// random is a text of which no two places are alike.
func random(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func TestPausingReader_BodyInPieces_ComesAsItWas(t *testing.T) {
	var pool piecePool
	broken := errors.New("broken")
	for _, size := range []int{0, 1, 4096, pieceSize, pieceSize + 1, heldAnswer - 1, heldAnswer, heldAnswer + 1, 5*pieceSize + 7, 300_000} {
		for _, step := range []int{700, 4096, pieceSize, 100_000} {
			for _, end := range []error{io.EOF, broken} {
				text := random(size)
				source := &pieces{end: end}
				for rest := text; len(rest) > 0; rest = rest[min(step, len(rest)):] {
					source.all = append(source.all, rest[:min(step, len(rest))])
				}
				p := newPausingReader(source, &pool)
				held, err := p.beginning()
				if want := min(size, heldAnswer); len(held) != want {
					t.Fatalf("%d bytes by %d: the beginning has %d, want %d", size, step, len(held), want)
				}
				if size < heldAnswer && err != end || size > heldAnswer && err != nil {
					t.Fatalf("%d bytes by %d: the beginning ends with %v", size, step, err)
				}
				for b := make([]byte, 3000); err == nil; {
					var n int
					n, err = p.Read(b)
					held = append(held, b[:n]...)
				}
				p.wait()
				if !bytes.Equal(held, text) || err != end {
					t.Errorf("%d bytes by %d: %d came, with %v, want %v", size, step, len(held), err, end)
				}
			}
		}
	}
}

func TestPausingReader_Pause_GivesWhatIsThereAndReadsOn(t *testing.T) {
	t.Parallel()
	var pool piecePool
	text := random(3 * pieceSize)
	source := &pieces{
		all:  [][]byte{text[:pieceSize+100], text[pieceSize+100 : 2*pieceSize], text[2*pieceSize:]},
		wait: []time.Duration{0, 0, 2 * pause, 0, 2 * pause}, end: io.EOF, // the first piece takes two reads
	}
	p := newPausingReader(source, &pool)
	held, err := p.beginning()
	if err != errPaused || len(held) != pieceSize+100 {
		t.Fatalf("the beginning: %d bytes, %v", len(held), err)
	}
	// Others' answers take the buffers meanwhile.
	for range 8 {
		other := newPausingReader(bytes.NewReader(make([]byte, 50_000)), &pool)
		if _, err := other.beginning(); err != io.EOF {
			t.Fatal(err)
		}
		other.wait()
	}
	rest, err := io.ReadAll(patient{p})
	if err != nil || !bytes.Equal(append(held, rest...), text) {
		t.Errorf("%d bytes and %d, %v", len(held), len(rest), err)
	}
	p.wait()
}

func TestPausingReader_NothingComes_PausesAndCanBeEnded(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	p := newPausingReader(r, &piecePool{})
	if held, err := p.beginning(); err != errPaused || len(held) > 0 {
		t.Errorf("%d bytes, %v", len(held), err)
	}
	_ = r.Close()
	p.wait()
	_ = w.Close()
}
