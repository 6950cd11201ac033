package pgwire

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehousehq/gatehouse/data/sqlgate"
	"github.com/gatehousehq/gatehouse/exchange"
)

// keptRows keeps what it is told.
type keptRows struct {
	mu  sync.Mutex
	all []string
}

func (k *keptRows) Watching() bool { return true }

func (k *keptRows) Row(_ exchange.Attribution, columns []sqlgate.Column, values [][]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := fmt.Sprintf("%d:", len(columns))
	for i, v := range values {
		text := string(v)
		if v == nil {
			text = "NULL"
		}
		s += fmt.Sprintf(" %s hidden=%v", text, columns[i].Hidden)
	}
	k.all = append(k.all, s)
}

func (k *keptRows) wait(t *testing.T, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		k.mu.Lock()
		if len(k.all) >= n {
			defer k.mu.Unlock()
			return k.all
		}
		k.mu.Unlock()
	}
	t.Fatalf("only %d rows were told of", len(k.all))
	return nil
}

func describe(columns ...[2]int) string {
	b := binary.BigEndian.AppendUint16([]byte{'T'}, uint16(len(columns)))
	for _, c := range columns { // the table and the type
		b = append(b, 'c', 0)
		b = binary.BigEndian.AppendUint32(b, uint32(c[0]))
		b = append(b, 0, 1)
		b = binary.BigEndian.AppendUint32(b, uint32(c[1]))
		b = append(b, 0, 4, 0, 0, 0, 0, 0, 0)
	}
	return string(b)
}

// Whoever wants to know whose rows were read must be told of all of which that
// cannot be said.
func TestRows_OfWhichLittleIsKnown_AreToldOfAllTheSame(t *testing.T) {
	kept := new(keptRows)
	p := play(t, func(o *Options) { o.Rows = kept })
	sends(t, p.client, "Qselect\x00", "E\x00\x00\x00\x00\x00", "S", "Qcopy\x00")
	for range 4 {
		gets(t, p.server)
	}
	sends(t, p.server,
		describe([2]int{1234, typeText}, [2]int{0, typeInt8}, [2]int{0, typeText}, [2]int{0, typeJSON}, [2]int{1234, 600}),
		"D\x00\x05\x00\x00\x00\x03ann\x00\x00\x00\x017\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", "CSELECT 1\x00", "ZI",
		"D\x00\x01\x00\x00\x00\x01x", "D\x00\x01\x00\x00\x00\x01x", "CSELECT 2\x00", "ZI",
		"H\x00\x00\x00", "dx\n", "dy\n", "c", "CCOPY 2\x00", "ZI")
	got := kept.wait(t, 3)
	want := []string{"5: ann hidden=true 7 hidden=false  hidden=true NULL hidden=true NULL hidden=true", "0:", "0:"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
