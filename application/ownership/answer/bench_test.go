package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// An order as shops answer it.
const benchOrder = `{"id":%d,"user_id":%d,"number":"SO-2026-%06d","status":"shipped","currency":"EUR","express":true,"total":201.22,"shipping":{"city":"Paris","country":"DE","name":"Alice Martin","street":"59 Garden Street","zip":"30188","note":"the bell does not work, so please knock at the door on the left"},"items":[{"sku":"SKU-3ed914","name":"winter shoes travel","quantity":1,"price":84.7,"tags":["a","b"]},{"sku":"SKU-63a5cf","name":"jacket desk cotton","quantity":2,"price":36.54,"tags":[]}],"createdAt":"2026-03-01T12:00:00Z","coupon":null}`

// benchList is about 10 KB of orders, each nth of which is another's.
func benchList(nth int) []byte {
	var b strings.Builder
	b.WriteString(`{"total":1017,"orders":[`)
	for i := 0; b.Len() < 9700; i++ {
		owner := 7
		if nth > 0 && i%nth == 0 {
			owner = 1000 + i
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, benchOrder, i, owner, i)
	}
	return []byte(b.String() + `],"page":1}`)
}

func benchObject() []byte {
	list := string(benchList(0))
	return []byte(`{"data":{"orders":` + list + `,"owner":{"id":7,"name":"Alice"},"note":"x"}}`)
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name string
		o    Options
		body []byte
	}{
		{"object", Options{Owner: []string{"data.owner.id"}}, benchObject()},
		{"indented", Options{Owner: []string{"data.owner.id"}}, indented(b, benchObject())},
		{"elements", Options{Owner: []string{"orders[].user_id"}}, benchList(0)},
		{"prose", Options{Owner: []string{"u"}}, []byte(`{"text":"` + strings.Repeat("Sehr geehrte Damen und Herren, in \\\"Paris\\\" ", 230) + `","u":7}`)},
		{"numbers", Options{Owner: []string{"u"}}, []byte(`{"points":[0` + strings.Repeat(",[-12.5,31.25e2]", 640) + `],"u":7}`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := plan(b, c.o)
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if o, err := p.Read(c.body); err != nil || !o.Complete {
					b.Fatal(o, err)
				}
			}
		})
	}
}

func BenchmarkCut(b *testing.B) {
	p := plan(b, Options{Owner: []string{"user_id"}, Items: "orders[]", Counts: []string{"total"}})
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"none", benchList(0)},
		{"third", benchList(3)},
		{"all", benchList(1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			own := func(o Owners) bool { return o.Complete && len(o.Owner) == 1 && o.Owner[0] == "7" }
			var out []byte
			for b.Loop() {
				var err error
				if out, _, _, err = p.Cut(out[:0], c.body, own); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func indented(tb testing.TB, body []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
